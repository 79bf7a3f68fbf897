// How the charts are looked at: the axis, the scale, smoothing, one chart a name, the last run; and which are pinned.
import { keep, kept, one } from "../core/dom.js";

/** @typedef {{x: "time" | "elapsed" | "at", log: boolean, smooth: number, group: boolean, last: boolean, filter: string}} Chosen */

const PINNED = "runreel.pins", MOST = 500;

export class Options {
  /**
   * @param {import("../core/address.js").Address} address
   * @param {string} pipeline whose pins are remembered
   * @param {() => void} changed
   */
  constructor(address, pipeline, changed) {
    const region = one("#metrics");
    this.address = address;
    this.changed = changed;
    this.key = `${PINNED}.${pipeline}`;
    /** @type {string[]} labels, first to last */
    this.pins = this.kept();
    const x = address.get("x"), smooth = Number(address.get("smooth"));
    /** @type {Chosen} */
    this.now = {
      x: x === "elapsed" || x === "at" ? x : "time", log: address.get("log") === "1", group: address.get("group") === "1",
      smooth: smooth > 0 && smooth < 1 ? smooth : 0, last: address.get("last") === "1", filter: address.get("metric"),
    };
    const { now } = this;
    /** @param {string} which @param {string} event @param {(control: any) => Partial<Chosen>} read */
    const control = (which, event, read) => {
      const found = one(`[data-do="${which}"]`, region);
      found.addEventListener(event, () => this.set(read(found)));
      return found;
    };
    control("axis", "change", ({ value: x }) => ({ x })).value = now.x;
    control("smooth", "input", ({ value }) => ({ smooth: Number(value) })).value = now.smooth;
    control("metric", "input", ({ value }) => ({ filter: value.trim() })).value = now.filter;
    control("log", "change", ({ checked: log }) => ({ log })).checked = now.log;
    control("group", "change", ({ checked: group }) => ({ group })).checked = now.group;
    this.last = control("last-run", "click", () => ({ last: !now.last }));
    this.last.ariaPressed = String(now.last);
  }

  /** @param {Partial<Chosen>} changes */
  set(changes) {
    const { x, filter: metric, ...others } = Object.assign(this.now, changes), said = Object.entries(others).map(([which, chosen]) => [which, chosen ? String(Number(chosen)) : ""]);
    this.address.set({ x: x === "time" ? "" : x, metric, ...Object.fromEntries(said) });
    this.last.ariaPressed = String(others.last);
    this.changed();
  }

  /** @returns {string[]} */
  kept() {
    try {
      const read = JSON.parse(kept(this.key) ?? "[]");
      return Array.isArray(read) ? read.filter((one) => typeof one === "string") : [];
    } catch {
      return []; // it holds what is none of ours
    }
  }

  /** Pin a chart behind those that are, or let it go. @param {string} label */
  pin(label) {
    this.pins = this.pins.includes(label) ? this.pins.filter((one) => one !== label) : [...this.pins, label].slice(-MOST);
    keep(this.key, JSON.stringify(this.pins));
    this.changed();
  }
}

/**
 * The exponential mean of values, its weight by place; what is no number stays a gap.
 * @param {number[]} values
 * @param {number} weight of what was before, 0 to 1
 */
export function smoothed(values, weight) {
  let mean = NaN, part = 0;
  return values.map((one) => {
    if (!Number.isFinite(one)) return one;
    mean = Number.isFinite(mean) ? mean * weight + one * (1 - weight) : one * (1 - weight);
    part = part * weight + (1 - weight); // so that the beginning is not drawn towards nought
    return mean / part;
  });
}
