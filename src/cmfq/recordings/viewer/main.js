// The page: loads the games, keeps time, and answers to pointer and keyboard.

import { drawTimeline, moveMark } from "viewer/charts.js";
import { agentAfter, agentOfNextTeam, openingAgent, openingStep, stepOf, weightiest } from "viewer/choosing.js";
import { Field } from "viewer/field.js";
import { ReplayError } from "viewer/format.js";
import { Game } from "viewer/game.js";
import { Panel, element } from "viewer/panel.js";
import { keepUp } from "viewer/live.js";
import { listenToKeys, listenToPointer } from "viewer/input.js";
import { OVERLAYS, overlayOf } from "viewer/overlay.js";
import { readTheme } from "viewer/theme.js";

const AHEAD = 4; // steps whose thoughts are unpacked before they are due

const get = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/** One game on the page. @typedef {ReturnType<typeof addView>} View */

const state = {
  step: 0,
  fraction: 0,
  length: 1,
  playing: false,
  opening: false, // nobody has moved time yet: it plays from the beginning
  since: 0, // when the step began, in milliseconds
  speed: 10,
  overlay: "none",
  numbers: false,
  /** @type {number|null} */ chosen: null,
  hovered: -1,
};

/** @type {View[]} */
const views = [];
const games = () => views.map(({ game }) => game);
let theme = readTheme();
let stale = false; // something beside the field changed
let asked = 0; // the animation frame that is asked for, or 0
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Game} game */
function addView(game) {
  const root = get("view").content.cloneNode(true).firstElementChild;
  root.querySelector("h2").textContent =
    `${game.teams.map((team) => team.player).join(" against ")}: ${game.header.title || game.header.environment}, ${game.header.origin || `seed ${game.header.seed}`}`;
  const number = views.length + 1;
  if (number > 1) { // parts of several games that are read out have names of their own
    for (const part of root.querySelectorAll("[aria-label]")) {
      part.setAttribute("aria-label", `${part.getAttribute("aria-label")}, game ${number}`);
    }
  }
  get("views").append(root);
  const canvas = root.querySelector(".field");
  const timeline = document.createElement("canvas");
  timeline.setAttribute("role", "img");
  timeline.setAttribute("aria-label", `Deaths at every step of ${game.name}`);
  const mark = element("i", "", "mark");
  const line = element("div", "", "timeline");
  line.append(timeline, mark);
  get("timelines").append(line);
  const view = {
    game,
    canvas,
    timeline,
    mark,
    under: root.querySelector(".under"),
    field: new Field(canvas, game),
    panel: new Panel(root, game, { choose, hover }),
    step: 0,
    /** @type {{team: number, row: number}|null} */ chosen: null,
    /** @type {import("./game.js").Neighbour[]} */ neighbours: [],
    /** @type {Float32Array[]|null} */ shares: null,
    most: 1,
  };
  listenToPointer(view, { choose, hover, redraw: ask });
  new ResizeObserver(redraw).observe(canvas);
  return view;
}

/** Choose an agent, in all games. @param {number|null} id */
export function choose(id) {
  state.chosen = id;
  state.hovered = -1;
  refresh();
}

/** What if all acted like this neighbour? @param {number} id or -1 */
export function hover(id) {
  if (id === state.hovered && id !== -1) return;
  state.hovered = id;
  refresh();
}

/** @param {number} step */
function go(step) {
  state.step = Math.max(0, Math.min(state.length - 1, step));
  state.opening = false;
  state.fraction = 0;
  state.since = performance.now();
  refresh();
}

/** @param {boolean} playing */
function play(playing) {
  if (playing && (state.opening || state.step >= state.length - 1)) state.step = 0;
  state.opening = false;
  state.playing = playing;
  state.fraction = 0;
  state.since = performance.now();
  get("play").classList.toggle("playing", playing);
  get("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  refresh();
}

/** Sizes or colours changed. */
function redraw() {
  for (const { game, panel, timeline } of views) {
    panel.drawGame(state.length, theme);
    drawTimeline(timeline, game, state.length, theme);
  }
  refresh();
}

/** Everything but what is drawn of whole games may have changed. */
function refresh() {
  stale = true;
  ask();
}

/** The field has to be drawn anew. */
function ask() {
  asked ||= requestAnimationFrame(frame);
}

/** @param {number} now */
function frame(now) {
  asked = 0;
  if (state.playing) advance(now);
  if (stale) {
    stale = false;
    views.forEach(update);
    showClock();
  }
  for (const view of views) {
    const fraction = view.step === state.step && !still.matches ? state.fraction : 0;
    view.field.draw({ ...state, ...view, step: view.step, fraction }, theme);
  }
  if (state.playing) ask();
}

/** Move time on. @param {number} now */
function advance(now) {
  const passed = ((now - state.since) / 1000) * state.speed;
  if (passed >= 1) {
    const whole = Math.floor(passed);
    state.step += whole;
    state.since += (whole / state.speed) * 1000;
    stale = true;
  }
  state.fraction = Math.max(0, passed % 1);
  if (state.step >= state.length - 1) {
    state.step = state.length - 1;
    play(false);
  }
}

/** Bring one game's panel to the present step. @param {View} view */
function update(view) {
  const { game } = view;
  view.step = stepOf(game, state.step);
  view.chosen = state.chosen === null ? null : game.find(view.step, state.chosen);
  const thinking = (view.chosen && game.reasons(view.chosen.team)) || state.overlay !== "none";
  if (thinking) unpack(view);
  view.neighbours = view.chosen
    ? game.neighbours(view.step, view.chosen.team, view.chosen.row)
    : [];
  showOverlay(view);
  view.panel.showStep(view.step, state.length, theme);
  if (view.chosen)
    view.panel.showAgent(view.step, view.chosen.team, view.chosen.row, view.neighbours, state.hovered);
  else view.panel.showNobody(state.chosen);
  moveMark(view.mark, view.step, state.length, false);
  view.canvas.setAttribute(
    "aria-label",
    `Step ${view.step}: ${game.steps[view.step].map((team, t) => `${team.count} of ${game.teams[t].name}`).join(", ")}`,
  );
}

/** Unpack what the policies think now and soon. @param {View} view */
function unpack(view) {
  const { game, step } = view;
  if (!game.tracesAt(step))
    game.think(step).then(
      () => view.step === step && refresh(),
      (error) => complain(error),
    );
  if (!state.playing) return;
  for (let ahead = step + 1; ahead <= Math.min(step + AHEAD, game.length - 1); ahead++)
    game.think(ahead).catch(() => {}); // told when it is due
}

/** @param {View} view */
function showOverlay(view) {
  const overlay = overlayOf(view.game, view.step, state.overlay);
  view.shares = overlay && overlay.shares;
  if (!overlay) return;
  get("legend-low").textContent = "0";
  get("legend-high").textContent = overlay.most;
}

function showClock() {
  get("clock").textContent = `step ${state.step} of ${state.length - 1}`;
  const scrub = get("scrub");
  scrub.value = String(state.step);
  scrub.setAttribute("aria-valuetext", `step ${state.step}`);
}

/** @param {unknown} error */
function complain(error) {
  const message = get("message");
  message.textContent =
    error instanceof ReplayError ? error.message : `The replay cannot be shown: ${error}`;
  message.hidden = false;
}

/** @param {number} by */
function changeSpeed(by) {
  const speed = get("speed");
  speed.selectedIndex = Math.max(0, Math.min(speed.options.length - 1, speed.selectedIndex + by));
  setSpeed();
}

function setSpeed() {
  state.speed = Number(get("speed").value);
  state.since = performance.now() - (state.fraction / state.speed) * 1000;
}

/** @param {string} overlay */
function setOverlay(overlay) {
  state.overlay = overlay;
  get("overlay").value = overlay;
  get("legend").hidden = overlay === "none";
  refresh();
}

function toggleNumbers() {
  state.numbers = !state.numbers;
  get("numbers").setAttribute("aria-pressed", String(state.numbers));
  refresh();
}

/** The neighbour that weighs most, as soon as the weights are unpacked. */
async function follow() {
  const { step, chosen } = state;
  const next = await weightiest(games(), step, chosen).catch(complain);
  if (next != null && state.chosen === chosen) choose(next);
}

const ACTIONS = {
  toggle: () => play(!state.playing),
  step: (/** @type {number} */ by) => {
    play(false);
    go(state.step + by);
  },
  first: () => go(0),
  last: () => go(state.length - 1),
  speed: changeSpeed,
  choose: (/** @type {number} */ by) => choose(agentAfter(games(), state.step, state.chosen, by)),
  team: () => choose(agentOfNextTeam(games(), state.step, state.chosen)),
  follow,
  nobody: () => choose(null),
  numbers: toggleNumbers,
  overlay: () => setOverlay(OVERLAYS[(OVERLAYS.indexOf(state.overlay) + 1) % OVERLAYS.length]),
  zoom: (/** @type {number} */ factor) => {
    views.forEach(({ field }) => (factor ? field.zoom(factor) : field.refit()));
    ask();
  },
  pan: (/** @type {number} */ dx, /** @type {number} */ dy) => {
    views.forEach(({ field }) => field.pan(dx, dy));
    ask();
  },
  help: () => get("keys").showModal(),
};

function listen() {
  const click = (/** @type {string} */ id, /** @type {() => void} */ act) => get(id).addEventListener("click", act);
  click("play", ACTIONS.toggle);
  click("first", ACTIONS.first);
  click("last", ACTIONS.last);
  click("back", () => ACTIONS.step(-1));
  click("forward", () => ACTIONS.step(1));
  click("numbers", toggleNumbers);
  click("help", ACTIONS.help);
  get("scrub").addEventListener("input", () => go(Number(get("scrub").value)));
  get("speed").addEventListener("change", setSpeed);
  get("overlay").addEventListener("change", () => setOverlay(get("overlay").value));
  listenToKeys(ACTIONS);
  const recolour = () => {
    theme = readTheme();
    redraw();
  };
  matchMedia("screen and (prefers-color-scheme: dark)").addEventListener("change", recolour);
  for (const printed of [true, false]) // a frame in a page is not told that the medium changes
    addEventListener(printed ? "beforeprint" : "afterprint", () => {
      document.documentElement.classList.toggle("printed", printed);
      recolour();
      frame(performance.now()); // before the page is printed, not when it is next shown
    });
}

async function start() {
  const entries = JSON.parse(get("replays").textContent);
  for (const entry of entries) {
    try {
      views.push(addView(await Game.load(entry)));
    } catch (error) {
      complain(error);
    }
  }
  get("loading").hidden = true;
  if (get("live")) keepUp(get("live"), () => !views.length || state.opening);
  if (!views.length) return;
  get("views").classList.toggle("several", views.length > 1);
  get("transport").hidden = false;
  state.length = Math.max(...views.map(({ game }) => game.length));
  get("scrub").max = String(state.length - 1);
  for (const { game } of views) {
    if (game.ending) continue;
    get("views").before(element("p", `${game.name} is cut short: it shows the ${game.length} steps that are whole.`, "note"));
  }
  listen();
  go(openingStep(views[0].game));
  state.opening = true;
  redraw();
  const opening = await openingAgent(views[0].game, state.step).catch(() => null);
  state.chosen ??= opening; // unless somebody has been chosen meanwhile
  get("views").dataset.ready = "true";
  refresh();
}

start();
