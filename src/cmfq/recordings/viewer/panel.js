// What is written beside one game's field: teams, charts, and the chosen agent's reasons.

import { drawHistogram, drawLines, moveMark } from "viewer/charts.js";
import { totalVariation } from "viewer/rows.js";

/** @typedef {import("./game.js").Game} Game */
/** @typedef {import("./game.js").Neighbour} Neighbour */
/** @typedef {import("./theme.js").Theme} Theme */

const SHOWN_NEIGHBOURS = 12; // where the page grows with the table
const ROW = 26; // pixels of a row of the table and of its heading, as in the style sheet
const FEWEST_ROWS = 3;

export class Panel {
  /**
   * @param {HTMLElement} root @param {Game} game
   * @param {{choose: (id: number|null) => void, hover: (id: number) => void}} on
   */
  constructor(root, game, on) {
    this.game = game;
    this.on = on;
    this.showAll = false;
    this.get = (/** @type {string} */ selector) => /** @type {any} */ (root.querySelector(selector));
    this.marks = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".charts .mark"));
    /** @type {{row: HTMLElement, id: number}[]} */
    this.rows = [];
    this.get(".id").addEventListener("change", () => {
      const text = this.get(".id").value;
      on.choose(text === "" ? null : Number(text));
    });
    this.get(".more").addEventListener("click", () => {
      this.showAll = !this.showAll;
      this.get(".heeds .scroll").scrollTop = 0;
      on.hover(-1);
    });
    this.room = SHOWN_NEIGHBOURS;
    this.fills = false; // the table has the height that is left, whatever is in it
    const measure = () => {
      this.fills = getComputedStyle(this.get(".panel")).getPropertyValue("--fills") === "1";
      const scroll = this.get(".heeds .scroll");
      scroll.style.maxHeight = "";
      const height = scroll.clientHeight;
      if (height) this.room = this.fills ? Math.max(FEWEST_ROWS, Math.floor(height / ROW) - 1) : SHOWN_NEIGHBOURS;
      if (height && this.fills) scroll.style.maxHeight = `${(this.room + 1) * ROW}px`; // no row is cut
      on.hover(-1);
    };
    const observer = new ResizeObserver(measure);
    for (const box of [".heeds", ".heeds .scroll"]) observer.observe(this.get(box));
    this.teamRows = game.teams.map((team, index) => {
      const mark = element("i");
      mark.style.background = `var(--team-${index % 6})`;
      const parts = [mark, element("b", describeTeam(team)), element("span"), element("span")];
      const row = element("div", "", "team");
      row.append(...parts);
      this.get(".teams").append(row);
      return parts;
    });
    if (!game.changes) {
      this.get(".survivors").closest("figure").hidden = true;
      this.get(".charts").classList.add("lasting");
    }
    const actions = game.teams[0].actions;
    const ends = this.get(".ends").children;
    ends[0].textContent = actions[0];
    ends[1].textContent = actions[actions.length - 1];
  }

  /** Charts of the whole game. @param {number} length steps of the longest game shown @param {Theme} theme */
  drawGame(length, theme) {
    const { game } = this;
    if (game.changes) {
      const survivors = game.teams.map((_, t) => game.steps.map((one) => one[t].count));
      drawLines(this.get(".survivors"), survivors, length, theme);
    }
    drawLines(this.get(".rewards"), game.rewards, length, theme);
  }

  /** @param {number} step @param {number} length steps of the longest game shown @param {Theme} theme */
  showStep(step, length, theme) {
    const { game } = this;
    const teams = game.steps[step];
    teams.forEach((team, t) => {
      this.teamRows[t][2].textContent = `${team.count} ${game.changes ? "alive" : team.count === 1 ? "agent" : "agents"}`;
      this.teamRows[t][3].textContent = `reward ${game.rewards[t][step].toFixed(1)}`;
    });
    for (const mark of this.marks) moveMark(mark, step, length, true);
    const counts = teams.map((team, t) => {
      const taken = new Array(game.teams[t].actions.length).fill(0);
      for (const action of team.actions) if (action >= 0) taken[action]++;
      return taken;
    });
    drawHistogram(this.get(".actions"), counts, theme);
    if (game.changes) label(this.get(".survivors"), teams.map((team, t) => `${game.teams[t].name} ${team.count}`).join(", "));
    label(this.get(".rewards"), teams.map((_, t) => `${game.teams[t].name} ${game.rewards[t][step].toFixed(1)}`).join(", "));
    label(this.get(".actions"), counts.map((taken, t) => `${game.teams[t].name}: most often ${game.teams[t].actions[taken.indexOf(Math.max(...taken))]}`).join(", "));
  }

  /** Nobody is chosen, or the chosen one is no more. @param {number|null} id */
  showNobody(id) {
    this.setId(id);
    this.get(".trace").hidden = true;
    this.get(".hint").hidden = id !== null;
    this.get(".who").textContent = id === null ? "" : "does not live in this step";
  }

  /**
   * @param {number} step @param {number} team @param {number} row @param {Neighbour[]} neighbours
   * @param {number} hovered id of the neighbour that all are supposed to act like, or -1
   */
  showAgent(step, team, row, neighbours, hovered) {
    const { game } = this;
    const at = game.steps[step][team];
    const specification = game.teams[team];
    const trace = game.tracesAt(step)?.[team] ?? null;
    this.setId(at.ids[row]);
    this.get(".hint").hidden = true;
    this.get(".trace").hidden = false;
    this.get(".who").textContent = `${specification.name}, played by ${describePlayer(specification)}`;
    const facts = [`does ${specification.actions[at.actions[row]] ?? "nothing"}`];
    if (at.health) facts.unshift(`${at.health[row].toFixed(1)} of ${specification.body.full_health} hit points`);
    if (!at.alive[row]) facts.push("dies");
    if (!specification.reasoning) facts.push("a scripted player");
    this.get(".state").textContent = facts.join(" · ");
    this.showNeighbours(neighbours, hovered);
    const why = whyNobody(specification, step);
    this.get(".empty").textContent = why;
    this.get(".empty").hidden = neighbours.length > 0;
    this.get(".heeds .scroll").hidden = neighbours.length === 0;
    this.showPolicy(at, trace, team, row, neighbours.find((one) => one.id === hovered) ?? null);
    if (!specification.reasoning)
      this.get(".counterfactual").textContent =
        `${specification.player} is a scripted player: it weighs nobody and has no policy to show.`;
    else if (!game.packedTraces[step])
      this.get(".counterfactual").textContent =
        `What it thought is not kept for every step of so long a game: step ${game.keptStep(step)} has it.`;
  }

  /** @param {number|null} id */
  setId(id) {
    const input = this.get(".id");
    if (document.activeElement !== input) input.value = id === null ? "" : String(id);
  }

  /** @param {Neighbour[]} neighbours @param {number} hovered */
  showNeighbours(neighbours, hovered) {
    const more = this.get(".more");
    const room = this.fills && neighbours.length > this.room ? this.room - (more.hidden ? 2 : 0) : this.room;
    const shown = this.showAll ? neighbours : neighbours.slice(0, Math.max(FEWEST_ROWS, room));
    while (this.rows.length < shown.length) this.addRow();
    this.rows.forEach((entry, k) => {
      const neighbour = shown[k];
      entry.row.hidden = !neighbour;
      if (!neighbour) return;
      entry.id = neighbour.id;
      const [agent, did, effect, weight] = /** @type {any} */ (entry.row.children);
      agent.firstChild.textContent = neighbour.id;
      did.textContent = this.game.teams[neighbour.team].actions[neighbour.action];
      number(effect, neighbour.effect, neighbour.effect.toPrecision(3));
      number(weight, neighbour.weight, `${(100 * neighbour.weight).toFixed(1)} %`);
      entry.row.classList.toggle("hovered", neighbour.id === hovered);
    });
    this.get(".how-many").textContent = neighbours.length ? `${shown.length} of ${neighbours.length}` : "";
    more.hidden = neighbours.length <= this.room;
    more.textContent = this.showAll ? "Show the weightiest" : `Show all ${neighbours.length}`;
  }

  addRow() {
    const row = element("tr");
    const agent = element("td");
    const button = element("button", "");
    button.setAttribute("type", "button");
    agent.append(button);
    row.append(agent, element("td"), element("td"), element("td"));
    const entry = { row, id: -1 };
    row.addEventListener("pointerenter", () => this.on.hover(entry.id));
    row.addEventListener("pointerleave", () => this.on.hover(-1));
    button.addEventListener("focus", () => this.on.hover(entry.id));
    button.addEventListener("blur", () => this.on.hover(-1));
    button.addEventListener("click", () => this.on.choose(entry.id));
    button.title = "Choose this agent";
    this.get(".neighbours tbody").append(row);
    this.rows.push(entry);
  }

  /**
   * @param {import("./rows.js").TeamStep} at @param {import("./rows.js").TeamTrace|null} trace
   * @param {number} team @param {number} row @param {Neighbour|null} like
   */
  showPolicy(at, trace, team, row, like) {
    const { game } = this;
    const actions = game.teams[team].actions;
    const body = this.get(".policy tbody");
    this.get(".policy").hidden = !trace;
    this.get(".key").hidden = !trace;
    const said = this.get(".counterfactual");
    if (!trace) {
      said.textContent = "";
      return;
    }
    const before = game.policyBefore(trace, team, row);
    const after = game.policyAfter(trace, team, row);
    const whatIf = like && like.pair >= 0 ? game.policyWhatIf(trace, team, like.pair) : null;
    while (body.children.length < actions.length) body.append(policyRow());
    for (let a = 0; a < body.children.length; a++) {
      const entry = body.children[a];
      entry.hidden = a >= actions.length;
      if (entry.hidden) continue;
      const [name, bars, first, second] = entry.children;
      name.textContent = actions[a];
      entry.classList.toggle("acted", a === at.actions[row]);
      const shares = [before[a], after[a], whatIf ? whatIf[a] : 0];
      shares.forEach((share, i) => (bars.firstChild.children[i].style.transform = `scaleX(${share})`));
      number(first, before[a], percent(before[a]));
      number(second, whatIf ? whatIf[a] : after[a], percent(whatIf ? whatIf[a] : after[a]));
      second.classList.toggle("hypothetical", Boolean(whatIf));
    }
    said.classList.toggle("hypothetical", Boolean(whatIf));
    said.textContent = whatIf && like
      ? `If all acted like agent ${like.id} (${game.teams[like.team].actions[like.action]}): most likely ${best(whatIf, actions)}. It does ${actions[at.actions[row]]}.`
      : `The weights change ${percent(totalVariation(before, after))} of the probabilities of its actions: most likely ${best(before, actions)} before, ${best(after, actions)} after.`;
  }
}

function policyRow() {
  const row = element("tr");
  const name = element("th");
  name.setAttribute("scope", "row");
  const cell = element("td");
  const bars = element("div", "", "bars");
  bars.append(element("i", "", "before"), element("i", "", "after"), element("i", "", "what-if"));
  cell.append(bars);
  row.append(name, cell, element("td"), element("td"));
  return row;
}

/** Why there is nobody in the table. @param {import("./format.js").Team} team @param {number} step */
function whyNobody(team, step) {
  if (step === 0)
    return "In step 0 nobody has acted yet: neighbours are weighed by what they did in the step before.";
  const radius = team.reasoning ? team.reasoning.radius : team.view_radius;
  return radius === null ? "Nobody else is left." : `No possible neighbour is within ${radius} of it in this step.`;
}

/** @param {import("./format.js").Team} team */
function describeTeam(team) {
  return `${team.name}: ${describePlayer(team)}`;
}

/** @param {import("./format.js").Team} team */
function describePlayer(team) {
  return team.reasoning ? `${team.player} (${team.reasoning.algorithm})` : team.player;
}

/** @param {Float32Array} policy @param {string[]} actions */
function best(policy, actions) {
  const action = policy.indexOf(Math.max(...policy));
  return `${actions[action]} (${percent(policy[action])})`;
}

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(share >= 0.0005 && share < 0.0995 ? 1 : 0)} %`;
}

/** @param {HTMLElement} cell @param {number} value @param {string} text */
function number(cell, value, text) {
  const known = !Number.isNaN(value);
  cell.textContent = known ? text : "–";
  cell.dataset.value = String(value);
  cell.title = known ? String(value) : "";
}

/** @param {HTMLElement} canvas @param {string} text */
function label(canvas, text) {
  canvas.setAttribute("aria-label", text);
}

/** @param {string} tag @param {string} text @param {string} name of a class */
export function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}
