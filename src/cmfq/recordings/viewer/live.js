// A run that trains: its curves, and whether there is a newer game.

import { drawLines, short } from "viewer/charts.js";
import { element } from "viewer/panel.js";
import { readTheme } from "viewer/theme.js";

const PERIOD = 2000; // milliseconds between two looks

/**
 * @typedef {Object} Status
 * @property {number} episode @property {number} episodes
 * @property {string} newest name of the newest game, or nothing
 * @property {boolean} records whether the run records games
 * @property {{title: string, lines: number[][], names: string[]}[]} curves
 */

/**
 * Look again and again; show a newer game, at once if nobody is watching the one that is there.
 * @param {HTMLDetailsElement} root @param {() => boolean} idle
 */
export function keepUp(root, idle) {
  const said = /** @type {HTMLElement} */ (root.querySelector("[role=status]"));
  const newest = /** @type {HTMLButtonElement} */ (root.querySelector("#newest"));
  root.open = !root.dataset.shown || matchMedia("(min-width: 861px)").matches; // on phones, games come first
  newest.addEventListener("click", () => location.reload());
  /** @type {Status|null} */
  let last = null;
  const draw = () => last && root.open && drawCurves(root, last);
  root.addEventListener("toggle", draw);
  new ResizeObserver(draw).observe(root);
  const look = async () => {
    try {
      const answer = document.hidden ? null : await fetch("status");
      if (answer && !answer.ok) said.textContent = await answer.text(); // what is wrong with the run
      else if (answer) {
        last = /** @type {Status} */ (await answer.json());
        said.textContent = describe(last);
        const newer = last.newest !== "" && last.newest !== root.dataset.shown;
        if (newer && idle()) return location.reload();
        newest.hidden = !newer;
        newest.textContent = `Show ${last.newest}`;
        draw();
      }
      setTimeout(look, PERIOD);
    } catch {
      said.textContent = "“cmfq watch” has ended: start it again and open its new address.";
    }
  };
  look();
}

/** @param {Status} status */
function describe({ episode, episodes, newest, records }) {
  const far = episode >= episodes ? `All ${episodes} episodes are trained.` : `Episode ${episode} of ${episodes}.`;
  if (newest) return far;
  return records ? `${far} No game is recorded yet.` : `${far} No games: the run is trained without --record-period.`;
}

/** @param {HTMLElement} root @param {Status} status */
function drawCurves(root, { curves }) {
  const place = /** @type {HTMLElement} */ (root.querySelector(".curves"));
  while (place.children.length < curves.length) {
    const figure = element("figure");
    const canvas = element("canvas");
    canvas.setAttribute("role", "img");
    figure.append(element("figcaption"), canvas);
    place.append(figure);
  }
  const theme = readTheme();
  curves.forEach(({ title, lines, names }, i) => {
    const [caption, canvas] = /** @type {any} */ (place.children[i].children);
    const now = lines.map((line, k) => `${names[k]} ${line.length ? short(line[line.length - 1]) : "–"}`.trim()).join(", ");
    caption.textContent = `${title}: ${now}`;
    canvas.setAttribute("aria-label", `${title}, at last ${now}`);
    drawLines(canvas, lines, Math.max(...lines.map((line) => line.length)), theme);
  });
}
