// One series as the page holds it: columns that grow, kept at a few points a pixel by M4, and how they are drawn.
import { value as said } from "./format.js";

/** @typedef {import("./types.js").Columns} Columns */

const MOST = 2400, TO = 600;

/** @param {number | string | null} given */
const number = (given) => (typeof given === "number" ? given : given === "Infinity" ? Infinity : given === "-Infinity" ? -Infinity : NaN);

export class Curve {
  constructor() {
    /** @type {number[]} microseconds since 1970 */
    this.time = [];
    /** @type {number[]} */
    this.at = [];
    /** @type {number[]} NaN where there is no finite value */
    this.value = [];
    this.loaded = false;
  }

  /** Replace all points. @param {Columns} columns */
  load(columns) {
    const late = { time: this.time, at: this.at, value: this.value };
    this.time = [];
    this.at = [];
    this.value = [];
    this.loaded = true;
    this.append(columns);
    if (late.time.length) this.take(late.time, late.at, late.value); // what the stream brought while this was on the way
  }

  /** Add points that come after those that are there; what is not later is left out. @param {Columns} columns */
  append(columns) {
    this.take(columns.time, columns.at.map(number), columns.value.map(number));
  }

  /** @param {number[]} time @param {number[]} at @param {number[]} value */
  take(time, at, value) {
    const last = this.time.length ? this.time[this.time.length - 1] : -Infinity;
    for (let n = 0; n < time.length; n++) {
      if (time[n] <= last) continue;
      this.time.push(time[n]);
      this.at.push(at[n] ?? NaN);
      this.value.push(value[n]);
    }
    if (this.time.length > MOST) this.thin();
  }

  /** First, least, greatest and last of each bucket, which draw the same line as all (M4). */
  thin() {
    const kept = m4(this.time, this.value, TO / 2);
    for (const column of /** @type {const} */ (["time", "at", "value"])) this[column] = kept.map((n) => this[column][n]);
  }

  /** The value that holds at a moment, or null before the first. @param {number} moment */
  valueAt(moment) {
    const n = below(this.time, moment);
    return n < 0 ? null : this.value[n];
  }

  /** How it goes, in a word. */
  trend() {
    const finite = this.value.filter(Number.isFinite);
    if (finite.length < 8) return "";
    const part = Math.ceil(finite.length / 4), mean = (/** @type {number[]} */ some) => some.reduce((sum, one) => sum + one, 0) / some.length;
    const before = mean(finite.slice(-2 * part, -part)), now = mean(finite.slice(-part));
    const span = Math.max(...finite) - Math.min(...finite);
    if (!span || Math.abs(now - before) < span * 0.02) return ", level";
    return now > before ? ", rising" : ", falling";
  }
}

/** The last index whose entry is not above `moment`. @param {number[]} sorted @param {number} moment */
export function below(sorted, moment) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= moment) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * The indices that M4 keeps (Jugel et al., VLDB 2014), and the first gap of each bucket.
 * @param {number[]} time sorted
 * @param {number[]} value
 * @param {number} buckets
 */
export function m4(time, value, buckets) {
  const first = time[0], width = (time[time.length - 1] - first) / buckets || 1;
  /** @type {number[]} */
  const kept = [];
  let start = 0;
  while (start < time.length) {
    const bucket = Math.min(buckets - 1, Math.floor((time[start] - first) / width));
    let end = start, low = -1, high = -1, gap = -1;
    for (; end < time.length && Math.min(buckets - 1, Math.floor((time[end] - first) / width)) === bucket; end++) {
      if (!Number.isFinite(value[end])) gap = gap < 0 ? end : gap;
      else {
        if (low < 0 || value[end] < value[low]) low = end;
        if (high < 0 || value[end] > value[high]) high = end;
      }
    }
    const some = [start, low, high, gap, end - 1].filter((n) => n >= 0).sort((a, b) => a - b);
    kept.push(...some.filter((n, i) => n !== some[i - 1]));
    start = end;
  }
  return kept;
}

/** Round bounds for an axis: the least and greatest, moved out to a step of 1, 2 or 5. @param {number[]} values @returns {[number, number]} */
export function bounds(values) {
  let low = Infinity, high = -Infinity;
  for (const one of values) {
    if (!Number.isFinite(one)) continue;
    if (one < low) low = one;
    if (one > high) high = one;
  }
  if (low > high) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : low > 0 ? [0, high * 1.25] : [low * 1.25, 0];
  if (low > 0 && low < (high - low) * 0.6) low = 0;
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

/** A number short enough for an axis. @param {number} given */
export function axis(given) {
  const size = Math.abs(given);
  for (const [unit, power] of /** @type {const} */ ([["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]])) {
    if (size >= power && size < 1e15) return `${said(Number((given / power).toPrecision(3)))}${unit}`;
  }
  return said(Number(given.toPrecision(3)));
}

/**
 * @typedef {object} Look
 * @property {[number, number]} x the axis' ends
 * @property {number[]} xs
 * @property {number[]} ys
 * @property {[number, number]} y
 * @property {number | null} cut on the x axis: what is after it is still to come
 * @property {number | null} cursor on the x axis
 * @property {boolean} running
 * @property {(token: string) => string} color
 */

/** Draw a curve into a canvas of its box's size. @param {HTMLCanvasElement} canvas @param {Look} look */
export function paint(canvas, look) {
  const ratio = globalThis.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { color } = look;
  const across = look.x[1] - look.x[0] || 1, up = look.y[1] - look.y[0] || 1;
  const x = (/** @type {number} */ at) => ((at - look.x[0]) / across) * width;
  const y = (/** @type {number} */ at) => 1 + (1 - (at - look.y[0]) / up) * (height - 2);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const edge = look.cut === null ? width : Math.min(width, Math.max(0, x(look.cut)));
  if (look.cut !== null && edge < width) {
    context.fillStyle = color("--sunk");
    context.fillRect(edge, 0, width - edge, height);
  }
  context.fillStyle = color("--line");
  for (const at of [0, Math.round(height / 2)]) context.fillRect(0, at, width, 1);
  const line = (/** @type {string} */ stroke, /** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ weight) => {
    context.save();
    context.beginPath();
    context.rect(from - (from ? 0 : 2), -2, to - from + (to < width ? 0 : 4), height + 4);
    context.clip();
    context.beginPath();
    let pen = false;
    for (let n = 0; n < look.xs.length; n++) {
      if (!Number.isFinite(look.ys[n]) || !Number.isFinite(look.xs[n])) {
        pen = false;
        continue;
      }
      if (pen) context.lineTo(x(look.xs[n]), y(look.ys[n]));
      else context.moveTo(x(look.xs[n]), y(look.ys[n]));
      const alone = !pen && !Number.isFinite(look.ys[n + 1]);
      if (alone) context.lineTo(x(look.xs[n]) + 1.5, y(look.ys[n])); // a point with no neighbour is a dot, not nothing
      pen = true;
    }
    context.strokeStyle = stroke;
    context.lineWidth = weight;
    context.lineJoin = "round";
    context.stroke();
    context.restore();
  };
  if (edge < width) line(color("--later"), edge, width, 1);
  line(color(look.running ? "--run" : "--ink-2"), 0, edge, look.running ? 1.25 : 1);
  if (look.cut !== null && edge < width) {
    context.fillStyle = color("--past");
    context.fillRect(edge, 0, 1, height);
  }
  if (look.cursor !== null) {
    context.fillStyle = color("--ink");
    context.fillRect(x(look.cursor), 0, 1, height);
  }
}
