// The chosen step: a node of the graph, a lane, a name in the log. Each region shows what belongs to it and nothing else.

import { fits } from "./format.js";

/** @typedef {import("./types.js").GraphNode} GraphNode */

/** The id of a node of like tasks as an expression: a `*` stands for a number. @param {string} id */
export function alike(id) {
  const parts = id.replace(/\*\d+$/, "").split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  // a number is taken whole, so that many of them in an address cannot hold up the page
  return new RegExp(`^${parts.map((part, n) => (n ? `(?=(\\d+))\\${n}${part}` : part)).join("")}(?:/|$)`);
}

export class Choice {
  /**
   * @param {import("./address.js").Address} address whose key `step` holds it
   * @param {() => GraphNode[]} nodes of the graph as it is shown
   */
  constructor(address, nodes) {
    this.address = address;
    this.nodes = nodes;
    this.id = address.get("step");
    /** Whether the page chose it, as where a failed run opens, and not the reader. */
    this.offered = false;
    /** @type {((id: string) => void)[]} */
    this.listeners = [];
    address.on("step", (id) => this.turn(id));
  }

  /** @param {(id: string) => void} listener */
  on(listener) {
    this.listeners.push(listener);
  }

  /** Choose a step or a node of the graph by its id, or none with "". @param {string} id */
  choose(id) {
    if (id === this.id || !fits(id)) return; // what belongs to it could not be asked for
    this.address.set({ step: id }, true);
    this.turn(id);
  }

  /** Choose it, or let it go where it is the chosen one. @param {string} id */
  toggle(id) {
    this.choose(id === this.id ? "" : id);
  }

  /** @param {string} id @param {boolean} [offered] */
  turn(id, offered = false) {
    if (!fits(id)) return;
    this.id = id;
    this.offered = offered;
    for (const listener of this.listeners) listener(id);
  }

  /** Whether what is at `path` belongs to the chosen step, or nothing is chosen. @param {string} path */
  covers(path) {
    const { id } = this;
    if (!id || path === id || path.startsWith(`${id}/`)) return true;
    const members = this.nodes().find((node) => node.id === id)?.members ?? [];
    if (members.length && members.every((member) => member.count === 1)) {
      return members.some((member) => path === member.path || path.startsWith(`${member.path}/`));
    }
    return id.includes("*") && alike(id).test(path);
  }
}
