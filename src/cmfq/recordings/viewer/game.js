// A recorded game: where everyone is, who is whose neighbour, and what the policies thought.

import { ReplayError, decodeArrays, inflate, readReplay } from "viewer/format.js";
import { pairOf, softmax, sum, teamTrace, teamStep, totalVariation } from "viewer/rows.js";

/** @typedef {import("./format.js").Packed} Packed */
/** @typedef {import("./format.js").Header} Header */
/** @typedef {import("./rows.js").TeamTrace} TeamTrace */

/**
 * @typedef {Object} Neighbour
 * @property {number} team @property {number} row @property {number} id
 * @property {number} distance @property {number} action in the step before
 * @property {number} effect @property {number} weight @property {number} pair
 */

const PROBABILITY = 65535;
const COARSE_PROBABILITY = 255;
const TRACES_KEPT = 48;

export class Game {
  /**
   * From the server, or from the page itself.
   * @param {{name: string, url?: string, data?: string}} entry `data`: id of an element of the page
   */
  static async load({ name, url, data }) {
    const embedded = data && document.getElementById(data)?.textContent;
    const answer = await fetch(url ?? `data:application/octet-stream;base64,${embedded}`);
    if (!answer.ok) throw new ReplayError(`${name} cannot be loaded: the server answers ${answer.status}.`);
    return Game.read(await answer.arrayBuffer(), name);
  }

  /** @param {ArrayBuffer} buffer @param {string} name */
  static async read(buffer, name) {
    try {
      const { header, ending, steps, traces } = await readReplay(buffer, name);
      return new Game(name, header, ending, steps, traces);
    } catch (error) {
      if (error instanceof ReplayError) throw error;
      throw new ReplayError(`${name} is damaged: record it again.`);
    }
  }

  /**
   * @param {string} name @param {Header} header @param {any} ending
   * @param {Map<string, Packed>[]} steps @param {(Uint8Array|null)[]} traces
   */
  constructor(name, header, ending, steps, traces) {
    this.name = name;
    this.header = header;
    this.ending = ending;
    this.teams = header.teams;
    this.steps = steps.map((arrays) => this.teams.map((_, t) => teamStep(arrays, t)));
    this.items = steps.map((arrays) => arrays.get("item")?.data ?? []); // x, y and radius of each
    this.packedTraces = traces;
    /** @type {number[][]|null} */
    this.boxes = null;
    /** @type {number[]|null} */
    this.fight = null;
    /** @type {number[]|null} */
    this.everywhere = null;
    /** @type {Map<number, (TeamTrace|null)[]>} */
    this.traces = new Map();
    /** @type {Map<number, Promise<(TeamTrace|null)[]>>} */
    this.unpacking = new Map();
    this.deaths = this.teams.map((_, t) =>
      this.steps.map((step) => step[t].count - sum(step[t].alive)),
    );
    /** Whether the number of agents changes: if not, there are no survivors to speak of. */
    this.changes = this.teams.some(
      (_, t) => sum(this.deaths[t]) > 0 || this.steps.some((step) => step[t].count !== this.steps[0][t].count),
    );
    this.rewards = this.teams.map((_, t) => {
      let total = 0;
      return this.steps.map((step) => (total += sum(step[t].rewards)));
    });
  }

  get length() {
    return this.steps.length;
  }

  /**
   * Left, top, right and bottom of what is worth seeing at a step, with some air: where everyone is,
   * and where anyone is from the first death on. So armies that march are followed to the fight.
   * @param {number} step
   */
  extent(step) {
    this.boxes ??= this.steps.map((teams) => boxOf(teams));
    this.fight ??= this.boxes.slice(this.firstDeath()).reduce(union);
    const [left, top, right, bottom] = this.field();
    const air = 3 * Math.max(...this.teams.map((team) => team.body.size));
    const box = union(this.boxes[step], this.fight);
    if (box[0] > box[2]) return [left, top, right, bottom]; // nobody is there
    return [
      Math.max(left, box[0] - air),
      Math.max(top, box[1] - air),
      Math.min(right, box[2] + air),
      Math.min(bottom, box[3] + air),
    ];
  }

  /** Left, top, right and bottom of the field, wider where bodies are beyond its bounds at any step. */
  field() {
    this.everywhere ??= this.steps.map((step) => boxOf(step, this.teams)).reduce(union, this.header.bounds);
    return this.everywhere;
  }

  /** The first step in which anyone dies; where nobody does, the first attack. */
  firstDeath() {
    const found = this.steps.findIndex((_, step) => this.deaths.some((of) => of[step] > 0));
    return found < 0 ? this.firstAttack() : found;
  }

  /** The first step in which anyone attacks; 0 if nobody ever does. */
  firstAttack() {
    const found = this.steps.findIndex((teams) =>
      teams.some(({ actions }, t) => actions.some((action) => this.teams[t].body.attacks[action])),
    );
    return Math.max(0, found);
  }

  /** Team and row of an agent at a step. @param {number} step @param {number} id */
  find(step, id) {
    for (let team = 0; team < this.teams.length; team++) {
      const row = this.steps[step][team].ids.indexOf(id);
      if (row >= 0) return { team, row };
    }
    return null;
  }

  /** Middle of a body. @param {number} step @param {number} team @param {number} row */
  middle(step, team, row) {
    const { positions } = this.steps[step][team];
    const { shape, size } = this.teams[team].body;
    const half = shape === "square" ? size / 2 : 0;
    return { x: positions[2 * row] + half, y: positions[2 * row + 1] + half };
  }

  /** Row of each agent in the next step, -1 for the dead. @param {number} step @param {number} team */
  nextRows(step, team) {
    const { alive } = this.steps[step][team];
    let next = 0;
    return Int32Array.from(alive, (lives) => (lives ? next++ : -1));
  }

  /** What each did in the step before, -1 for nothing yet. @param {number} step @param {number} team */
  previousActions(step, team) {
    const now = this.steps[step][team];
    if (now.previous) return now.previous;
    const previous = new Int16Array(now.count).fill(-1);
    if (step === 0) return previous;
    const { alive, actions } = this.steps[step - 1][team];
    for (let row = 0, next = 0; row < alive.length; row++)
      if (alive[row]) previous[next++] = actions[row];
    return previous;
  }

  /** Does this step's team have a trace? @param {number} team */
  reasons(team) {
    return Boolean(this.teams[team].reasoning);
  }

  /** The last step up to this one of which it is kept what the policies thought. @param {number} step */
  keptStep(step) {
    while (step > 0 && !this.packedTraces[step]) step--;
    return step;
  }

  /** What every team thought, if it is unpacked. @param {number} step */
  tracesAt(step) {
    return this.traces.get(step) ?? null;
  }

  /** Unpack the trace of every team. @param {number} step @returns {Promise<(TeamTrace|null)[]>} */
  think(step) {
    const there = this.traces.get(step);
    if (there) return Promise.resolve(there);
    let unpacking = this.unpacking.get(step);
    if (!unpacking) {
      unpacking = this.unpack(step).finally(() => this.unpacking.delete(step));
      this.unpacking.set(step, unpacking);
    }
    return unpacking;
  }

  /** @param {number} step */
  async unpack(step) {
    const packed = this.packedTraces[step];
    /** @type {(TeamTrace|null)[]} */
    let traces = this.teams.map(() => null);
    if (packed) {
      try {
        const arrays = decodeArrays(await inflate(packed));
        traces = this.teams.map((team, t) =>
          teamTrace(arrays, t, this.steps[step][t].count, team.actions.length),
        );
      } catch {
        throw new ReplayError(`${this.name} is damaged at step ${step}: record it again.`);
      }
    }
    this.traces.set(step, traces);
    for (const old of this.traces.keys()) {
      if (this.traces.size <= TRACES_KEPT) break;
      this.traces.delete(old);
    }
    return traces;
  }

  /**
   * An agent's neighbours, the weightiest first, or the nearest if weights are not known (yet).
   * @param {number} step @param {number} team @param {number} row @returns {Neighbour[]}
   */
  neighbours(step, team, row) {
    const reasoning = this.teams[team].reasoning;
    const radius = (reasoning ? reasoning.radius : this.teams[team].view_radius) ?? Infinity;
    const everyone = reasoning?.neighbours === "everyone";
    const trace = this.tracesAt(step)?.[team] ?? null;
    const own = this.steps[step][team].positions;
    /** @type {Neighbour[]} */
    const found = [];
    for (let other = 0; other < this.teams.length; other++) {
      if (other !== team && !everyone) continue;
      const { positions, ids, count } = this.steps[step][other];
      const previous = this.previousActions(step, other);
      for (let k = 0; k < count; k++) {
        if (previous[k] < 0 || (other === team && k === row)) continue;
        const dx = positions[2 * k] - own[2 * row];
        const dy = positions[2 * k + 1] - own[2 * row + 1];
        if (squareToBody(dx, dy, reasoning?.body_side) > radius * radius) continue;
        const pair = trace ? pairOf(trace, row, previous[k]) : -1;
        found.push({
          team: other,
          row: k,
          id: ids[k],
          distance: Math.hypot(dx, dy),
          action: previous[k],
          effect: trace && pair >= 0 ? trace.effects[pair] : NaN,
          weight: trace && pair >= 0 ? trace.merged[pair] / trace.counts[pair] : NaN,
          pair,
        });
      }
    }
    if (trace?.weights && trace.neighbourStarts) {
      const { weights } = trace;
      const start = trace.neighbourStarts[row];
      found.forEach((one, k) => (one.weight = weights[start + k] / PROBABILITY));
    }
    return found.sort((a, b) => b.weight - a.weight || a.distance - b.distance);
  }

  /** Policy with the mean action. @param {TeamTrace} trace @param {number} team @param {number} row */
  policyBefore(trace, team, row) {
    const actions = this.teams[team].actions.length;
    return Float32Array.from(
      trace.before.subarray(row * actions, (row + 1) * actions),
      (p) => p / PROBABILITY,
    );
  }

  /** Policy with the merged action. @param {TeamTrace} trace @param {number} team @param {number} row */
  policyAfter(trace, team, row) {
    const actions = this.teams[team].actions.length;
    return softmax(trace.advantages.subarray(row * actions, (row + 1) * actions), trace.beta);
  }

  /** Policy under the intervention with a pair's action. @param {TeamTrace} trace @param {number} team @param {number} pair */
  policyWhatIf(trace, team, pair) {
    const actions = this.teams[team].actions.length;
    return Float32Array.from(
      trace.whatIf.subarray(pair * actions, (pair + 1) * actions),
      (p) => p / COARSE_PROBABILITY,
    );
  }

  /** Sum of the weights that others give each agent. @param {number} step @param {number} team */
  attentionDrawn(step, team) {
    const { count, positions } = this.steps[step][team];
    const total = new Float32Array(count);
    const trace = this.tracesAt(step)?.[team];
    if (!trace) return total;
    const reasoning = this.teams[team].reasoning;
    const radius = reasoning?.radius ?? Infinity;
    const previous = this.previousActions(step, team);
    const share = new Float32Array(this.teams[team].actions.length);
    for (let i = 0; i < count; i++) {
      const [start, end] = [trace.pairStarts[i], trace.pairStarts[i + 1]];
      for (let p = start; p < end; p++) share[trace.action[p]] = trace.merged[p] / trace.counts[p];
      let weight = trace.neighbourStarts ? trace.neighbourStarts[i] : 0;
      for (let k = 0; k < count; k++) {
        if (k === i || previous[k] < 0) continue;
        const dx = positions[2 * k] - positions[2 * i];
        const dy = positions[2 * k + 1] - positions[2 * i + 1];
        if (squareToBody(dx, dy, reasoning?.body_side) > radius * radius) continue;
        total[k] += trace.weights ? trace.weights[weight++] / PROBABILITY : share[previous[k]];
      }
    }
    return total;
  }

  /** Total variation between each agent's policy before and after. @param {number} step @param {number} team */
  policyMoved(step, team) {
    const { count } = this.steps[step][team];
    const trace = this.tracesAt(step)?.[team];
    const moved = new Float32Array(count);
    if (!trace) return moved;
    for (let row = 0; row < count; row++)
      moved[row] = totalVariation(
        this.policyBefore(trace, team, row),
        this.policyAfter(trace, team, row),
      );
    return moved;
  }
}

/**
 * Squared distance from an agent's middle to the middle of the nearest cell of another's body.
 * @param {number} dx between the two positions @param {number} dy @param {number} [side] of bodies, in cells
 */
function squareToBody(dx, dy, side = 1) {
  const wide = (side - 1) / 2;
  const x = Math.max(Math.abs(dx) - wide, wide % 1);
  const y = Math.max(Math.abs(dy) - wide, wide % 1);
  return x * x + y * y;
}

/**
 * Where everyone is. @param {import("./rows.js").TeamStep[]} teams
 * @param {import("./format.js").Team[]} [described] teams, where their bodies count as well
 */
function boxOf(teams, described) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  teams.forEach(({ positions }, t) => {
    const { shape, size } = described?.[t].body ?? { shape: "square", size: 0 };
    const before = shape === "square" ? 0 : size / 2;
    const after = size - before;
    for (let i = 0; i < positions.length; i++) {
      box[i % 2] = Math.min(box[i % 2], positions[i] - before);
      box[2 + (i % 2)] = Math.max(box[2 + (i % 2)], positions[i] + after);
    }
  });
  return box;
}

/** @param {number[]} a @param {number[]} b */
function union(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}
