// Colours of the whole field.

export const OVERLAYS = ["none", "drawn", "moved"];

/**
 * @param {import("./game.js").Game} game @param {number} step @param {string} kind of OVERLAYS
 * @returns {{shares: Float32Array[], most: string}|null} from 0 to 1 by team, and what 1 stands for
 */
export function overlayOf(game, step, kind) {
  if (kind === "moved")
    return { shares: game.teams.map((_, team) => game.policyMoved(step, team)), most: "100 %" };
  if (kind === "none") return null;
  const drawn = game.teams.map((_, team) => game.attentionDrawn(step, team));
  const most = drawn.reduce((top, team) => team.reduce((a, b) => Math.max(a, b), top), 2);
  return {
    shares: drawn.map((team) => team.map((value) => value / most)),
    most: `${most.toFixed(1)} shares`,
  };
}
