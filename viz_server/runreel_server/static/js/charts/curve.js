// One series as the page holds it: columns that grow, kept at a few points a pixel by M4, and how they are drawn.
import { value as said } from "../core/format.js";

/** @typedef {import("../core/types.js").Columns} Columns */

const MOST = 2400, TO = 600;

/** @param {number | string | null} given */
const number = (given) => (typeof given === "number" ? given : given === "Infinity" ? Infinity : given === "-Infinity" ? -Infinity : NaN);

export class Curve {
  constructor() {
    /** @type {number[]} microseconds since 1970 */
    this.time = [];
    /** @type {number[]} */
    this.at = [];
    /** @type {number[]} NaN and the infinities too: they are marked */
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

  /** Add points; what is there already is left out. @param {Columns} columns */
  append(columns) {
    this.take(columns.time, columns.at.map(number), columns.value.map(number));
  }

  /** @param {number[]} time @param {number[]} at @param {number[]} value */
  take(time, at, value) {
    const end = this.time.length - 1, last = end < 0 ? -Infinity : this.time[end];
    // equal times are points of their own, but the very last one may come twice: in what was loaded, and in the stream
    let from = 0;
    while (from < time.length && time[from] === last && at[from] === this.at[end]) from += 1;
    if (time[from] < last) return this.weave(time, at, value);
    for (let n = from; n < time.length; n++) {
      this.time.push(time[n]);
      this.at.push(at[n] ?? NaN);
      this.value.push(value[n]);
    }
    if (this.time.length > MOST) this.thin();
  }

  /** Put in points that are not later than all that are there: another worker's, or a spool's that was shipped late. @param {number[]} time @param {number[]} at @param {number[]} value */
  weave(time, at, value) {
    const key = (/** @type {number} */ when, /** @type {number} */ index) => `${when} ${index}`;
    const known = new Set(this.time.map((when, n) => key(when, this.at[n])));
    const all = this.time.map((when, n) => [when, this.at[n], this.value[n]]);
    time.forEach((when, n) => known.has(key(when, at[n] ?? NaN)) || all.push([when, at[n] ?? NaN, value[n]]));
    all.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    ["time", "at", "value"].forEach((column, n) => (this[/** @type {"time" | "at" | "value"} */ (column)] = all.map((point) => point[n])));
    if (this.time.length > MOST) this.thin();
  }

  /** First, least, greatest and last of each bucket, which draw the same line as all (M4). */
  thin() {
    const kept = m4(this.time, this.value, TO / 2);
    for (const column of /** @type {const} */ (["time", "at", "value"])) this[column] = kept.map((n) => this[column][n]);
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

/** What a curve is at a place on an axis; null where it is nothing. @param {number[]} xs @param {Curve} curve @param {number} x @param {number} moment after which nothing is yet */
export function valueAt(xs, curve, x, moment) {
  const n = below(xs, x);
  return n < 0 || x > xs[xs.length - 1] || curve.time[n] > moment ? null : curve.value[n];
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
