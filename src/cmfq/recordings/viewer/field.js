// Draws the field: bodies, hit points, attacks, deaths, and the neighbours of the chosen agent.

import { penOf, ramp, sizeOf } from "viewer/theme.js";

/** @typedef {import("./game.js").Game} Game */
/** @typedef {import("./game.js").Neighbour} Neighbour */

/**
 * @typedef {Object} Scene what to draw
 * @property {number} step
 * @property {number} fraction of the way to the next step
 * @property {{team: number, row: number}|null} chosen
 * @property {Neighbour[]} neighbours of the chosen agent
 * @property {number} hovered id of a neighbour, or -1
 * @property {boolean} numbers write weights on neighbours
 * @property {Float32Array[]|null} shares of the overlay, from 0 to 1, by team
 */

const MARGIN = 8;
const CLOSEST = 200; // pixels per unit at the closest zoom, or four times what fits

export class Field {
  /** @param {HTMLCanvasElement} canvas @param {Game} game */
  constructor(canvas, game) {
    this.canvas = canvas;
    this.game = game;
    this.scale = 0; // pixels per unit
    this.x = 0; // of the field's origin, in pixels
    this.y = 0;
    this.fitted = true;
    this.whole = false; // whether to fit all of the field, or what happens in it
    this.at = { step: 0, fraction: 0 }; // what is shown
    /** @type {number[][]} where each body is drawn, for picking */
    this.places = [];
  }

  /** Show what happens, and on the next call all of the field. */
  refit() {
    this.whole = this.fitted && !this.whole;
    this.fit();
  }

  fit() {
    const { step, fraction } = this.at;
    const now = this.game.extent(step);
    const next = fraction && step + 1 < this.game.length ? this.game.extent(step + 1) : now;
    const followed = now.map((edge, i) => edge + fraction * (next[i] - edge));
    const [left, top, right, bottom] = this.whole ? this.game.field() : followed;
    const { width, height } = sizeOf(this.canvas); // 0 in a frame that is not on the screen yet
    const room = Math.min((width - 2 * MARGIN) / (right - left), (height - 2 * MARGIN) / (bottom - top));
    this.scale = Math.max(room, 1e-7);
    this.x = (width - this.scale * (left + right)) / 2;
    this.y = (height - this.scale * (top + bottom)) / 2;
    this.fitted = true;
  }

  /** @param {number} dx @param {number} dy in pixels */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
  }

  /** Zoom about a place. @param {number} factor @param {number} x @param {number} y in pixels */
  zoom(factor, x = sizeOf(this.canvas).width / 2, y = sizeOf(this.canvas).height / 2) {
    const [left, , right] = this.game.field();
    const smallest = (0.5 * sizeOf(this.canvas).width) / (right - left);
    const scale = Math.max(smallest, Math.min(Math.max(CLOSEST, 16 * smallest), this.scale * factor));
    this.x = x + ((this.x - x) * scale) / this.scale;
    this.y = y + ((this.y - y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
  }

  /** The agent at a place, or the nearest within a finger's width. @param {number} x @param {number} y @param {number} slack */
  pick(x, y, slack = 12) {
    let best = null;
    let least = Infinity;
    this.places.forEach((middles, team) => {
      const half = Math.max(slack, (this.scale * this.game.teams[team].body.size) / 2);
      for (let row = 0; 2 * row < middles.length; row++) {
        const distance = Math.max(Math.abs(middles[2 * row] - x), Math.abs(middles[2 * row + 1] - y));
        if (distance <= half && distance < least) {
          least = distance;
          best = { team, row };
        }
      }
    });
    return /** @type {{team: number, row: number}|null} */ (best);
  }

  /** @param {Scene} scene @param {import("./theme.js").Theme} theme */
  draw(scene, theme) {
    const { pen, width, height } = penOf(this.canvas);
    this.at = scene;
    if (this.fitted) this.fit();
    pen.fillStyle = theme.field;
    pen.fillRect(0, 0, width, height);
    this.drawScenery(pen, theme);
    this.drawItems(pen, this.game.items[scene.step], theme);
    this.places = this.game.teams.map((_, team) => this.place(scene, team));
    const dimmed = scene.chosen && !scene.shares ? this.lit(scene) : null;
    this.game.teams.forEach((_, team) =>
      this.drawTeam(pen, scene, team, theme, dimmed),
    );
    this.game.teams.forEach((_, team) =>
      this.drawAttacks(pen, scene, team, theme),
    );
    if (scene.chosen) this.drawChosen(pen, scene, theme);
  }

  /** Pixels of the middles of a team's bodies. @param {Scene} scene @param {number} team */
  place(scene, team) {
    const { step, fraction } = scene;
    const { positions, count } = this.game.steps[step][team];
    const { shape, size } = this.game.teams[team].body;
    const half = shape === "square" ? size / 2 : 0;
    const moving = fraction > 0 && step + 1 < this.game.length;
    const after = moving ? this.game.steps[step + 1][team].positions : positions;
    const next = moving ? this.game.nextRows(step, team) : null;
    const middles = new Array(2 * count);
    for (let row = 0; row < count; row++) {
      let x = positions[2 * row];
      let y = positions[2 * row + 1];
      if (next && next[row] >= 0) {
        x += fraction * (after[2 * next[row]] - x);
        y += fraction * (after[2 * next[row] + 1] - y);
      }
      middles[2 * row] = this.x + this.scale * (x + half);
      middles[2 * row + 1] = this.y + this.scale * (y + half);
    }
    return middles;
  }

  /** Rows, by team, that stay bright while an agent is chosen. @param {Scene} scene */
  lit(scene) {
    const lit = this.game.teams.map(() => new Set());
    if (scene.chosen) lit[scene.chosen.team].add(scene.chosen.row);
    for (const neighbour of scene.neighbours) lit[neighbour.team].add(neighbour.row);
    return lit;
  }

  /** @param {CanvasRenderingContext2D} pen @param {import("./theme.js").Theme} theme */
  drawScenery(pen, theme) {
    const { bounds, walls, obstacles } = this.game.header;
    const [left, top, right, bottom] = bounds;
    const { scale } = this;
    pen.strokeStyle = theme.solid;
    pen.lineWidth = 1;
    pen.strokeRect(this.x + scale * left, this.y + scale * top, scale * (right - left), scale * (bottom - top));
    pen.fillStyle = theme.solid;
    for (const [x, y] of walls) pen.fillRect(this.x + scale * x, this.y + scale * y, scale + 0.5, scale + 0.5);
    for (const [x, y, radius] of obstacles) {
      pen.beginPath();
      pen.arc(this.x + scale * x, this.y + scale * y, scale * radius, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  /** What there is to gather, as diamonds. @param {CanvasRenderingContext2D} pen @param {ArrayLike<number>} items @param {import("./theme.js").Theme} theme */
  drawItems(pen, items, theme) {
    pen.fillStyle = theme.item;
    pen.beginPath();
    for (let i = 0; i < items.length; i += 3) {
      const [x, y, r] = [this.x + this.scale * items[i], this.y + this.scale * items[i + 1], this.scale * items[i + 2]];
      pen.moveTo(x, y - r);
      pen.lineTo(x + r, y);
      pen.lineTo(x, y + r);
      pen.lineTo(x - r, y);
      pen.closePath();
    }
    pen.fill();
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {Scene} scene @param {number} team
   * @param {import("./theme.js").Theme} theme @param {Set<number>[]|null} lit
   */
  drawTeam(pen, scene, team, theme, lit) {
    const { body } = this.game.teams[team];
    const { health, alive, count } = this.game.steps[scene.step][team];
    const middles = this.places[team];
    const size = Math.max(2, this.scale * body.size);
    const gap = Math.min(1, size / 12);
    const side = size - 2 * gap;
    const shares = scene.shares?.[team];
    pen.fillStyle = theme.teams[team % theme.teams.length];
    pen.strokeStyle = pen.fillStyle;
    pen.lineWidth = Math.max(1.5, size / 8);
    for (let row = 0; row < count; row++) {
      const x = middles[2 * row];
      const y = middles[2 * row + 1];
      if (lit) pen.globalAlpha = lit[team].has(row) ? 1 : 0.3;
      if (shares) pen.fillStyle = ramp(theme, shares[row]);
      if (body.shape === "circle") {
        pen.beginPath();
        pen.arc(x, y, side / 2, 0, 2 * Math.PI);
        pen.fill();
        if (shares) pen.stroke();
      } else {
        pen.fillRect(x - side / 2, y - side / 2, side, side);
        const inset = pen.lineWidth / 2;
        if (shares) pen.strokeRect(x - side / 2 + inset, y - side / 2 + inset, side - 2 * inset, side - 2 * inset);
      }
    }
    if (health && body.full_health && size >= 5 && !shares)
      this.drawHealth(pen, middles, health, body.full_health, side, theme, lit?.[team]);
    pen.globalAlpha = 1;
    pen.strokeStyle = theme.death;
    pen.lineWidth = Math.max(1.5, size / 9);
    pen.beginPath();
    for (let row = 0; row < count; row++) {
      if (alive[row]) continue;
      const [x, y, arm] = [middles[2 * row], middles[2 * row + 1], 0.3 * size];
      pen.moveTo(x - arm, y - arm);
      pen.lineTo(x + arm, y + arm);
      pen.moveTo(x - arm, y + arm);
      pen.lineTo(x + arm, y - arm);
    }
    pen.stroke();
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {number[]} middles @param {Float32Array} health
   * @param {number} full @param {number} side @param {import("./theme.js").Theme} theme
   * @param {Set<number>|undefined} lit
   */
  drawHealth(pen, middles, health, full, side, theme, lit) {
    const width = Math.max(1.5, side / 4);
    const length = 0.88 * side;
    for (const lost of [false, true]) {
      pen.fillStyle = lost ? theme.lost : theme.health;
      for (let row = 0; row < health.length; row++) {
        const share = 1 - Math.max(0, Math.min(1, health[row] / full));
        if (lost && !share) continue;
        if (lit) pen.globalAlpha = lit.has(row) ? 1 : 0.3;
        const x = middles[2 * row] - 0.44 * side;
        pen.fillRect(x, middles[2 * row + 1] - length / 2, width, lost ? share * length : length);
      }
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {Scene} scene @param {number} team @param {import("./theme.js").Theme} theme */
  drawAttacks(pen, scene, team, theme) {
    const { attacks } = this.game.teams[team].body;
    const { actions, count } = this.game.steps[scene.step][team];
    if (!attacks.length || this.scale * this.game.teams[team].body.size < 3) return;
    const middles = this.places[team];
    const head = Math.max(3, 0.28 * this.scale);
    const heads = new Path2D();
    const lines = new Path2D();
    const aside = 0.07 * this.scale; // to the right: two arrows that meet lie side by side
    for (let row = 0; row < count; row++) {
      const attack = attacks[actions[row]];
      if (!attack) continue;
      const [dx, dy] = [attack[0] * this.scale, attack[1] * this.scale];
      const length = Math.hypot(dx, dy) || 1;
      const [x, y] = [middles[2 * row] - (dy / length) * aside, middles[2 * row + 1] + (dx / length) * aside];
      const [ux, uy] = [(dx / length) * head, (dy / length) * head];
      lines.moveTo(x, y);
      lines.lineTo(x + dx - ux, y + dy - uy);
      heads.moveTo(x + dx, y + dy);
      heads.lineTo(x + dx - ux - 0.6 * uy, y + dy - uy + 0.6 * ux);
      heads.lineTo(x + dx - ux + 0.6 * uy, y + dy - uy - 0.6 * ux);
      heads.closePath();
    }
    const width = Math.max(1.2, this.scale / 9);
    pen.strokeStyle = theme.edge;
    pen.lineWidth = width + 1.5;
    pen.stroke(lines);
    pen.lineWidth = 1.5;
    pen.stroke(heads);
    pen.strokeStyle = theme.attacks[team % theme.attacks.length];
    pen.fillStyle = pen.strokeStyle;
    pen.lineWidth = width;
    pen.stroke(lines);
    pen.fill(heads);
  }

  /** The chosen agent, its view and reach, and its neighbours by weight. @param {CanvasRenderingContext2D} pen @param {Scene} scene @param {import("./theme.js").Theme} theme */
  drawChosen(pen, scene, theme) {
    const { team, row } = /** @type {{team: number, row: number}} */ (scene.chosen);
    const { body, view_radius: view } = this.game.teams[team];
    const [x, y] = [this.places[team][2 * row], this.places[team][2 * row + 1]];
    const size = this.scale * body.size;
    const most = Math.max(...scene.neighbours.map((one) => one.weight || 0), 1e-9);
    for (const one of scene.neighbours) {
      const [nx, ny] = [this.places[one.team][2 * one.row], this.places[one.team][2 * one.row + 1]];
      const side = this.scale * this.game.teams[one.team].body.size;
      const share = (one.weight || 0) / most;
      const { shape } = this.game.teams[one.team].body;
      pen.globalAlpha = scene.shares ? 0 : 0.9 * share;
      pen.fillStyle = theme.light;
      if (shape === "square") pen.fillRect(nx - 0.26 * side, ny - 0.44 * side, 0.7 * side, 0.88 * side);
      else pen.fill(outline(shape, nx, ny, 0.8 * side));
      pen.globalAlpha = 0.25 + 0.75 * share;
      pen.strokeStyle = theme.light;
      pen.lineWidth = Math.max(1, 0.08 * side);
      pen.stroke(outline(shape, nx, ny, side));
      pen.globalAlpha = 1;
      if (one.id !== scene.hovered) continue;
      pen.strokeStyle = theme.whatIf;
      pen.lineWidth = 3;
      pen.stroke(outline(shape, nx, ny, side + 6));
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(nx, ny);
      pen.stroke();
    }
    pen.strokeStyle = theme.chosen;
    pen.lineWidth = 2.5;
    pen.stroke(outline(body.shape, x, y, size + 4));
    this.circle(pen, x, y, view, [6, 5]);
    const reach = Math.max(0, ...body.attacks.map((/** @type {number[]|null} */ a) => (a ? Math.hypot(a[0], a[1]) : 0)));
    this.circle(pen, x, y, reach, [2, 3]);
    if (scene.numbers) this.drawNumbers(pen, scene, theme);
  }

  /** @param {CanvasRenderingContext2D} pen @param {number} x @param {number} y @param {number|null} radius @param {number[]} dash */
  circle(pen, x, y, radius, dash) {
    if (!radius) return;
    pen.lineWidth = 1.5;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.arc(x, y, radius * this.scale, 0, 2 * Math.PI);
    pen.stroke();
    pen.setLineDash([]);
  }

  /** @param {CanvasRenderingContext2D} pen @param {Scene} scene @param {import("./theme.js").Theme} theme */
  drawNumbers(pen, scene, theme) {
    const size = Math.max(9, Math.min(14, 0.5 * this.scale));
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const one of scene.neighbours) {
      if (!(one.weight >= 0)) continue;
      const [x, y] = [this.places[one.team][2 * one.row], this.places[one.team][2 * one.row + 1]];
      const text = (100 * one.weight).toFixed(one.weight < 0.0995 ? 1 : 0);
      pen.strokeStyle = theme.field;
      pen.lineWidth = 3;
      pen.strokeText(text, x, y);
      pen.fillStyle = theme.text;
      pen.fillText(text, x, y);
    }
  }
}

/** @param {string} shape @param {number} x @param {number} y of the middle @param {number} size */
function outline(shape, x, y, size) {
  const path = new Path2D();
  if (shape === "square") path.rect(x - size / 2, y - size / 2, size, size);
  else path.arc(x, y, size / 2, 0, 2 * Math.PI);
  return path;
}
