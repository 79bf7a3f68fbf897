// One chart: a series, or all series of one name; drawn as the options say.
import { color } from "../core/colors.js";
import { all, clone, one, say } from "../core/dom.js";
import { clock, name, span, stepName, value } from "../core/format.js";
import { axis, below, bounds, valueAt } from "./curve.js";
import { smoothed } from "./options.js";
import { paint } from "./paint.js";

/** @typedef {import("./curve.js").Curve} Curve */
/** @typedef {{key: string, path: string, name: string, curve: Curve}} Series */
/** @typedef {{from: number, to: number} | null} Zoom on the x axis that is chosen */
/**
 * What is loaded when it is asked for.
 * @typedef {object} More
 * @property {import("./together.js").Together} [together]
 * @property {import("./before.js").Before} [before]
 * @property {import("./detail.js").Detail} [detail]
 * @property {typeof import("./names.js")} [names]
 */

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
    /** @type {Curve[]} of the series, as they were drawn */
    this.drawn = [];
    /** @type {[number, number]} the ends of its axes, as it was drawn */
    this.x = [0, 1];
    /** @type {[number, number]} */
    this.y = [0, 1];
  }

  /** Come into the page. @param {HTMLElement} [made] its element, where the server has made one */
  enter(made) {
    const { id, label } = this, element = (this.element = made ?? clone("t-chart"));
    if (made) return element;
    const caption = one(".clip", element);
    element.dataset.key = id;
    caption.textContent = caption.title = label;
    for (const [part, says] of [[".chart-open", `Enlarge ${label}`], [".chart-pin", `Pin ${label}`], ["canvas", label]]) one(part, element).ariaLabel = says;
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
    const aside = from < to ? 0 : by === "time" ? 5e5 : 0.5; // a point by itself stands in the middle
    return from <= to ? [from - aside, to + aside] : [0, 1];
  }

  /**
   * @param {HTMLElement} element
   * @param {import("../core/store.js").Store} store
   * @param {import("./options.js").Chosen} options
   * @param {{moment: number | null, index: number | null, pointed: boolean, zoom: Zoom, marked: [number, number] | null, pinned: boolean, more: More}} look
   */
  draw(element, store, options, { moment, index, pointed, zoom, marked, pinned, more: { together: grouped, before, detail } }) {
    const together = options.group ? grouped : undefined;
    together?.arrange(this, element);
    const by = options.x, x = (this.x = this.ends(store, by, zoom)), states = this.series.map(({ path }) => (path ? store.view.steps?.[path] : store.view)?.state);
    element.dataset.state = states.find((state) => state === "RUNNING") ?? states[0] ?? "PENDING";
    element.classList.toggle("is-pinned", pinned);
    element.classList.toggle("is-unread", !this.series.some(({ curve }) => curve.loaded || curve.time.length));
    one(".chart-pin", element).ariaPressed = String(pinned);
    const here = this.place(store, by), cursor = by === "at" && index !== null ? index : moment === null ? null : here(moment);
    /** @type {(number | null)[]} */
    const values = [];
    /** @type {import("./paint.js").Drawn[]} */
    const own = [];
    /** @type {import("./paint.js").Drawn[]} behind them: the run before, and what is not smoothed */
    const greys = [];
    this.drawn = this.series.map((series) => detail?.curve(series) ?? series.curve);
    this.series.forEach(({ key }, n) => {
      const curve = this.drawn[n], running = states[n] === "RUNNING", xs = this.xs(curve, by, store.start), grey = { xs, ys: curve.value, color: color("--line-2"), weight: 1 };
      const line = { ...grey, color: color(running ? "--run" : "--ink-2"), weight: running ? 1.25 : 1, ...together?.look(this, n) };
      const past = options.last && before?.line(key, by);
      if (past) greys.push({ ...grey, ...past });
      if (options.smooth) greys.push(grey);
      own.push(options.smooth ? { ...line, ys: smoothed(curve.value, options.smooth), weight: line.weight + 0.5 } : line);
      values.push(cursor === null || (moment ?? 0) > store.moment ? null : valueAt(xs, curve, cursor, store.moment));
    });
    const lines = [...greys, ...own.sort((a, b) => Number(!a.faint) - Number(!b.faint))];
    this.y = this.reach(lines, x, options.log);
    const [high, low] = all("small", element), some = lines.some((line) => line.xs.length), canvas = one("canvas", element);
    say(high, some ? axis(this.y[1]) : "");
    say(low, some ? axis(this.y[0]) : "");
    const says = !pointed || cursor === null ? "" : by === "at" ? axis(Math.floor(cursor)) : by === "time" ? clock(cursor, 1) : span(cursor);
    const said = this.read(element, store, cursor === null ? undefined : values[0], options), words = together?.tell(this, element, store, cursor === null ? null : values) ?? said;
    if (canvas.ariaLabel !== words) canvas.ariaLabel = words;
    paint(canvas, { x, y: this.y, log: options.log, lines, cut: store.past ? here(store.past.at) : null, cursor: pointed || values.some((one) => one !== null) ? cursor : null, says, marked, color });
  }

  /** The value beside the name: that at the cursor, or the last one; what the chart is in words. @param {HTMLElement} element @param {import("../core/store.js").Store} store @param {number | null | undefined} at @param {import("./options.js").Chosen} options */
  read(element, store, at, { smooth }) {
    const output = one("output", element), [{ path, name: metric, curve }, ...others] = this.series, series = store.view.series?.[path]?.[metric];
    const last = value(series?.last ?? null), mean = smooth ? `, smoothed ${value(smoothed(curve.value, smooth)[below(curve.time, store.moment)])}` : "";
    say(output, others.length ? `${others.length + 1} lines` : at === undefined ? last : value(at));
    output.title = `last ${last}${mean}, lowest ${value(series?.min ?? null)}, highest ${value(series?.max ?? null)}`;
    return `${this.label}: ${output.title}${curve.trend()}`;
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
