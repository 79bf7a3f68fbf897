// What a run's state says to a reader. The server's `pages/readings.py` derives the same; one table of cases tests both.
import { GOOD, MOST, STOPPED, fraction, shareDone, unplanned, wanted, way } from "./done.js";
import * as text from "./format.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").Reading} Reading */
/** @typedef {{state: string, text: string, note: string, whole?: string, step?: string | null, artifact?: string}} Told */

/** @type {Record<string, string>} */
const WORDS = {
  PENDING: "Waiting", RUNNING: "Running", SUCCEEDED: "Succeeded", FAILED: "Failed", SKIPPED: "Skipped",
  CACHED: "Cached", CANCELED: "Canceled", STALLED: "Stalled", PAUSED: "Paused", CANCELING: "Canceling",
};
/** @type {Record<string, string>} */
const SIGNS = { SUCCEEDED: "✓", CACHED: "✓", FAILED: "✕", CANCELED: "⊘", CANCELING: "⊘", SKIPPED: "⊘" };
/** @type {Record<string, string>} */
const ICONS = { ...Object.fromEntries(Object.keys(SIGNS).map((state) => [state, "canceled"])), SUCCEEDED: "succeeded", CACHED: "succeeded", FAILED: "failed" };
export const ENDED = new Set(["SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"]);
const UNPLANNED = "Nothing tells whether more steps come: none were declared, and no earlier run is known";
/** Of how many gaps the record says all. */
const MOST_GAPS = 20;
/** Of how many steps whose time nobody knows the names are said. */
const MOST_DARK = 3;

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

/** What each path lies in: it is asked for at each draw, of all of them. @type {Map<string, string>} */
const outer = new Map();
const MOST_KNOWN = 50_000;

/** @param {string} path */
function above(path) {
  let found = outer.get(path);
  if (found === undefined) {
    if (outer.size >= MOST_KNOWN) outer.clear();
    outer.set(path, (found = path.slice(0, Math.max(0, path.lastIndexOf("/")))));
  }
  return found;
}

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

/** The paths that lie in no other step, whether or not a path above them is one. @param {Record<string, Step>} steps */
export function outermost(steps) {
  return Object.keys(steps).filter((path) => {
    let over = above(path);
    while (over && !Object.hasOwn(steps, over)) over = above(over);
    return !over;
  });
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
  const done = tasks.filter((task) => ENDED.has(task.state) && !STOPPED.has(task.state)).length;
  const total = tasks.length ? Math.max(tasks.length, Math.trunc(step.total ?? 0)) : 0;
  /** @type {number | null} */
  let share = null;
  if (progress?.total) share = Math.min(state === "RUNNING" ? MOST : 1, (progress.done ?? 0) / progress.total);
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
  return { state, share, read, left: left === null ? "" : `${text.guess(left)} left`, note, failed, stalled, tasks: total };
}

/**
 * The read-outs of a run.
 * @param {State} state
 * @param {number} now
 * @param {boolean} past whether `now` is not the present
 * @param {number} today the present
 */
export function headReading(state, now, past = false, today = now) {
  const steps = state.steps ?? {}, run = state.state || "PENDING", ended = ENDED.has(run);
  const top = outermost(steps);
  const work = wanted(steps, top);
  const good = work.filter((path) => GOOD.has(steps[path].state)).length;
  const below = leaves(steps);
  const tasks = top.reduce((sum, path) => sum + (below.get(path)?.length || 1), 0);
  const elapsed = seconds(state.started, ended ? text.micros(state.finished) : now);
  const open = !ended && unplanned(state), left = ended || open || run === "STALLED" ? null : secondsLeft(state.eta, now);
  /** @param {string} path */
  const told = (path) => stepReading(steps[path], now, (below.get(path) ?? []).map((one) => steps[one])).share;
  const pieces = way(steps, work, told, now, left, elapsed, open), share = open ? null : shareDone(run, pieces);
  const word = WORDS[run] ?? run, trouble = wrong(state, now);
  const going = { FAILED: "wrong", STALLED: "stalled" }[trouble.state] ?? "running";
  return {
    state: run, word, share, way: pieces,
    tab: run === "RUNNING" ? (share === null ? "running" : text.percent(share)) : `${SIGNS[run] ?? "…"} ${word.toLowerCase()}`,
    icon: run === "RUNNING" ? going : ICONS[run] ?? "waiting",
    percent: share === null ? text.NOTHING : text.percent(share),
    steps: work.length ? `${text.count(good)} of ${text.plural(work.length, "step")}${open ? " so far" : ""}` : "no step yet",
    planned: open ? UNPLANNED : "",
    tasks: text.plural(top.length, "step") + (tasks > top.length ? `, ${text.plural(tasks, "task")}` : ""),
    elapsed: text.span(elapsed),
    median: state.median ? `median ${text.span(state.median)}` : "",
    left: left === null ? text.NOTHING : text.guess(left),
    ...ends(state, left, top, now, today),
    wrong: trouble,
    record: record(state, past),
  };
}

/**
 * When the run ends or ended; where nothing tells, what is known, and `why` no more is.
 * @param {State} state
 * @param {number | null} left
 * @param {string[]} top
 * @param {number} now
 * @param {number} today
 */
function ends(state, left, top, now, today) {
  const steps = state.steps ?? {};
  if (state.finished || left !== null || state.state !== "RUNNING") {
    const end = text.micros(state.finished) ?? (left === null ? null : text.micros(state.eta));
    if (end === null) return { ends: "", why: "" };
    const word = state.finished ? "ended" : "ends about", at = text.moment(end, state.finished ? today : now);
    const short = at.includes(",") ? `${word.split(" ")[0]} ${at.slice(0, -3)}` : `${word} ${at}`; // a day takes room
    return { ends: short, why: `${word} ${at} (${text.utc(end)})` };
  }
  /** @type {Map<string, number>} */
  const told = new Map();
  let last = "";
  for (const path of top) {
    const end = steps[path].state === "RUNNING" ? secondsLeft(steps[path].eta, now) : null;
    if (end === null) continue;
    told.set(path, end);
    if (!last || end > (told.get(last) ?? 0)) last = path;
  }
  const dark = top.filter((path) => !told.has(path) && !ENDED.has(steps[path].state) && !steps[path].expected).map(text.stepName);
  const more = dark.length > MOST_DARK ? ` and ${text.count(dark.length - MOST_DARK)} more` : "";
  const why = dark.length ? `No earlier run tells how long these take: ${dark.slice(0, MOST_DARK).join(", ")}${more}` : unplanned(state) ? UNPLANNED : "No step tells how long the run takes";
  const said = last ? `${text.stepName(last)} ${text.guess(told.get(last) ?? null)} left` : "no earlier run to tell";
  return { ends: said, why: last ? `${said}. ${why}` : why };
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
 * @param {number} now
 * @returns {Told}
 */
export function wrong(state, now) {
  const steps = state.steps ?? {}, paths = Object.keys(steps);
  /** @param {string} kind */
  const having = (kind) => deepest(paths.filter((path) => steps[path].state === kind));
  const failed = having("FAILED"), stalled = having("STALLED");
  const retries = paths.filter((path) => (steps[path].attempts?.length ?? 0) > 1 && steps[path].state !== "FAILED").length;
  const silent = Math.max(0, ...stalled.map((path) => seconds(steps[path].heartbeat, now) ?? 0));
  const said = silent ? `${stalled.length} stalled, silent ${silence(silent)}` : `${stalled.length} stalled`;
  if (failed.length) {
    /** @param {string} path */
    const end = (path) => text.micros(steps[path].finished) || now;
    const first = failed.reduce((best, path) => (end(path) < end(best) ? path : best));
    const error = steps[first].error?.type ?? "";
    /** @param {string} path @param {string} kind */
    const name = (path, kind) => text.stepName(path) + (kind && `: ${text.name(kind)}`);
    const note = name(first.slice(first.lastIndexOf("/") + 1), error.slice(error.lastIndexOf(".") + 1)), whole = name(first, error); // the rest has no room
    return { state: "FAILED", text: `${text.count(failed.length)} failed`, step: first, ...(stalled.length ? { note: said, whole: `${whole}; ${said}` } : { note, whole }) };
  }
  if (state.state === "FAILED") return { state: "FAILED", text: "the run", note: text.name(state.error?.type ?? ""), step: null };
  if (stalled.length) {
    return { state: "STALLED", text: `${stalled.length} stalled`, note: silent ? `silent ${silence(silent)}` : text.stepName(stalled[0]), step: stalled[0] };
  }
  if (state.state === "STALLED") {
    const signs = Object.values(state.sessions ?? {}).flatMap((one) => (one.closed ? [] : seconds(one.heartbeat, now) ?? []));
    return { state: "STALLED", text: "the run", note: signs.length ? `silent ${silence(Math.min(...signs))}` : "", step: null };
  }
  const broken = Object.values(state.artifacts ?? {}).filter((one) => one.state === "failed" || one.state === "incomplete");
  if (broken.length) {
    const first = broken.reduce((best, one) => ((one.created ?? "") < (best.created ?? "") ? one : best));
    const note = `${first.state}: ${text.name(first.name || first.id)}`, whole = first.reason ? `${note}, ${text.param(first.reason)}` : note;
    return { state: "FAILED", text: text.plural(broken.length, "artifact"), note, whole, step: null, artifact: first.id };
  }
  return { state: "", text: "nothing", note: retries ? `${text.count(retries)} ${retries === 1 ? "retry" : "retries"}, mended` : "", step: null };
}

/** "started 09:04:05 by etl on etl-02, commit 4f1c2ad": what is known of a run. @param {State} state @param {(time: number | null) => string} when says the time */
export function about(state, when) {
  /** @type {Record<string, any>} */
  const environment = state.environment ?? {};
  const owner = state.owner || environment.user, origin = state.origin?.run;
  const said = [
    state.started ? `started ${when(text.micros(state.started))}` : "not started",
    owner && `by ${text.name(owner)}`,
    environment.host && `on ${text.name(environment.host)}`,
  ];
  return said.filter(Boolean).join(" ")
    + (environment.commit ? `, commit ${text.name(environment.commit).slice(0, 7)}` : "")
    + (origin ? `, replay of ${text.short(origin)}` : "");
}

/** Of whom events are missing, and which. @param {{session: string, from: number, to: number}} gap @param {NonNullable<State["sessions"]>} sessions */
function whence(gap, sessions) {
  const session = sessions[gap.session], first = text.count(gap.from);
  const who = session?.step ? text.stepName(session.step) : text.name(session?.host || gap.session.slice(0, 8));
  return `${who}, ${gap.to > gap.from ? `${first} to ${text.count(gap.to)}` : first}`;
}

/**
 * The proof: whether all that was said is here; `whole` says it in full.
 * @param {State} state
 * @param {boolean} past
 * @returns {Told & {whole: string}}
 */
export function record(state, past) {
  const missing = state.missing ?? [], sessions = state.sessions ?? {}, all = Object.values(sessions), events = state.events ?? 0;
  const said = Math.max(events, all.reduce((sum, one) => sum + (one.said ?? -1) + 1, 0));
  const here = `${text.count(events)} of ${text.count(said)} events`, whole = `${here}, ${text.plural(all.length, "session")}`;
  if (missing.length) {
    const number = missing.reduce((sum, gap) => sum + gap.to - gap.from + 1, 0);
    const from = missing.slice(0, MOST_GAPS).map((gap) => whence(gap, sessions));
    const more = missing.length > 1 ? `, ${text.count(missing.length - 1)} more` : "";
    const rest = missing.length > MOST_GAPS ? `; and ${text.count(missing.length - MOST_GAPS)} more` : "";
    return { state: "STALLED", text: `${text.count(number)} missing`, note: `from ${from[0]}${more}; ${here}`, whole: `${whole}; missing from ${from.join("; from ")}${rest}` };
  }
  const lost = Object.values(state.losses ?? {}).reduce((sum, one) => sum + one, 0);
  if (lost) {
    const reasons = Object.keys(state.losses ?? {}).map(text.name).join(", ");
    const dropped = `${text.count(lost)} dropped`;
    return { state: "STALLED", text: dropped, note: reasons, whole: `${whole}; ${dropped}: ${reasons}` };
  }
  if (past) {
    const first = `first ${text.count(events)} events`;
    return { state: "SUCCEEDED", text: "no gap", note: first, whole: first };
  }
  return { state: "SUCCEEDED", text: state.complete ? "complete" : "no gap", note: whole, whole };
}
