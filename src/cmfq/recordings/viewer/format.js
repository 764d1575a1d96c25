// Reads a replay file: see docs/replay-format.md. Nothing in a file is trusted.

/**
 * @typedef {Object} Packed an array of a file
 * @property {Float32Array|Int32Array|Uint32Array|Int16Array|Uint16Array|Uint8Array} data
 * @property {number[]} shape
 */

/**
 * @typedef {Object} Body
 * @property {"square"|"circle"} shape
 * @property {number} size
 * @property {number} full_health
 * @property {(number[]|null)[]} attacks where each action strikes, from the body's middle
 */

/**
 * @typedef {Object} Team what does not change about a team
 * @property {string} name
 * @property {string} player
 * @property {string[]} actions
 * @property {number|null} view_radius null: everywhere
 * @property {Body} body
 * @property {{algorithm: string, neighbours: string, radius: number|null, body_side?: number}|null} reasoning
 */

/**
 * @typedef {Object} Header
 * @property {string} environment
 * @property {number} seed
 * @property {string} [title] of the environment, for readers
 * @property {string} [origin] where the game is from, such as its seed
 * @property {Team[]} teams
 * @property {[number, number, number, number]} bounds
 * @property {number[][]} walls
 * @property {number[][]} obstacles
 */

const SIGNATURE = "CMFQPLAY";
const VERSION = 1;
const PREFIX_BYTES = 12;
const CHUNK_HEAD_BYTES = 12;
// Bytes of an unpacked chunk of each kind, and of all steps together: as cmfq.recordings.format has it.
const LARGEST = { HEAD: 2 ** 23, STEP: 2 ** 24, ITEM: 2 ** 22, MIND: 2 ** 26, "END ": 2 ** 20 };
const LEAST_GAME = 2 ** 28;
const LARGEST_GROWTH = 32;
const ARRAY_BYTES = 256;
const LONGEST_INDEX = 2 ** 20;
const LARGEST_NUMBER = 1e9;

/** A mistake that is told to the reader as it is. */
export class ReplayError extends Error {}

/**
 * Read all of a file but what the policies thought, which is unpacked when it is asked for.
 * @param {ArrayBuffer} buffer
 * @param {string} name of the file, for messages
 * @returns {Promise<{header: Header, ending: any, steps: Map<string, Packed>[], traces: (Uint8Array|null)[]}>}
 */
export async function readReplay(buffer, name) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (bytes.length < PREFIX_BYTES || ascii(bytes, 0, 8) !== SIGNATURE)
    throw new ReplayError(`${name} is not a replay: give a file made by “cmfq record”.`);
  const version = view.getUint32(8, true);
  if (version > VERSION)
    throw new ReplayError(
      `${name} is a replay of format ${version}, but this page reads formats up to ${VERSION}: open it with a newer cmfq.`,
    );
  let header = null;
  let ending = null;
  const packedSteps = [];
  /** @type {(Uint8Array|null)[]} */
  const items = [];
  /** @type {(Uint8Array|null)[]} */
  const traces = [];
  try {
    for (const [kind, packed] of chunks(bytes, view)) {
      if (kind === "HEAD") {
        if (header) break; // there is one
        header = checkHeader(JSON.parse(utf8(await inflate(packed, LARGEST.HEAD))));
      }
      else if (kind === "STEP") {
        packedSteps.push(packed);
        traces.push(null);
        items.push(null);
      } else if (kind === "ITEM" && items.length) items[items.length - 1] = packed;
      else if (kind === "MIND" && traces.length) traces[traces.length - 1] = packed;
      else if (kind === "END ") ending = JSON.parse(utf8(await inflate(packed, LARGEST["END "])));
    }
  } catch (error) {
    if (error instanceof ReplayError) throw error;
    ending = null; // what came before is whole
  }
  const steps = header ? await unpackWhole(packedSteps, items, header, bytes.length) : [];
  if (!header || !steps.length)
    throw new ReplayError(`${name} is cut short before its first step ends: record it again.`);
  if (steps.length < packedSteps.length) ending = null;
  return { header, ending, steps, traces: traces.slice(0, steps.length) };
}

/**
 * Steps, up to the first that is damaged, or too much for any game.
 * @param {Uint8Array[]} packed @param {(Uint8Array|null)[]} items of each @param {Header} header @param {number} size of the file
 */
async function unpackWhole(packed, items, header, size) {
  /** @type {Map<string, Packed>[]} */
  const steps = [];
  let left = LEAST_GAME + LARGEST_GROWTH * size;
  let living = header.teams.map(() => 0); // when the step before ended
  for (const [step, one] of packed.entries()) {
    try {
      const content = await inflate(one, Math.min(LARGEST.STEP, left));
      const arrays = decodeArrays(content);
      left -= content.length + ARRAY_BYTES * arrays.size;
      living = header.teams.map((team, t) => checkStep(arrays, t, team, living[t]));
      const gathered = items[step];
      if (gathered) {
        const found = await inflate(gathered, Math.min(LARGEST.ITEM, left));
        left -= found.length + ARRAY_BYTES;
        arrays.set("item", checkItems(decodeArrays(found).get("item")));
      }
      steps.push(arrays);
    } catch {
      break;
    }
  }
  return steps;
}

/**
 * How many live when a step ends, or an error if its arrays do not belong together.
 * @param {Map<string, Packed>} arrays @param {number} t @param {Team} team @param {number} living before
 */
function checkStep(arrays, t, team, living) {
  const ids = arrays.get(`${t}/id`);
  const count = ids ? ids.data.length : 0;
  const take = (/** @type {string} */ name, /** @type {number} */ low, /** @type {number} */ high, width = 1) => {
    const found = arrays.get(`${t}/${name}`);
    if (!found || found.data.length !== count * width || !isWithin(found.data, low, high))
      throw new Error(`${name} is damaged`);
    return found.data;
  };
  take("id", 0, 2 ** 31 - 1);
  take("position", -LARGEST_NUMBER, LARGEST_NUMBER, 2);
  take("action", -1, team.actions.length - 1);
  take("reward", -Number.MAX_VALUE, Number.MAX_VALUE);
  if (arrays.has(`${t}/health`)) take("health", -Number.MAX_VALUE, Number.MAX_VALUE);
  if (count < living) throw new Error("agents that live are missing");
  if (arrays.has(`${t}/previous`)) take("previous", -1, team.actions.length - 1);
  return Array.from(take("alive", 0, 1)).reduce((a, b) => a + b, 0);
}

/** @param {Packed|undefined} items x, y and radius of each @returns {Packed} */
function checkItems(items) {
  if (!items || items.shape.length !== 2 || items.shape[1] !== 3 || !isWithin(items.data, -LARGEST_NUMBER, LARGEST_NUMBER))
    throw new Error("what there is to gather is damaged");
  return items;
}

/** @param {ArrayLike<number>} numbers @param {number} low @param {number} high */
export function isWithin(numbers, low, high) {
  for (let i = 0; i < numbers.length; i++) if (!(numbers[i] >= low && numbers[i] <= high)) return false;
  return true;
}

/**
 * Chunks up to the first that is cut short or damaged. What the policies thought is checked when
 * it is unpacked.
 * @param {Uint8Array} bytes @param {DataView} view
 * @returns {Generator<[string, Uint8Array]>}
 */
function* chunks(bytes, view) {
  let at = PREFIX_BYTES;
  while (at + CHUNK_HEAD_BYTES <= bytes.length) {
    const kind = ascii(bytes, at, 4);
    const length = view.getUint32(at + 4, true);
    const checksum = view.getUint32(at + 8, true);
    at += CHUNK_HEAD_BYTES;
    if (at + length > bytes.length) return;
    const packed = bytes.subarray(at, at + length);
    if (kind !== "MIND" && crc32(packed) !== checksum) return;
    yield [kind, packed];
    at += length;
  }
}

/** @param {Uint8Array} packed @param {number} most bytes of the content @returns {Promise<Uint8Array>} */
export async function inflate(packed, most = LARGEST.MIND) {
  const inflater = new DecompressionStream("deflate");
  const writer = inflater.writable.getWriter();
  writer.write(/** @type {any} */ (packed)).catch(() => {}); // the reader hears of it too
  writer.close().catch(() => {});
  const reader = inflater.readable.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      reader.cancel().catch(() => {});
      throw new Error("a chunk is too large");
    }
    parts.push(value);
  }
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const READERS = /** @type {const} */ ({
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i2: Int16Array,
  i4: Int32Array,
  f4: Float32Array,
});

const WIDTHS = { u1: 1, u2: 2, u4: 4, i2: 2, i4: 4, f2: 2, f4: 4 };
const isName = (/** @type {any} */ name) => typeof name === "string";
const isSize = (/** @type {any} */ size) => Number.isInteger(size) && size >= 0 && size <= 2 ** 26;
const isNumber = (/** @type {any} */ number) => Number.isFinite(number) && Math.abs(number) <= LARGEST_NUMBER;
const areNumbers = (/** @type {any} */ list, /** @type {number} */ length) =>
  Array.isArray(list) && list.length === length && list.every(isNumber);

/** @param {Uint8Array} content @returns {Map<string, Packed>} */
export function decodeArrays(content) {
  const length = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
  if (length > LONGEST_INDEX) throw new Error("an index is too long");
  const index = JSON.parse(utf8(content.subarray(4, 4 + length)));
  let at = 4 + length;
  /** @type {Map<string, Packed>} */
  const arrays = new Map();
  for (const [name, dtype, shape] of index) {
    if (!isName(name) || !(dtype in WIDTHS) || !shape.every(isSize)) throw new Error("an array is damaged");
    const size = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    const width = WIDTHS[/** @type {keyof typeof WIDTHS} */ (dtype)];
    const bytes = content.slice(at, at + size * width); // a copy begins at an even address
    if (bytes.length < size * width) throw new Error(`array ${name} is cut short`);
    const kind = /** @type {keyof typeof READERS} */ (dtype);
    const data = dtype === "f2" ? halves(new Uint16Array(bytes.buffer)) : new READERS[kind](bytes.buffer);
    arrays.set(name, { data, shape });
    at += size * width;
  }
  return arrays;
}

/** @param {any} header @returns {Header} */
function checkHeader(header) {
  const { teams, bounds, walls, obstacles } = header;
  const well =
    isName(header.environment) &&
    [header.title ?? "", header.origin ?? ""].every(isName) &&
    Number.isFinite(header.seed) &&
    Array.isArray(teams) &&
    teams.length > 0 &&
    teams.every(isTeam) &&
    areNumbers(bounds, 4) &&
    bounds[0] < bounds[2] &&
    bounds[1] < bounds[3] &&
    Array.isArray(walls) &&
    walls.every((/** @type {any} */ wall) => areNumbers(wall, 2)) &&
    Array.isArray(obstacles) &&
    obstacles.every((/** @type {any} */ one) => areNumbers(one, 3));
  if (!well) throw new Error("the header lacks something");
  return header;
}

/** @param {any} team */
function isTeam(team) {
  const { body, reasoning } = team;
  const reaches = (/** @type {any} */ radius) => radius === null || Number.isFinite(radius);
  return (
    isName(team.name) &&
    isName(team.player) &&
    Array.isArray(team.actions) &&
    team.actions.length > 0 &&
    team.actions.every(isName) &&
    reaches(team.view_radius) &&
    (body.shape === "square" || body.shape === "circle") &&
    isNumber(body.size) &&
    body.size > 0 &&
    isNumber(body.full_health) &&
    Array.isArray(body.attacks) &&
    body.attacks.every((/** @type {any} */ attack) => attack === null || areNumbers(attack, 2)) &&
    (reasoning === null || (isName(reasoning.algorithm) && isName(reasoning.neighbours) && reaches(reasoning.radius)))
  );
}

/** @type {Float32Array|null} */
let halfTable = null;

/** @param {Uint16Array} stored float16 */
function halves(stored) {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  const numbers = new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i++) numbers[i] = halfTable[stored[i]];
  return numbers;
}

/** @type {Uint32Array|null} */
let crcTable = null;

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** @param {Uint8Array} bytes @param {number} at @param {number} length */
function ascii(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** @param {Uint8Array} bytes */
function utf8(bytes) {
  return new TextDecoder().decode(bytes);
}
