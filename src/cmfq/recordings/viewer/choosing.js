// Whom the keys choose: always from what is so now, not from what was drawn last.

import { sum } from "viewer/rows.js";

/** @typedef {import("./game.js").Game} Game */

/** The step to open at: of those with thoughts, where most die, or most attack, or most is earned. @param {Game} game */
export function openingStep(game) {
  const kept = game.packedTraces.some((trace, step) => trace && step > 0);
  let best = Math.min(1, game.length - 1);
  let most = [-1, -1, -1];
  for (let step = best; step < game.length; step++) {
    if (kept && !game.packedTraces[step]) continue;
    const teams = game.steps[step];
    const deaths = teams.reduce((all, team) => all + team.count - sum(team.alive), 0);
    const attacks = teams.reduce((all, { actions }, t) => {
      const strikes = game.teams[t].body.attacks;
      return all + actions.reduce((n, action) => n + (strikes[action] ? 1 : 0), 0);
    }, 0);
    const earned = teams.reduce((all, { rewards }) => all + rewards.reduce((a, b) => a + Math.abs(b), 0), 0);
    const now = [deaths, attacks, earned];
    const differs = now.findIndex((value, i) => value !== most[i]);
    if (differs >= 0 && now[differs] > most[differs]) [best, most] = [step, now];
  }
  return best;
}

/** Whose policy weighing moves most in a step; nobody's where nobody weighs. @param {Game} game @param {number} step */
export async function openingAgent(game, step) {
  await game.think(step);
  let chosen = null;
  let most = -1;
  game.teams.forEach((_, team) => {
    if (!game.tracesAt(step)?.[team]) return;
    game.policyMoved(step, team).forEach((moved, row) => {
      if (moved > most && game.neighbours(step, team, row).length)
        [chosen, most] = [game.steps[step][team].ids[row], moved];
    });
  });
  return chosen;
}

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
