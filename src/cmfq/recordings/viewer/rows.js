// The arrays of one team at one step, and arithmetic on them.

import { isWithin } from "viewer/format.js";

/** @typedef {import("./format.js").Packed} Packed */

/**
 * @typedef {Object} TeamStep rows are the agents that live when the step begins
 * @property {number} count
 * @property {Uint32Array} ids
 * @property {Int16Array|Float32Array} positions x and y of each
 * @property {Float32Array|null} health
 * @property {Int16Array} actions
 * @property {Uint8Array} alive when the step ends
 * @property {Float32Array} rewards
 * @property {Int16Array|null} previous actions of the step before, -1 for none, where they do not follow from it
 */

/**
 * @typedef {Object} TeamTrace trace of a team's decisions; a pair is an agent and an action that
 *   some neighbour of it took in the step before
 * @property {number} beta
 * @property {Uint32Array} pairStarts first pair of each row, and the end
 * @property {Uint8Array|Uint16Array} action of each pair
 * @property {Uint16Array} counts of each pair
 * @property {Float32Array} effects of each pair
 * @property {Float32Array} merged of each pair
 * @property {Uint8Array} whatIf policy of each pair
 * @property {Uint16Array} before policy of each row
 * @property {Float32Array} advantages of each row's actions
 * @property {Float32Array} values of each row's best action
 * @property {Uint32Array|null} neighbourStarts first weight of each row, and the end
 * @property {Uint16Array|null} weights of each neighbour, where each has its own
 */

/** @param {Float32Array} p @param {Float32Array} q */
export function totalVariation(p, q) {
  let distance = 0;
  for (let a = 0; a < p.length; a++) distance += Math.abs(p[a] - q[a]);
  return distance / 2;
}

/** @param {Float32Array} advantages at most 0 @param {number} beta */
export function softmax(advantages, beta) {
  const policy = advantages.map((advantage) => Math.exp(beta * advantage));
  const total = sum(policy);
  return policy.map((p) => p / total);
}

/** @param {TeamTrace} trace @param {number} row @param {number} action */
export function pairOf(trace, row, action) {
  for (let pair = trace.pairStarts[row]; pair < trace.pairStarts[row + 1]; pair++)
    if (trace.action[pair] === action) return pair;
  return -1;
}

/** @param {Map<string, Packed>} arrays @param {number} team @returns {TeamStep} */
export function teamStep(arrays, team) {
  const get = (/** @type {string} */ name) => /** @type {any} */ (arrays.get(`${team}/${name}`)?.data);
  const ids = get("id");
  return {
    count: ids.length,
    ids,
    positions: get("position"),
    health: get("health") ?? null,
    actions: get("action"),
    alive: get("alive"),
    rewards: get("reward"),
    previous: get("previous") ?? null,
  };
}

/**
 * @param {Map<string, Packed>} arrays @param {number} team
 * @param {number} rows agents that live @param {number} actions that they have
 * @returns {TeamTrace|null}
 */
export function teamTrace(arrays, team, rows, actions) {
  const get = (/** @type {string} */ name) => /** @type {any} */ (arrays.get(`${team}/${name}`)?.data);
  if (!get("taken")) return null;
  const pairs = sum(get("taken"));
  const lengths = {
    beta: 1, taken: rows, value: rows, policy_before: rows * actions, advantage: rows * actions,
    taken_action: pairs, taken_count: pairs, effect: pairs, merged: pairs, what_if: pairs * actions,
  };
  for (const [name, length] of Object.entries(lengths))
    if (get(name)?.length !== length) throw new Error(`${name} is damaged`);
  if (!isWithin(get("taken_action"), 0, actions - 1)) throw new Error("an action is damaged");
  if (get("weight") && get("weight").length !== sum(get("neighbours") ?? []))
    throw new Error("weights are damaged");
  return {
    beta: get("beta")[0],
    pairStarts: starts(get("taken")),
    action: get("taken_action"),
    counts: get("taken_count"),
    effects: get("effect"),
    merged: get("merged"),
    whatIf: get("what_if"),
    before: get("policy_before"),
    advantages: get("advantage"),
    values: get("value"),
    neighbourStarts: get("neighbours") ? starts(get("neighbours")) : null,
    weights: get("weight") ?? null,
  };
}

/** @param {ArrayLike<number>} sizes */
function starts(sizes) {
  const ends = new Uint32Array(sizes.length + 1);
  for (let i = 0; i < sizes.length; i++) ends[i + 1] = ends[i] + sizes[i];
  return ends;
}

/** @param {ArrayLike<number>} numbers */
export function sum(numbers) {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i];
  return total;
}
