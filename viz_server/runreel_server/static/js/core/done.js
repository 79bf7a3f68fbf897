// How much of a run's work is done. The server's `pages/done.py` derives the same; one table of cases tests both.
import { micros, stepName } from "./format.js";

/** @typedef {import("./types.js").Step} Step */
/** @typedef {{path: string, label: string, state: string, weight: number, share: number}} Piece */

export const GOOD = new Set(["SUCCEEDED", "CACHED"]);
export const STOPPED = new Set(["FAILED", "CANCELED"]);
/** What has not ended is at most so far, of 1. */
export const MOST = 0.994;

/** How much of a step is done by its own word, of 1. @param {Step} step */
export function fraction({ state, progress }) {
  if (GOOD.has(state) || state === "SKIPPED") return 1;
  return STOPPED.has(state) || !progress?.total ? 0 : Math.min(MOST, (progress.done || 0) / progress.total);
}

/** The steps that were skipped because something that they need failed, not those that a branch passed over. @param {Record<string, Step>} steps */
function cutOff(steps) {
  /** @type {Map<string, string[]>} */
  const after = new Map();
  /** @type {Set<string>} */
  const found = new Set();
  for (const [path, step] of Object.entries(steps)) {
    if (step.state === "SKIPPED") for (const parent of step.parents ?? []) after.set(parent, [...(after.get(parent) ?? []), path]);
  }
  const todo = after.size ? Object.keys(steps).filter((path) => STOPPED.has(steps[path].state)) : [];
  for (let path = todo.pop(); path; path = todo.pop()) {
    do {
      for (const one of after.get(path) ?? []) {
        if (!found.has(one)) todo.push(one);
        found.add(one);
      }
      after.delete(path);
      path = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    } while (path && !Object.hasOwn(steps, path));
  }
  return found;
}

/** Of the outermost steps those that are done or were to be done. @param {Record<string, Step>} steps @param {string[]} top */
export function wanted(steps, top) {
  const cut = cutOff(steps);
  return top.filter((path) => steps[path].state !== "SKIPPED" || cut.has(path));
}

/** The seconds that a step should take, or took. @param {Step} step */
function timeOf({ expected, state, started, finished }) {
  const begun = micros(started), ended = micros(finished);
  return expected || (GOOD.has(state) && begun && ended ? (ended - begun) / 1e6 : 0);
}

/** @param {Step} step */
const rank = ({ state }) => (GOOD.has(state) || STOPPED.has(state) ? 0 : !state || state === "PENDING" || state === "SKIPPED" ? 2 : 1);

/** Whether nothing tells what steps a run that goes on will have: it declared none, and no earlier run is known. @param {import("./types.js").State} state */
export const unplanned = ({ finished, planned, median }) => !finished && planned === false && !median;

/**
 * The work as one line of pieces that fills to the right; the last, of no path, is what may still come.
 * @param {Record<string, Step>} steps
 * @param {string[]} paths the wanted ones
 * @param {(path: string) => number | null} told how much of a step that goes on is done
 * @param {number} now
 * @param {number | null} left
 * @param {number | null} elapsed
 * @param {boolean} more whether steps may come of which nothing tells: a last piece as long as the others are on the mean
 * @returns {Piece[]}
 */
export function way(steps, paths, told, now, left, elapsed, more) {
  /** @param {Step} step */
  const done = (step, path = "") => {
    if (GOOD.has(step.state)) return 1;
    if (step.state !== "RUNNING" && step.state !== "STALLED") return 0;
    const begun = micros(step.started);
    return told(path) ?? (begun && step.expected ? Math.min(0.95, (now - begun) / 1e6 / step.expected) : 0);
  };
  const laid = paths.map((path) => ({ path, step: steps[path], at: micros(steps[path].started) || micros(steps[path].finished) || Infinity, time: timeOf(steps[path]) }));
  laid.sort((a, b) => rank(a.step) - rank(b.step) || (a.at === b.at ? 0 : a.at - b.at));
  const known = laid.map((one) => one.time).filter(Boolean);
  const usual = known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : 1;
  const pieces = laid.map(({ path, step, time }) => (
    { path, get label() { return stepName(path); }, state: step.state || "PENDING", weight: Math.max(time || usual, usual / 50), share: done(step, path) }
  ));
  const rest = { path: "", label: "what may still come", state: "PENDING", weight: usual, share: 0 };
  if (more) return [...pieces, rest];
  if (elapsed === null || left === null || elapsed + left <= 0) return pieces;
  const passed = elapsed / (elapsed + left);
  if (!pieces.length) return [{ ...rest, state: "RUNNING", share: passed }];
  const [filled, whole] = sums(pieces), weight = filled / Math.max(passed, 0.001) - whole;
  return weight > usual / 100 ? [...pieces, { ...rest, weight }] : pieces;
}

/** What is done, and all of it. @param {Piece[]} pieces */
const sums = (pieces) => pieces.reduce(([done, all], { weight, share }) => [done + weight * share, all + weight], [0, 0]);

/** The share of the way that is done, of 1; only a run that has succeeded is all done. @param {string} run @param {Piece[]} pieces */
export function shareDone(run, pieces) {
  const [done, whole] = sums(pieces);
  return GOOD.has(run) ? 1 : whole ? Math.min(MOST, done / whole) : 0;
}
