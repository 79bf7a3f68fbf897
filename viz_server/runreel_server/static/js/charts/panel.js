// One chart: a series, or all series of one name; drawn as the options say.
import { color } from "../core/colors.js";
import { all, clone, make, one, say } from "../core/dom.js";
import { name, stepName, value } from "../core/format.js";
import { axis, below, bounds } from "./curve.js";
import { smoothed } from "./options.js";
import { paint } from "./paint.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {{key: string, path: string, name: string, curve: Curve, before: Curve | null}} Series */
/** @typedef {{from: number, to: number} | null} Zoom on the x axis that is chosen */

const INKS = ["--run", "--ok", "--fail", "--warn", "--idle", "--ink-2"];

/** What a series is called. @param {string} path @param {string} metric */
export const labelOf = (path, metric) => (path ? `${stepName(path)}/` : "") + name(metric);

export class Panel {
  /** @param {string} id @param {string} label */
  constructor(id, label) {
    this.id = id;
    this.label = label;
    /** @type {HTMLElement | null} none as long as it is not in the page */
    this.element = null;
    /** @type {Series[]} */
    this.series = [];
  }

  /** Come into the page. @param {HTMLElement} [made] its element, where the server has made one */
  enter(made) {
    const element = (this.element = made ?? clone("t-chart")), { id, label } = this;
    element.dataset.key = id;
    const caption = one(".clip", element), parts = label.split("/"), near = parts.slice(-2).join("/"); // what tells it apart
    const far = label.slice(0, label.length - near.length);
    caption.replaceChildren(...(far ? [make("span", { class: "where" }, far)] : []), make("span", { class: "near" }, near));
    caption.title = label;
    one(".chart-open", element).setAttribute("aria-label", `Enlarge ${label}`);
    one(".chart-pin", element).setAttribute("aria-label", `Pin ${label}`);
    return element;
  }

  /** @param {Curve} curve @param {import("./options.js").Chosen["x"]} by @param {number} origin microseconds @returns {number[]} */
  xs(curve, by, origin) {
    if (by === "time") return curve.time;
    return by === "at" ? curve.at : curve.time.map((time) => (time - origin) / 1e6);
  }

  /** The ends of its x axis. @param {import("../core/store.js").Store} store @param {import("./options.js").Chosen["x"]} by @param {Zoom} zoom @returns {[number, number]} */
  ends(store, by, zoom) {
    if (zoom) return [zoom.from, zoom.to];
    let from = Infinity, to = -Infinity;
    for (const { curve, path } of this.series) {
      if (!curve.time.length) continue;
      const xs = this.xs(curve, by, store.start), going = !store.ended && (path ? store.live.steps?.[path] : store.live)?.state === "RUNNING";
      from = Math.min(from, xs[0]);
      to = Math.max(to, xs[xs.length - 1], going && by !== "at" ? (by === "time" ? store.end : store.since(store.end)) : -Infinity);
    }
    return from <= to ? [from, to] : [0, 1];
  }

  /**
   * @param {HTMLElement} element
   * @param {import("../core/store.js").Store} store
   * @param {import("./options.js").Chosen} options
   * @param {{cursor: number | null, zoom: Zoom, marked: [number, number] | null, pinned: boolean}} look
   */
  draw(element, store, options, { cursor, zoom, marked, pinned }) {
    const many = this.series.length > 1, x = this.ends(store, options.x, zoom);
    const first = this.series[0], seen = first && (first.path ? store.view.steps?.[first.path] : store.view);
    element.dataset.state = this.series.some(({ path }) => (path ? store.view.steps?.[path] : store.view)?.state === "RUNNING") ? "RUNNING" : seen?.state ?? "PENDING";
    element.classList.toggle("is-pinned", pinned);
    element.classList.toggle("is-unread", !this.series.some(({ curve }) => curve.loaded || curve.time.length));
    one(".chart-pin", element).setAttribute("aria-pressed", String(pinned));
    /** @type {import("./paint.js").Drawn[]} */
    const lines = [];
    this.series.forEach(({ path, curve, before }, n) => {
      const running = (path ? store.view.steps?.[path] : store.view)?.state === "RUNNING";
      const ink = color(many ? INKS[n % INKS.length] : running ? "--run" : "--ink-2"), xs = this.xs(curve, options.x, store.start);
      if (before && options.last) lines.push({ xs: this.shifted(before, options.x, store), ys: before.value, color: color("--line-2"), weight: 1, whole: true });
      if (options.smooth) lines.push({ xs, ys: curve.value, color: color("--line-2"), weight: 1 }, { xs, ys: smoothed(curve.value, options.smooth), color: ink, weight: 1.5 });
      else lines.push({ xs, ys: curve.value, color: ink, weight: running ? 1.25 : 1 });
    });
    const y = this.reach(lines, x, options.log), here = this.place(store, options.x), curve = first?.curve;
    const moment = cursor !== null && curve?.time.length && cursor >= curve.time[0] && cursor <= Math.min(store.moment, curve.time[curve.time.length - 1]) ? cursor : null;
    this.read(element, store, cursor, moment);
    const [high, low] = all("small", element), some = lines.some((line) => line.xs.length);
    say(high, some ? axis(y[1]) : "");
    say(low, some ? axis(y[0]) : "");
    paint(one("canvas", element), { x, y, log: options.log, lines, cut: store.past ? here(store.past.at) : null, cursor: moment === null ? null : here(moment), marked, color });
  }

  /** The values beside the name: those at the cursor, or the last ones. @param {HTMLElement} element @param {import("../core/store.js").Store} store @param {number | null} cursor @param {number | null} moment */
  read(element, store, cursor, moment) {
    const output = one("output", element), canvas = one("canvas", element), [first] = this.series;
    if (!first) return;
    const series = store.view.series?.[first.path]?.[first.name];
    if (this.series.length > 1) say(output, cursor === null ? `${this.series.length} lines` : this.series.map(({ curve }) => value(curve.valueAt(cursor))).slice(0, 3).join("  "));
    else if (cursor !== null) say(output, moment === null ? "–" : value(first.curve.valueAt(moment)));
    else say(output, value(series?.last ?? null));
    output.title = `last ${value(series?.last ?? null)}, lowest ${value(series?.min ?? null)}, highest ${value(series?.max ?? null)}`;
    const label = `${this.label}: ${output.title}${first.curve.trend()}`;
    if (canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
  }

  /** Another run's curve on this run's axis. @param {Curve} before @param {import("./options.js").Chosen["x"]} by @param {import("../core/store.js").Store} store */
  shifted(before, by, store) {
    if (by === "at") return before.at;
    const origin = before.origin;
    return before.time.map((time) => (by === "time" ? time - origin + store.start : (time - origin) / 1e6));
  }

  /** A moment's place on the x axis. @param {import("../core/store.js").Store} store @param {import("./options.js").Chosen["x"]} by @returns {(moment: number) => number} */
  place(store, by) {
    return (moment) => {
      if (by === "time") return moment;
      if (by === "elapsed") return store.since(moment);
      const curve = this.series[0]?.curve, n = curve ? below(curve.time, moment) : -1;
      return curve ? curve.at[Math.max(0, n)] ?? 0 : 0;
    };
  }

  /** The ends of the y axis, of what is in view. @param {import("./paint.js").Drawn[]} lines @param {[number, number]} x @param {boolean} log @returns {[number, number]} */
  reach(lines, x, log) {
    /** @type {number[]} */
    const values = [];
    for (const { xs, ys, whole } of lines) {
      if (whole && lines.length > 1 && lines.some((line) => !line.whole && line.xs.length)) continue; // another run does not flatten this one
      for (let n = 0; n < xs.length; n++) if (xs[n] >= x[0] && xs[n] <= x[1] && (!log || ys[n] > 0)) values.push(ys[n]);
    }
    if (!log) return bounds(values);
    const finite = values.filter(Number.isFinite);
    if (!finite.length) return [1, 10];
    const low = 10 ** Math.floor(Math.log10(Math.min(...finite))), high = 10 ** Math.ceil(Math.log10(Math.max(...finite)));
    return [low, high > low ? high : low * 10];
  }
}
