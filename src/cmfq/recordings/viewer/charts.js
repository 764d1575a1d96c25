// Small drawings beside the field.

import { penOf } from "viewer/theme.js";

/** @typedef {import("./game.js").Game} Game */
/** @typedef {import("./theme.js").Theme} Theme */

const LEFT = 44; // pixels of the numbers beside lines
const RIGHT = 4;

/**
 * Where a mark of the present step stands in a chart of lines or on the timeline; charts of whole
 * games are drawn once, marks move.
 * @param {HTMLElement} mark @param {number} step @param {number} length @param {boolean} lines
 */
export function moveMark(mark, step, length, lines) {
  mark.style.left = lines
    ? `calc(${LEFT}px + (100% - ${LEFT + RIGHT}px) * ${step / Math.max(1, length - 1)})`
    : `${(100 * (step + 0.5)) / length}%`;
}

/**
 * Least and greatest of all numbers and two more. Long games have more numbers than a call takes arguments.
 * @param {number[][]} rows @param {number} least @param {number} most
 */
function rangeOf(rows, least, most) {
  for (const row of rows)
    for (const value of row) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
  return [least, most];
}

/**
 * Deaths at every step, one row per team.
 * @param {HTMLCanvasElement} canvas @param {Game} game @param {number} length steps shown
 * @param {Theme} theme
 */
export function drawTimeline(canvas, game, length, theme) {
  const { pen, width, height } = penOf(canvas);
  const [, most] = rangeOf(game.deaths, 0, 1);
  const row = height / game.deaths.length;
  const bar = Math.max(1, width / length - 0.5);
  game.deaths.forEach((deaths, team) => {
    pen.fillStyle = theme.teams[team % theme.teams.length];
    deaths.forEach((count, s) => {
      const tall = count && Math.max(2, (row - 2) * (count / most));
      pen.fillRect((s / length) * width, (team + 1) * row - tall, bar, tall);
    });
    pen.fillStyle = theme.grid;
    pen.fillRect(0, (team + 1) * row - 1, width, 1);
  });
}

/**
 * One line per team over the game.
 * @param {HTMLCanvasElement} canvas @param {number[][]} lines @param {number} length
 * @param {Theme} theme
 */
export function drawLines(canvas, lines, length, theme) {
  const { pen, width, height } = penOf(canvas);
  const [least, most] = rangeOf(lines, 0, 1e-9);
  const x = (/** @type {number} */ s) => LEFT + (s / Math.max(1, length - 1)) * (width - LEFT - RIGHT);
  const y = (/** @type {number} */ v) => 6 + (1 - (v - least) / (most - least)) * (height - 12);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const value of least < 0 ? [least, 0, most] : [0, most]) {
    pen.fillStyle = theme.grid;
    pen.fillRect(LEFT, y(value), width - LEFT, 1);
    pen.fillStyle = theme.faint;
    if (value === 0 && Math.abs(y(0) - y(least)) < 12 && least < 0) continue;
    pen.fillText(short(value), LEFT - 5, y(value));
  }
  pen.lineWidth = 2;
  lines.forEach((line, team) => {
    pen.strokeStyle = theme.teams[team % theme.teams.length];
    pen.setLineDash(team % 2 ? [5, 2] : []);
    pen.beginPath();
    line.forEach((value, s) => (s ? pen.lineTo(x(s), y(value)) : pen.moveTo(x(s), y(value))));
    pen.stroke();
  });
  pen.setLineDash([]);
}

/**
 * Share of each team's agents that take each action, one mirrored row per team.
 * @param {HTMLCanvasElement} canvas @param {number[][]} counts @param {Theme} theme
 */
export function drawHistogram(canvas, counts, theme) {
  const { pen, width, height } = penOf(canvas);
  const actions = Math.max(...counts.map((row) => row.length));
  const shares = counts.map((row) => {
    const total = row.reduce((a, b) => a + b, 0) || 1;
    return row.map((count) => count / total);
  });
  const most = Math.max(1e-9, ...shares.flat());
  const slot = width / actions;
  const bar = Math.max(1, (slot - 2) / counts.length);
  shares.forEach((row, team) => {
    pen.fillStyle = theme.teams[team % theme.teams.length];
    row.forEach((share, action) => {
      const tall = share && Math.max(1, (height - 4) * (share / most));
      pen.fillRect(action * slot + team * bar, height - 1 - tall, bar - 0.5, tall);
    });
  });
  pen.fillStyle = theme.grid;
  pen.fillRect(0, height - 1, width, 1);
}

/** A number in few characters. @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1000) return `${(value / 1000).toFixed(size >= 10000 ? 0 : 1)}k`;
  if (size >= 1e-6 && size < 1e-3) return value.toExponential(0);
  if (size >= 1e-3 && size < 0.1) return value.toPrecision(2);
  return value.toFixed(size >= 10 || size < 1e-6 ? 0 : 1);
}
