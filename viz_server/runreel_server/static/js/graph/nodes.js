// The nodes of the laid-out graph with what their steps' states say. The server's `pages/nodes.py` does the same.
import { clock, count, micros, plural } from "../core/format.js";
import { ENDED, leaves, stepReading } from "../core/readings.js";

/** @typedef {import("../core/types.js").Graph} Graph */
/** @typedef {import("../core/types.js").GraphNode} GraphNode */
/** @typedef {import("../core/types.js").State} State */
/** @typedef {import("../core/types.js").Step} Step */
/** @typedef {import("../core/types.js").Reading} Reading */

const WORST = ["FAILED", "STALLED", "CANCELED", "RUNNING", "PENDING", "SKIPPED", "SUCCEEDED", "CACHED"];
const RANKS = ["PENDING", "SKIPPED", "CACHED", "SUCCEEDED", "RUNNING", "CANCELED", "STALLED", "FAILED"];
const ROW = 50, COLUMNS = 240;
/** A task that a state does not have; what the graph says of it is how it stands now. @type {Step} */
const TO_COME = { state: "PENDING" };

/** What lies below each path; the steps of a state change in place, but only come, or in going back only go. @type {WeakMap<object, {size: number, below: Map<string, string[]>}>} */
const known = new WeakMap();
/** @typedef {{step: Step, tasks: Step[]}} Standing */
/** What was made in this turn, in which no state changes: many regions ask for it. @type {Map<object, {below: Map<string, string[]> | null, made: Map<string, Step>, stands: Map<GraphNode, Standing>}>} */
const turn = new Map();

/** @param {Record<string, Step>} steps */
function turnOf(steps) {
  let mine = turn.get(steps);
  if (!mine) {
    turn.set(steps, (mine = { below: null, made: new Map(), stands: new Map() }));
    queueMicrotask(() => turn.clear());
  }
  return mine;
}

/** @param {Record<string, Step>} steps */
function inner(steps) {
  const size = Object.keys(steps).length;
  let found = known.get(steps);
  if (found?.size !== size) known.set(steps, (found = { size, below: leaves(steps) }));
  return found.below;
}

/** A step; of what only contains steps all of them together; else one that is to come. @param {string} path @param {Record<string, Step>} steps @returns {Step} */
function taskOf(path, steps) {
  if (steps[path]) return steps[path];
  const mine = turnOf(steps);
  let task = mine.made.get(path);
  if (!task) {
    mine.below ??= inner(steps);
    const some = (mine.below.get(path) ?? []).map((one) => steps[one]);
    task = some.length ? { ...together(some), progress: { done: some.filter((one) => ENDED.has(one.state)).length, total: some.length } } : TO_COME;
    mine.made.set(path, task);
  }
  return task;
}

/** The paths of the tasks that a cell stands for. @param {import("../core/types.js").Cell} cell */
export const pathsOf = (cell) => cell.paths ?? [cell.path];

/**
 * The step that a node stands for, and the tasks folded into it.
 * @param {GraphNode} node
 * @param {Record<string, Step>} steps
 * @returns {Standing}
 */
export function standing(node, steps) {
  const { stands } = turnOf(steps);
  let found = stands.get(node);
  if (!found) {
    const tasks = (node.members ?? []).flatMap((cell) => pathsOf(cell).map((path) => taskOf(path, steps)));
    found = { step: steps[node.path] ?? (tasks.length ? together(tasks) : taskOf(node.path, steps)), tasks };
    stands.set(node, found);
  }
  return found;
}

/** The worst state of the tasks that a cell stands for. @param {import("../core/types.js").Cell} cell @param {Record<string, Step>} steps */
function stateOf(cell, steps) {
  const states = pathsOf(cell).map((path) => taskOf(path, steps).state);
  return WORST.find((one) => states.includes(one)) ?? states[0];
}

/** One step made of many. @param {Step[]} tasks @returns {Step} */
export function together(tasks) {
  const states = new Set(tasks.map((task) => task.state || "PENDING"));
  if (!states.size) states.add("PENDING");
  const some = [...states].some((one) => ENDED.has(one)), all = [...states].every((one) => ENDED.has(one));
  let state = WORST.find((one) => states.has(one)) ?? "SUCCEEDED";
  if (states.has("RUNNING")) state = "RUNNING";
  else if (states.has("STALLED")) state = "STALLED";
  else if (states.has("PENDING")) state = some ? "RUNNING" : "PENDING";
  /** @type {string | null} */
  let started = null, finished = null;
  for (const task of tasks) {
    if (task.started && (started === null || task.started < started)) started = task.started;
    if (all && task.finished && (finished === null || task.finished > finished)) finished = task.finished;
  }
  return { state, started, finished };
}

/** What the nodes of a graph say at a moment; each is made when it is asked for. */
export class Readings {
  /** @param {Graph} graph @param {State} state @param {number} now */
  constructor(graph, state, now) {
    this.graph = graph;
    this.steps = state.steps ?? {};
    this.now = now;
    /** @type {Map<string, Reading>} */
    this.made = new Map();
  }

  /** @param {GraphNode} node @returns {Reading} */
  of(node) {
    let reading = this.made.get(node.id);
    if (!reading) {
      const { step, tasks } = standing(node, this.steps);
      this.made.set(node.id, (reading = stepReading(step, this.now, tasks)));
    }
    return reading;
  }

  /** What a node's lane shows, in words. @param {GraphNode} node */
  says(node) {
    return laneSays(standing(node, this.steps).step, this.of(node));
  }
}

/** How many tasks a step has, from when to when it went, and how many are wrong, in words. @param {Step} step @param {Reading} reading */
function laneSays({ started, finished }, { tasks, failed, stalled }) {
  const begun = micros(started), over = micros(finished);
  const when = begun === null ? "" : `from ${clock(begun)}${over === null ? " on" : ` to ${clock(over)}`}`;
  return [
    [tasks ? plural(tasks, "task") : "", when].filter(Boolean).join(" "), failed && `${count(failed)} failed`, stalled && `${count(stalled)} stalled`,
  ].filter(Boolean).join(", ");
}

/** The nodes as the timeline lists them. @param {Graph} graph @param {State} state */
export function byStart(graph, state) {
  const steps = state.steps ?? {};
  return graph.nodes
    .map((node) => {
      const { step } = standing(node, steps);
      return { node, at: micros(step.started) || micros(step.finished) || Infinity };
    })
    .sort((a, b) => (a.at === b.at ? 0 : a.at - b.at))
    .map((one) => one.node);
}

/**
 * The pieces of the way; where there are more than it has room for, so many side by side are one, with the worst state of them.
 * @template {{label: string, state: string, weight: number, share: number}} Piece
 * @param {Piece[]} pieces
 * @returns {Piece[]}
 */
export function columns(pieces) {
  const each = Math.ceil(pieces.length / COLUMNS);
  if (each <= 1) return pieces;
  return Array.from({ length: Math.ceil(pieces.length / each) }, (_, n) => {
    const some = pieces.slice(n * each, (n + 1) * each), weight = some.reduce((sum, one) => sum + one.weight, 0);
    const worst = some.reduce((best, one) => (RANKS.indexOf(one.state) > RANKS.indexOf(best.state) ? one : best));
    const share = some.reduce((sum, one) => sum + one.share * one.weight, 0) / weight;
    return { ...worst, label: some.length > 1 ? `${some[0].label} … ${some[some.length - 1].label}` : worst.label, weight, share };
  });
}

/** An SVG path of an edge's points. @param {[number, number][]} points */
export function edgePath([start, ...rest]) {
  let path = `M${start.join(" ")}`;
  for (let n = 0; n < rest.length; n += 3) path += `C${rest.slice(n, n + 3).flat().join(" ")}`;
  return path;
}

/** @param {string} from the state of the node that it leaves @param {string} to of that which it leads to */
export function edgeState(from, to) {
  return from === "SKIPPED" || to === "SKIPPED" ? "SKIPPED" : to;
}

/**
 * A heat strip: a cell a task, what wants an eye larger; one SVG path a state, the worst on top.
 * @param {GraphNode} node
 * @param {Record<string, Step>} steps
 * @returns {{width: number, height: number, paths: [string, string][]}}
 */
export function heat(node, steps) {
  const members = node.members ?? [], rows = Math.ceil(members.length / ROW), one = rows <= 1;
  const pitch = one ? 200 / Math.max(1, members.length) : 4, width = one ? Math.max(1, pitch - 2) : 3, height = one ? 8 : 4;
  /** @type {Record<string, string>} */
  const paths = {};
  members.forEach((member, n) => {
    const state = stateOf(member, steps);
    const grow = !one && (state === "FAILED" || state === "STALLED") ? 1 : 0;
    const x = Math.round((n % ROW) * pitch * 10) / 10, y = Math.floor(n / ROW) * 5, w = Math.round((width + grow) * 10) / 10;
    paths[state] = `${paths[state] ?? ""}M${x} ${y}h${w}v${height + grow}h${-w}z`;
  });
  const found = Object.entries(paths).sort(([a], [b]) => RANKS.indexOf(a) - RANKS.indexOf(b));
  return { width: 199, height: one ? 8 : rows * 5 - 1, paths: found };
}
