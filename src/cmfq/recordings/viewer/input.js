// Pointer and keyboard.

/**
 * Click to choose, drag to pan, wheel or pinch to zoom, hover for what-ifs.
 * @param {any} view @param {{choose: (id: number|null) => void, hover: (id: number) => void, redraw: () => void}} on
 */
export function listenToPointer(view, on) {
  const { canvas, field, game } = view;
  /** @type {Map<number, {x: number, y: number}>} */
  const held = new Map();
  let travelled = 0;
  const place = (/** @type {PointerEvent|WheelEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!held.size) travelled = 0;
    held.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const now = place(event);
    const before = held.get(event.pointerId);
    if (!before) return look(now);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (other) {
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      field.zoom(factor, (now.x + other.x) / 2, (now.y + other.y) / 2);
      field.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else if (travelled > 4) field.pan(now.x - before.x, now.y - before.y);
    held.set(event.pointerId, now);
    on.redraw();
  });
  const release = (/** @type {PointerEvent} */ event) => {
    const at = held.get(event.pointerId);
    held.delete(event.pointerId);
    if (event.type !== "pointerup" || !at || travelled > 4 || held.size) return;
    const picked = field.pick(at.x, at.y);
    on.choose(picked ? game.steps[view.step][picked.team].ids[picked.row] : null);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    view.under.textContent = "";
    on.hover(-1);
  });
  canvas.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      event.preventDefault();
      const { x, y } = place(event);
      field.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), x, y);
      on.redraw();
    },
    { passive: false },
  );

  /** Say who is under the pointer. @param {{x: number, y: number}} at */
  function look(at) {
    const picked = field.pick(at.x, at.y, 2);
    if (!picked) {
      if (view.under.textContent) view.under.textContent = "";
      return on.hover(-1);
    }
    const team = game.steps[view.step][picked.team];
    const { name, actions } = game.teams[picked.team];
    const health = team.health ? `, ${team.health[picked.row].toFixed(1)} hit points` : "";
    const id = team.ids[picked.row];
    view.under.textContent = `Agent ${id}, ${name}${health}: ${actions[team.actions[picked.row]] ?? "nothing"}`;
    const near = view.neighbours.some((/** @type {any} */ one) => one.id === id);
    on.hover(near ? id : -1);
  }
}

/** @param {any} act what keys do */
export function listenToKeys(act) {
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": act.toggle,
    ArrowLeft: () => act.step(-1),
    ArrowRight: () => act.step(1),
    "Shift+ArrowLeft": () => act.step(-10),
    "Shift+ArrowRight": () => act.step(10),
    Home: act.first,
    End: act.last,
    ",": () => act.speed(-1),
    ".": () => act.speed(1),
    "[": () => act.choose(-1),
    "]": () => act.choose(1),
    t: act.team,
    f: act.follow,
    Escape: act.nobody,
    n: act.numbers,
    o: act.overlay,
    "+": () => act.zoom(1.25),
    "=": () => act.zoom(1.25),
    "-": () => act.zoom(0.8),
    0: () => act.zoom(0),
    w: () => act.pan(0, 40),
    s: () => act.pan(0, -40),
    a: () => act.pan(40, 0),
    d: () => act.pan(-40, 0),
    "?": act.help,
  };
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("select, input:not([type=range])")) return;
    if (event.key === " " && target.matches("button")) return;
    const name = event.shiftKey && event.key.startsWith("Arrow") ? `Shift+${event.key}` : event.key;
    const action = keys[name];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
