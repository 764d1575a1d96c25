// Colours, from the style sheet: canvases follow light and dark like everything else.

/** @typedef {ReturnType<typeof readTheme>} Theme */

export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const get = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    field: get("field"),
    solid: get("solid"),
    text: get("text"),
    faint: get("faint"),
    grid: get("grid"),
    item: get("item"),
    edge: get("edge"),
    health: get("health"),
    lost: get("lost"),
    death: get("death"),
    chosen: get("chosen"),
    light: get("light"),
    whatIf: get("what-if"),
    teams: [0, 1, 2, 3, 4, 5].map((team) => get(`team-${team}`)),
    attacks: [0, 1, 2, 3, 4, 5].map((team) => get(`attack-${team}`)),
    ramp: [0, 1, 2, 3, 4].map((step) => rgb(get(`ramp-${step}`))),
  };
}

/** Colour of a share from 0 to 1. @param {Theme} theme @param {number} share */
export function ramp(theme, share) {
  const at = Math.max(0, Math.min(0.9999, share || 0)) * (theme.ramp.length - 1);
  const [a, b] = [theme.ramp[Math.floor(at)], theme.ramp[Math.floor(at) + 1]];
  const mixed = a.map((channel, i) => Math.round(channel + (at % 1) * (b[i] - channel)));
  return `rgb(${mixed.join(" ")})`;
}

/** @param {string} hex */
function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** @type {WeakMap<Element, {width: number, height: number}>} */
const sizes = new WeakMap();
const measure = (/** @type {Element} */ canvas) =>
  sizes.set(canvas, { width: canvas.clientWidth, height: canvas.clientHeight });
const watch = new ResizeObserver((entries) => entries.forEach(({ target }) => measure(target)));

/** Width and height in CSS pixels: asking the page each time would make it lay itself out. @param {HTMLCanvasElement} canvas */
export function sizeOf(canvas) {
  if (!sizes.has(canvas)) {
    measure(canvas);
    watch.observe(canvas);
  }
  return /** @type {{width: number, height: number}} */ (sizes.get(canvas));
}

/**
 * A canvas's pen, in CSS pixels, crisp on screens of any density.
 * @param {HTMLCanvasElement} canvas
 */
export function penOf(canvas) {
  const { width, height } = sizeOf(canvas);
  const density = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}
