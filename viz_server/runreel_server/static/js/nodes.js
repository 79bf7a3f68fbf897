// The nodes of the laid-out graph with what their steps' states say. The server's `pages/nodes.py` does the same.
import { micros } from "./format.js";
import { ENDED, stepReading } from "./readings.js";

/** @typedef {import("./types.js").Graph} Graph */
/** @typedef {import("./types.js").GraphNode} GraphNode */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").Reading} Reading */

const WORST = ["FAILED", "CANCELED", "SKIPPED", "SUCCEEDED", "CACHED"];
const ROW = 50;

/**
 * The step that a node stands for, and the tasks folded into it.
 * @param {GraphNode} node
 * @param {Record<string, Step>} steps
 * @returns {{step: Step, tasks: Step[]}}
 */
export function standing(node, steps) {
  /** @type {Step[]} */
  const tasks = [];
  for (const member of node.members ?? []) {
    const task = member.count === 1 ? steps[member.path] ?? member : member;
    for (let n = 0; n < member.count; n++) tasks.push(task);
  }
  return { step: steps[node.path] ?? together(tasks), tasks };
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
  const begun = tasks.map((task) => task.started ?? "").filter(Boolean).sort();
  const over = all ? tasks.map((task) => task.finished ?? "").filter(Boolean).sort() : [];
  return { state, started: begun[0] ?? null, finished: over.at(-1) ?? null };
}

/**
 * @param {Graph} graph
 * @param {State} state
 * @param {number} now
 * @returns {Record<string, Reading>}
 */
export function nodeReadings(graph, state, now) {
  const steps = state.steps ?? {};
  return Object.fromEntries(graph.nodes.map((node) => {
    const { step, tasks } = standing(node, steps);
    return [node.id, stepReading(step, now, tasks)];
  }));
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
 * The nodes as the way lists them: those that ended, those that run, those to come; so that it fills to the right.
 * @param {Graph} graph
 * @param {State} state
 * @param {Record<string, Reading>} readings
 */
export function byState(graph, state, readings) {
  /** @type {Record<string, number>} */
  const order = { PENDING: 2, RUNNING: 1, STALLED: 1, PAUSED: 1, CANCELING: 1 };
  return byStart(graph, state).sort((a, b) => (order[readings[a.id].state] ?? 0) - (order[readings[b.id].state] ?? 0));
}

/** An SVG path of an edge's points. @param {[number, number][]} points */
export function edgePath([start, ...rest]) {
  let path = `M${start.join(" ")}`;
  for (let n = 0; n < rest.length; n += 3) path += `C${rest.slice(n, n + 3).flat().join(" ")}`;
  return path;
}

/** @param {{from: string, to: string}} edge @param {Record<string, Reading>} readings */
export function edgeState(edge, readings) {
  const from = readings[edge.from]?.state ?? "PENDING", to = readings[edge.to]?.state ?? "PENDING";
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
    const state = (member.count === 1 ? steps[member.path]?.state : undefined) ?? member.state;
    const grow = !one && (state === "FAILED" || state === "STALLED") ? 1 : 0;
    const x = Math.round((n % ROW) * pitch * 10) / 10, y = Math.floor(n / ROW) * 5, w = Math.round((width + grow) * 10) / 10;
    paths[state] = `${paths[state] ?? ""}M${x} ${y}h${w}v${height + grow}h${-w}z`;
  });
  const order = ["PENDING", "SKIPPED", "CACHED", "SUCCEEDED", "RUNNING", "CANCELED", "STALLED", "FAILED"];
  const found = Object.entries(paths).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return { width: 199, height: one ? 8 : rows * 5 - 1, paths: found };
}
