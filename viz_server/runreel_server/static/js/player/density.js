// How many tasks ran at once: the time in columns, and in each how many of which state, on the mean. Pure.
import { micros } from "../core/format.js";

/** @typedef {import("../core/types.js").Step} Step */
/**
 * When something ran, in seconds since the run's start; `e` is Infinity while it goes on.
 * @typedef {{state: string, s: number, e: number}} Span
 */
/** A part of the time in columns that are `step` wide, from `from` on, which is a multiple of it. @typedef {{from: number, step: number, count: number}} Part */
/** What one state takes in some columns side by side, in columns and in pixels from the top. @typedef {{from: number, to: number, y: number, h: number}} Block */

export const TALL = 10; // pixels
const LEAST = 2; // pixels that a column takes, at least; at most twice that
const SPECK = 1e-6; // of a task: what took no time is there nevertheless
const THIN = 0.34; // of a column: what took hardly any time is a line
/** From the top, under the quiet ones: what must be seen stands on the ground. */
const ORDER = ["RUNNING", "CANCELED", "STALLED", "FAILED"];
/** Pixels that one of very many takes nevertheless. @type {Record<string, number>} */
const SEEN = { FAILED: 3, STALLED: 3 };
const QUIET = 0.5;

/**
 * When the attempts at a step ran, with the states that they had at the moment: what ended after it was under way.
 * @param {Step} step all that is known of it
 * @param {Step | null} then the step as it was at the moment; null: the moment is now
 * @param {number} start of the run, in microseconds
 * @param {number} [at] the moment, in microseconds
 * @returns {Span[]}
 */
export function spansOf(step, then, start, at = Infinity) {
  const seconds = (/** @type {number | null} */ time) => (time === null ? Infinity : Math.round((time - start) / 1e3) / 1e3);
  /** @type {Span[]} */
  const spans = [];
  for (const one of step.attempts?.length ? step.attempts : [step]) {
    const begun = micros(one.started), ended = micros(one.finished);
    if (begun === null) continue;
    const going = then !== null && begun <= at && !(ended !== null && ended <= at);
    const state = !going ? one.state : then.state === "STALLED" ? "STALLED" : "RUNNING";
    spans.push({ state, s: seconds(begun), e: seconds(ended) });
  }
  return spans;
}

/** From the begin of the first to the end of the last. @param {Span[]} spans @returns {[number, number]} */
export function extent(spans) {
  let s = Infinity, e = -Infinity;
  for (const one of spans) {
    if (one.s < s) s = one.s;
    if (one.e > e) e = one.e;
  }
  return [s, e];
}

/**
 * The columns for what is in view, and half of it more on each side. They stand still while the end moves on, and two become one where they get too narrow.
 * @param {[number, number]} reach from when to when there is something
 * @param {{from: number, span: number}} shown the part of the time that is in view
 * @param {number} width pixels that it has
 * @returns {Part}
 */
export function partOf([first, last], { from, span }, width) {
  const step = 2 ** Math.ceil(Math.log2((LEAST * span) / width));
  const left = Math.max(first, from - span / 2), right = Math.min(last, from + 1.5 * span), begin = Math.floor(left / step);
  return { from: begin * step, step, count: left > right ? 0 : Math.max(1, Math.ceil(right / step) - begin) };
}

/**
 * How many ran at once in each column, by state.
 * @param {Span[]} spans
 * @param {Part} part
 * @param {number} now seconds, where what goes on ends
 * @returns {Map<string, Float64Array>}
 */
export function columnsOf(spans, { from, step, count }, now) {
  /** @type {Map<string, {here: Float64Array, on: Float64Array}>} whole columns are the sum of `on` up to there */
  const sums = new Map();
  let first = Infinity, last = -Infinity;
  for (const { state, s, e } of spans) {
    const a = (s - from) / step, b = (Math.max(s, Math.min(e, now)) - from) / step;
    if (a < first) first = a;
    if (b > last) last = b;
    if (b < 0 || a > count) continue;
    let found = sums.get(state);
    if (!found) sums.set(state, (found = { here: new Float64Array(count), on: new Float64Array(count) }));
    const left = Math.max(0, a), right = Math.min(count, b), m = Math.min(count - 1, Math.floor(left)), n = Math.min(count - 1, Math.floor(right));
    if (m === n) found.here[m] += Math.max(SPECK, right - left);
    else {
      found.here[m] += m + 1 - left;
      found.here[n] += right - n;
      if (m + 1 < n) {
        found.on[m + 1] += 1;
        found.on[n] -= 1;
      }
    }
  }
  // the first and the last column are those that were there for a part of it only
  const whole = (/** @type {number} */ n) => Math.max(THIN, Math.min(n + 1, last) - Math.max(n, first));
  const edges = new Set([Math.floor(first), Math.ceil(last) - 1]);
  /** @type {Map<string, Float64Array>} */
  const columns = new Map();
  for (const [state, { here, on }] of sums) {
    for (let n = 0, going = 0; n < count; n++) here[n] += going += on[n];
    for (const n of edges) if (n >= 0 && n < count) here[n] /= whole(n);
    columns.set(state, here);
  }
  return columns;
}

/**
 * The columns as blocks to draw, by state, stacked: the more ran at once the higher, and what must be seen is, were it one in very many.
 * @param {Map<string, Float64Array>} columns
 * @param {number} count
 * @param {number[]} reach in columns: nothing is drawn outside
 * @returns {Map<string, Block[]>}
 */
export function blocksOf(columns, count, [first, last]) {
  const stacked = [...columns].sort(([a], [b]) => ORDER.indexOf(b) - ORDER.indexOf(a)), states = stacked.map(([state]) => state), given = stacked.map((one) => one[1]);
  let highest = SPECK;
  for (let n = 0; n < count; n++) {
    let sum = 0;
    for (const one of given) sum += one[n];
    if (sum > highest) highest = sum;
  }
  /** @type {Block[][]} */
  const made = states.map(() => []);
  const high = new Float64Array(states.length), least = states.map((state) => SEEN[state] ?? QUIET);
  for (let n = 0; n < count; n++) {
    let over = -TALL;
    for (let k = 0; k < states.length; k++) over += high[k] = given[k][n] > 0 ? Math.max(least[k], (given[k][n] / highest) * TALL) : 0;
    for (let k = states.length - 1; k >= 0 && over > 0; k--) { // the quiet ones give way
      const less = Math.min(over, Math.max(0, high[k] - least[k]));
      high[k] -= less;
      over -= less;
    }
    const from = Math.max(n, first), to = Math.max(Math.min(n + 1, last), from + THIN);
    for (let k = 0, floor = TALL; k < states.length; k++) {
      if (!high[k]) continue;
      const top = Math.max(0, Math.round((floor - high[k]) * 2) / 2), h = floor - top, before = made[k].at(-1);
      floor = top;
      if (before && before.to === from && before.y === top && before.h === h) before.to = to;
      else made[k].push({ from, to, y: top, h });
    }
  }
  return new Map(states.map((state, k) => [state, made[k]]));
}

/**
 * Spans that overlap on rows of their own; null where that takes more than so many.
 * @param {Span[]} spans
 * @param {number} most
 * @returns {Span[][] | null}
 */
export function rowsOf(spans, most) {
  /** @type {Span[][]} */
  const rows = [];
  for (const one of [...spans].sort((a, b) => a.s - b.s)) {
    const free = rows.find((row) => row[row.length - 1].e <= one.s);
    if (free) free.push(one);
    else if (rows.push([one]) > most) return null;
  }
  return rows;
}

/**
 * Of what lies nearer to each other than can be told apart only the first, with how many it stands for.
 * @template T
 * @param {{at: number, one: T}[]} marks
 * @param {number} apart
 * @returns {{at: number, one: T, count: number}[]}
 */
export function thinned(marks, apart) {
  /** @type {{at: number, one: T, count: number}[]} */
  const kept = [];
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    const before = kept.at(-1);
    if (before && mark.at - before.at < apart) before.count += 1;
    else kept.push({ ...mark, count: 1 });
  }
  return kept;
}
