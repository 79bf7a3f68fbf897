// The lines of a part that is zoomed to, as fine as the screen. Loaded when one is.
import { Curve } from "./curve.js";
import { Points } from "./points.js";

/** @typedef {import("./panel.js").Series} Series */

const WIDTH = 400, BESIDE = 0.1; // so many pixels, and so much of them on either side: a curve keeps all their points

export class Detail {
  /**
   * @param {import("../core/store.js").Store} store
   * @param {import("./options.js").Chosen["x"]} by
   * @param {{from: number, to: number}} zoom
   * @param {() => void} redraw
   */
  constructor(store, by, { from, to }, redraw) {
    const beside = (to - from) * BESIDE;
    this.store = store;
    /** @type {Map<string, Series>} by its key: what was asked for */
    this.asked = new Map();
    /** @type {Map<string, Curve>} */
    this.curves = new Map();
    this.points = new Points(store, (key, part) => {
      const whole = this.asked.get(key)?.curve, curve = new Curve();
      const xs = by === "at" ? whole?.at : by === "time" ? whole?.time : whole?.time.map((time) => store.since(time));
      /** The line comes from somewhere, and goes on. @param {number} [n] */
      const add = (n = -1) => whole && n >= 0 && curve.take([whole.time[n]], [whole.at[n]], [whole.value[n]]);
      add(xs?.findLastIndex((x) => x < from - beside));
      curve.append(part);
      add(xs?.findIndex((x) => x > to + beside));
      this.curves.set(key, curve);
      redraw();
    }, () => store.run, `x=${by}&from=${from - beside}&to=${to + beside}&width=${WIDTH}`);
  }

  /** A series' line: the whole one, until its part is there, or where that has all points. @param {Series} series */
  curve(series) {
    const { key, path, name, curve } = series, count = this.store.live.series?.[path]?.[name]?.count ?? 0, part = this.curves.get(key);
    if (part || !curve.loaded || count <= curve.time.length) return part ?? curve;
    this.asked.set(key, series);
    this.points.want(key);
    return curve;
  }
}
