// Which nodes are unfolded; the address holds them, so that a link shows the graph as it was left.

import { alike } from "../core/choice.js";
import { pathsOf } from "./nodes.js";

/** @typedef {import("../core/types.js").Graph} Graph */

const ALL = "all";

export class Folds {
  /** @param {import("../core/address.js").Address} address whose key `open` holds them @param {() => void} changed */
  constructor(address, changed) {
    this.address = address;
    this.changed = changed;
    /** @type {Set<string>} ids of nodes, whose segments are percent-encoded, so that a comma parts them */
    this.open = new Set(address.get("open").split(",").filter(Boolean));
    address.on("open", (value) => {
      this.open = new Set(value.split(",").filter(Boolean));
      changed();
    });
  }

  get all() {
    return this.open.has(ALL);
  }

  /** The graph's address with these folds: of now, whatever moment is looked at, for the layout is the newest one and the states are the store's. @param {string} run */
  url(run) {
    const query = new URLSearchParams(this.all ? [["fold", "none"]] : [...this.open].map((id) => ["fold", id]));
    return `/api/v1/runs/${run}/graph${query.size ? `?${query}` : ""}`;
  }

  /** Unfold or fold one. @param {string} id @param {boolean} open @param {string[]} [shown] ids that are unfolded now, where all are */
  turn(id, open, shown = []) {
    if (this.all) this.open = new Set(shown);
    if (open) this.open.add(id);
    else for (const one of [...this.open]) if (one === id || one.startsWith(`${id}/`)) this.open.delete(one);
    this.keep();
  }

  /** The unfolded node of like tasks that a node is one of, "" for none. @param {string} id of the node */
  group(id) {
    return [...this.open].find((one) => one.includes("*") && alike(one).exec(id)?.[0] === id) ?? "";
  }

  /** Unfold everything, or nothing. @param {boolean} open */
  turnAll(open) {
    this.open = new Set(open ? [ALL] : []);
    this.keep();
  }

  keep() {
    this.address.set({ open: [...this.open].join(",") });
    this.changed();
  }
}

/**
 * How the nodes lie in each other: the unfolded node that each lies in, "" for none.
 * @param {Graph} graph
 * @returns {Map<string, string>}
 */
export function containers(graph) {
  /** @type {Map<string, string>} */
  const into = new Map(), ids = new Set(graph.nodes.map((node) => node.id));
  for (const node of graph.nodes) {
    let outer = node.path.slice(0, Math.max(0, node.path.lastIndexOf("/")));
    while (outer && !ids.has(outer)) outer = outer.slice(0, Math.max(0, outer.lastIndexOf("/")));
    into.set(node.id, outer);
  }
  return into;
}

/**
 * The node that shows a step: itself, the one that it is folded into, or the next that it lies in.
 * @param {Graph} graph
 * @param {string} path
 */
export function shows(graph, path) {
  let best = graph.nodes.find((node) => node.id === path || node.path === path);
  if (best) return best;
  best = graph.nodes.find((node) => node.members?.some((cell) => pathsOf(cell).some((one) => path === one || path.startsWith(`${one}/`))));
  if (best) return best;
  for (let outer = path; outer; outer = outer.slice(0, Math.max(0, outer.lastIndexOf("/")))) {
    best = graph.nodes.find((node) => node.path === outer);
    if (best) return best;
  }
  return undefined;
}
