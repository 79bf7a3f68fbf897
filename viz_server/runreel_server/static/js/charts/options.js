// How the charts are looked at: the axis, the scale, smoothing, one chart a name, the last run; and which are pinned.
import { all, keep, one } from "../core/dom.js";

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
    const axis = one('[data-do="axis"]', region), range = one('[data-do="smooth"]', region), filter = one('[data-do="metric"]', region);
    axis.value = this.now.x;
    range.value = String(this.now.smooth);
    filter.value = this.now.filter;
    axis.addEventListener("change", () => this.set({ x: axis.value }));
    range.addEventListener("input", () => this.set({ smooth: Number(range.value) }));
    filter.addEventListener("input", () => this.set({ filter: filter.value.trim() }));
    for (const box of all('[data-do="log"], [data-do="group"]', region)) {
      const input = /** @type {HTMLInputElement} */ (box), which = /** @type {"log" | "group"} */ (input.dataset.do);
      input.checked = this.now[which];
      input.addEventListener("change", () => this.set({ [which]: input.checked }));
    }
    const last = one('[data-do="last-run"]', region);
    last.setAttribute("aria-pressed", String(this.now.last));
    last.addEventListener("click", () => {
      this.set({ last: !this.now.last });
      last.setAttribute("aria-pressed", String(this.now.last));
    });
  }

  /** @param {Partial<Chosen>} changes */
  set(changes) {
    Object.assign(this.now, changes);
    const { x, log, smooth, group, last, filter } = this.now;
    this.address.set({ x: x === "time" ? "" : x, log: log ? "1" : "", smooth: smooth ? String(smooth) : "", group: group ? "1" : "", last: last ? "1" : "", metric: filter });
    this.changed();
  }

  /** @returns {string[]} */
  kept() {
    try {
      const read = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      return Array.isArray(read) ? read.filter((one) => typeof one === "string") : [];
    } catch {
      return []; // storage is refused, or holds what is none of ours
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
