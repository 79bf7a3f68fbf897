// What a run's state says to a reader. The server's `pages/readings.py` derives the same; one table of cases tests both.
import * as text from "./format.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").Reading} Reading */
/** @typedef {{state: string, text: string, note: string, step?: string | null}} Told */

/** @type {Record<string, string>} */
export const WORDS = {
  PENDING: "Waiting", RUNNING: "Running", SUCCEEDED: "Succeeded", FAILED: "Failed", SKIPPED: "Skipped",
  CACHED: "Cached", CANCELED: "Canceled", STALLED: "Stalled", PAUSED: "Paused", CANCELING: "Canceling",
};
export const ENDED = new Set(["SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"]);
const GOOD = new Set(["SUCCEEDED", "CACHED"]);

/** Seconds from `start` to `end`. @param {unknown} start @param {number | null} end */
export function seconds(start, end) {
  const begun = text.micros(start);
  return begun === null || end === null ? null : (end - begun) / 1e6;
}

/** Seconds from `now` to the expected end. @param {unknown} eta @param {number} now */
export function secondsLeft(eta, now) {
  const end = text.micros(eta);
  return end === null ? null : Math.max(0, (end - now) / 1e6);
}

/** @param {string} path */
const above = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** How much of a task is done, of 1. @param {Step} task */
const fraction = (task) => (ENDED.has(task.state) ? 1 : task.progress?.total ? Math.min(1, (task.progress.done || 0) / task.progress.total) : 0);

/** @param {number} silent */
const silence = (silent) => (silent < 100 ? `${Math.floor(silent)} s` : text.span(silent));

/**
 * For each step that has others below it, the paths of those below that have none themselves.
 * @param {Record<string, Step>} steps
 * @returns {Map<string, string[]>}
 */
export function leaves(steps) {
  const paths = Object.keys(steps), parents = new Set(paths.map(above));
  /** @type {Map<string, string[]>} */
  const below = new Map();
  for (const path of paths) {
    if (parents.has(path)) continue;
    for (let parent = above(path); parent; parent = above(parent)) {
      const list = below.get(parent);
      list ? list.push(path) : below.set(parent, [path]);
    }
  }
  return below;
}

/**
 * One step in a few words.
 * @param {Step} step
 * @param {number} now
 * @param {Step[]} tasks the steps below it that have none themselves
 * @returns {Reading}
 */
export function stepReading(step, now, tasks = []) {
  const state = step.state || "PENDING", progress = step.progress ?? null;
  const failed = tasks.filter((task) => task.state === "FAILED").length;
  const stalled = tasks.filter((task) => task.state === "STALLED").length;
  const done = tasks.filter((task) => ENDED.has(task.state)).length;
  const total = tasks.length ? Math.max(tasks.length, Math.trunc(step.total ?? 0)) : 0;
  /** @type {number | null} */
  let share = null;
  if (progress?.total) share = Math.min(1, (progress.done ?? 0) / progress.total);
  else if (total) share = tasks.reduce((sum, task) => sum + fraction(task), 0) / total;
  const left = state === "RUNNING" && step.eta ? secondsLeft(step.eta, now) : null;
  let read = "";
  if (state === "RUNNING") read = share !== null ? text.percent(share) : text.span(seconds(step.started, now));
  else if (state === "STALLED") {
    const silent = seconds(step.heartbeat, now);
    read = silent === null ? "stalled" : `silent ${silence(silent)}`;
  } else if (state === "PENDING") read = step.expected ? `≈ ${text.span(step.expected)}` : "";
  else if (state === "SKIPPED" || state === "CACHED") read = WORDS[state].toLowerCase();
  else read = text.span(seconds(step.started, text.micros(step.finished)));
  let note = total ? `${text.count(done)} of ${text.count(total)}` : "";
  if (state === "RUNNING" && progress?.total) {
    note = `${text.value(progress.done ?? 0)} of ${text.value(progress.total)}${progress.unit ? ` ${text.name(progress.unit)}` : ""}`;
  }
  return { state, share, read, left: left === null ? "" : `≈ ${text.span(left)} left`, note, failed, stalled, tasks: total };
}

/**
 * @param {State} state
 * @param {number} now
 * @returns {Record<string, Reading>}
 */
export function stepReadings(state, now) {
  const steps = state.steps ?? {}, below = leaves(steps);
  /** @type {Record<string, Reading>} */
  const readings = {};
  for (const [path, step] of Object.entries(steps)) {
    readings[path] = stepReading(step, now, (below.get(path) ?? []).map((one) => steps[one]));
  }
  return readings;
}

/**
 * The read-outs of a run.
 * @param {State} state
 * @param {Record<string, Reading>} readings
 * @param {number} now
 * @param {boolean} past whether `now` is not the present
 */
export function headReading(state, readings, now, past = false) {
  const steps = state.steps ?? {}, run = state.state || "PENDING", ended = ENDED.has(run);
  const top = Object.keys(steps).filter((path) => !path.includes("/"));
  const wanted = top.filter((path) => steps[path].state !== "SKIPPED");
  const good = wanted.filter((path) => GOOD.has(steps[path].state)).length;
  const below = leaves(steps);
  const tasks = top.reduce((sum, path) => sum + (below.get(path)?.length || 1), 0);
  const elapsed = seconds(state.started, ended ? text.micros(state.finished) : now);
  const left = ended ? null : secondsLeft(state.eta, now);
  const share = shareDone(run, steps, wanted, readings, elapsed, left);
  return {
    state: run, word: WORDS[run] ?? run, share,
    percent: text.percent(share),
    steps: wanted.length ? `${good} of ${text.plural(wanted.length, "step")}` : "no step yet",
    tasks: text.plural(top.length, "step") + (tasks > top.length ? `, ${text.plural(tasks, "task")}` : ""),
    elapsed: text.span(elapsed),
    median: state.median ? `median ${text.span(state.median)}` : "",
    left: left === null ? text.NOTHING : `≈ ${text.span(left)}`,
    ends: state.finished ? `ended ${text.clock(text.micros(state.finished))}`
      : left === null ? "" : `ends about ${text.clock(text.micros(state.eta))}`,
    wrong: wrong(state, readings, now),
    record: record(state, past),
  };
}

/**
 * @param {string} run
 * @param {Record<string, Step>} steps
 * @param {string[]} wanted
 * @param {Record<string, Reading>} readings
 * @param {number | null} elapsed
 * @param {number | null} left
 */
function shareDone(run, steps, wanted, readings, elapsed, left) {
  if (GOOD.has(run)) return 1;
  if (elapsed !== null && left !== null && elapsed + left > 0) return Math.min(0.994, elapsed / (elapsed + left));
  if (!wanted.length) return 0;
  return wanted.reduce((sum, path) => sum + (GOOD.has(steps[path].state) ? 1 : readings[path].share ?? 0), 0) / wanted.length;
}

/** Those that have none of the others below them. @param {string[]} paths */
function deepest(paths) {
  /** @type {Set<string>} */
  const parents = new Set();
  for (const path of paths) for (let parent = above(path); parent; parent = above(parent)) parents.add(parent);
  return paths.filter((path) => !parents.has(path));
}

/**
 * What failed or is silent, and where it began.
 * @param {State} state
 * @param {Record<string, Reading>} readings
 * @param {number} now
 * @returns {Told}
 */
export function wrong(state, readings, now) {
  const steps = state.steps ?? {};
  /** @param {string} kind */
  const having = (kind) => deepest(Object.keys(readings).filter((path) => readings[path].state === kind));
  const failed = having("FAILED"), stalled = having("STALLED");
  const retries = Object.keys(steps).filter((path) => (steps[path].attempts?.length ?? 0) > 1 && readings[path].state !== "FAILED").length;
  const silent = Math.max(0, ...stalled.map((path) => seconds(steps[path].heartbeat, now) ?? 0));
  const said = silent ? `${stalled.length} stalled, silent ${silence(silent)}` : `${stalled.length} stalled`;
  if (failed.length) {
    /** @param {string} path */
    const end = (path) => text.micros(steps[path].finished) || now;
    const first = failed.reduce((best, path) => (end(path) < end(best) ? path : best));
    const error = steps[first].error?.type ?? "";
    const note = stalled.length ? said : text.stepName(first) + (error ? `: ${text.name(error)}` : "");
    return { state: "FAILED", text: `${text.count(failed.length)} failed`, note, step: first };
  }
  if (state.state === "FAILED") return { state: "FAILED", text: "the run", note: text.name(state.error?.type ?? ""), step: null };
  if (stalled.length) {
    return { state: "STALLED", text: `${stalled.length} stalled`, note: silent ? `silent ${silence(silent)}` : text.stepName(stalled[0]), step: stalled[0] };
  }
  return { state: "", text: "nothing", note: retries ? `${text.count(retries)} ${retries === 1 ? "retry" : "retries"}, mended` : "", step: null };
}

/**
 * The proof: whether all that was said is here.
 * @param {State} state
 * @param {boolean} past
 * @returns {Told}
 */
export function record(state, past) {
  const missing = state.missing ?? [], events = text.count(state.events ?? 0);
  if (missing.length) {
    const number = missing.reduce((sum, gap) => sum + gap.to - gap.from + 1, 0), gap = missing[0];
    const session = state.sessions?.[gap.session];
    const whence = session?.step ? text.stepName(session.step) : session?.host || gap.session.slice(0, 8);
    const numbers = gap.to > gap.from ? `${text.count(gap.from)} to ${text.count(gap.to)}` : text.count(gap.from);
    const more = missing.length > 1 ? `, ${missing.length - 1} more` : "";
    return { state: "STALLED", text: `${text.count(number)} missing`, note: `from ${whence}, ${numbers}${more}` };
  }
  const losses = Object.entries(state.losses ?? {}), lost = losses.reduce((sum, [, one]) => sum + one, 0);
  if (lost) return { state: "STALLED", text: `${text.count(lost)} dropped`, note: losses.map(([reason]) => text.name(reason)).join(", ") };
  if (past) return { state: "SUCCEEDED", text: "no gap", note: `first ${events} events` };
  if (state.complete) return { state: "SUCCEEDED", text: "complete", note: `${events} of ${events} events` };
  return { state: "SUCCEEDED", text: "no gap", note: `${events} events` };
}
