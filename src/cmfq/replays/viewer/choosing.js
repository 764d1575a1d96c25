// Whom the keys choose: always from what is so now, not from what was drawn last.

/** @typedef {import("./game.js").Game} Game */

/** Where an agent is, in the first game that has it. @param {Game[]} games @param {number} step @param {number|null} id */
function place(games, step, id) {
  for (const game of games) {
    const now = stepOf(game, step);
    const found = id === null ? null : game.find(now, id);
    if (found) return { game, step: now, ...found };
  }
  return null;
}

/** The step that a game shows: its last one, once it is over. @param {Game} game @param {number} step */
export function stepOf(game, step) {
  return Math.min(step, game.length - 1);
}

/** The teams among which to choose. @param {Game[]} games @param {number} step @param {number|null} id */
function teamsOf(games, step, id) {
  const game = place(games, step, id)?.game ?? games[0];
  return game.steps[stepOf(game, step)];
}

/**
 * The agent before or after, of those that live.
 * @param {Game[]} games @param {number} step @param {number|null} id @param {number} by @returns {number|null}
 */
export function agentAfter(games, step, id, by) {
  const ids = teamsOf(games, step, id).flatMap((team) => [...team.ids]).sort((a, b) => a - b);
  const at = id === null ? (by > 0 ? -1 : 0) : ids.indexOf(id);
  return ids[(at + by + ids.length) % ids.length] ?? id;
}

/**
 * Somebody of the next team.
 * @param {Game[]} games @param {number} step @param {number|null} id @returns {number|null}
 */
export function agentOfNextTeam(games, step, id) {
  const teams = teamsOf(games, step, id);
  const found = place(games, step, id);
  return teams[found ? (found.team + 1) % teams.length : 0].ids[0] ?? id;
}

/**
 * The neighbour that weighs most, once the weights are unpacked.
 * @param {Game[]} games @param {number} step @param {number|null} id @returns {Promise<number|null>}
 */
export async function weightiest(games, step, id) {
  const found = place(games, step, id);
  if (!found) return null;
  await found.game.think(found.step);
  return found.game.neighbours(found.step, found.team, found.row)[0]?.id ?? null;
}
