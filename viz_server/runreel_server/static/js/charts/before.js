// The lines of the run before this one. Loaded when they are asked for.
import { ask } from "../core/dom.js";
import { fits } from "../core/format.js";
import { Curve } from "./curve.js";
import { Points } from "./points.js";

/** @typedef {import("../core/store.js").Store} Store */

export class Before {
  /** @param {Store} store @param {() => void} redraw */
  constructor(store, redraw) {
    this.store = store;
    /** @type {Map<string, {curve: Curve, origin: number}>} with that run's start, in microseconds */
    this.curves = new Map();
    /** @type {string | null | undefined} that run; undefined: not looked for yet */
    this.run = undefined;
    this.points = new Points(store, (key, columns) => {
      const curve = new Curve();
      curve.load(columns);
      this.curves.set(key, { curve, origin: columns.origin ?? columns.time[0] ?? 0 });
      redraw();
    }, async () => (this.run === undefined ? (this.run = await before(store)) : this.run));
  }

  /** A series' line on this run's axis, which is asked for where it is not there. @param {string} key @param {import("./options.js").Chosen["x"]} by */
  line(key, by) {
    const known = this.curves.get(key);
    if (!known) return this.points.want(key);
    const { curve: { time, at, value }, origin } = known;
    return { xs: by === "at" ? at : time.map((one) => (by === "time" ? one - origin + this.store.start : (one - origin) / 1e6)), ys: value, whole: true };
  }
}

/** The newest run of the pipeline that began before this one and has ended. @param {Store} store @returns {Promise<string | null>} */
export async function before({ live, run }) {
  if (!live.pipeline || !fits(live.pipeline)) return null;
  const list = await ask(`/api/v1/runs?${new URLSearchParams({ pipeline: live.pipeline, limit: "100" })}`);
  const earlier = list.runs.filter((/** @type {any} */ one) => one.id !== run && one.finished && one.started < (live.started ?? ""));
  earlier.sort((/** @type {any} */ a, /** @type {any} */ b) => (a.started < b.started ? 1 : -1));
  return earlier.find((/** @type {any} */ one) => one.state === "SUCCEEDED")?.id ?? earlier[0]?.id ?? null;
}
