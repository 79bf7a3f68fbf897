// One chart for all steps that say a metric of one name: which line is whose. Loaded when charts are grouped so.
import { color } from "../core/colors.js";
import { arrange, draw as drawn, make, one, say, sizeOf } from "../core/dom.js";
import { count, plural, stepName, value } from "../core/format.js";
import { valueAt } from "./curve.js";
import { apart, fitted, widthIn } from "./names.js";

/** @typedef {import("./panel.js").Panel} Panel */

const INKS = ["--run", "--fail", "--ok", "--warn", "--ink-2"], DASHES = [[], [7, 3], [12, 3, 2, 3]];
const WIDTH = 112, ROW = 15, ROWS = 3, SHARE = 0.35, // pixels of a name with its value at least; so many rows of them, or so much of the chart's height
  ASIDE = 84, // pixels of it that are not the name's
  NEAR = 8, // pixels from a point
  GUTTER = 30, // pixels beside the plot
  SPOKEN = 12, // lines that a chart's words name
  RUN = "the run itself";
const natural = new Intl.Collator(undefined, { numeric: true });

/** How a line is drawn: by a hue and by a pattern, for not everybody sees hues. @param {number} n */
export const look = (n) => ({ color: color(INKS[n % INKS.length]), dash: DASHES[n % DASHES.length] });

/** What the lines of a chart are called: their steps, without what all of these begin with. @param {{path: string}[]} series */
export const namesOf = (series) => apart(series.map(({ path }) => stepName(path) || RUN));

export class Together {
  /** @param {{covers: (path: string) => boolean}} choice the chosen step */
  constructor(choice) {
    this.choice = choice;
    /** @type {Set<string>} the steps whose lines come to the front in the chart that is drawn; none: all are alike */
    this.front = new Set();
    /** @type {string[]} the steps whose lines are nearest to the pointer, nearest first; none: nobody points */
    this.near = [];
    /** @type {Map<string, number>} by a series' key: the first or last value that is pointed at beside its line */
    this.ends = new Map();
    /** @type {WeakMap<HTMLElement, {legend: HTMLElement, of: number, width: number, rows: number, room: number, names: string[]}>} by how many lines, and pixels */
    this.known = new WeakMap();
  }

  /** Put a chart's lines in the order of their steps' names, and find names for them that have room. @param {Panel} panel @param {HTMLElement} element */
  arrange(panel, element) {
    const { series } = panel, chosen = series.filter(({ path }) => this.choice.covers(path)), near = series.filter(({ path }) => path === this.near[0]);
    this.front = new Set((near.length ? near : chosen.length < series.length ? chosen : []).map(({ path }) => path));
    const legend = /** @type {HTMLElement} */ (element.querySelector(".legend") ?? one("figcaption", element).insertAdjacentElement("afterend", make("ul", { class: "legend" })));
    const [all, high] = sizeOf(element), width = all - GUTTER, rows = Math.max(ROWS, Math.floor((high * SHARE) / ROW)), known = this.known.get(element);
    if (known && known.of === series.length && known.rows === rows && Math.abs(known.width - width) <= 1) return known;
    series.sort((a, b) => natural.compare(a.path, b.path));
    const whole = namesOf(series), wide = widthIn(legend), most = Math.max(...whole.map(wide)) + ASIDE;
    let columns = Math.floor(width / most);
    if (columns * rows < series.length) columns = Math.floor(width / WIDTH);
    columns = Math.max(1, Math.min(columns, series.length));
    const made = { legend, of: series.length, width, rows, room: columns * rows, names: fitted(whole, (text) => wide(text) <= width / columns - ASIDE) };
    legend.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.known.set(element, made);
    return made;
  }

  /** How a line is drawn. @param {Panel} panel @param {number} n */
  look(panel, n) {
    const front = this.front.has(panel.series[n].path);
    return panel.series.length < 2 ? {} : { ...look(n), weight: front ? 2 : 1.25, faint: this.front.size > 0 && !front };
  }

  /**
   * Where a chart is pointed at: which lines are near.
   * @param {Panel} panel
   * @param {PointerEvent} event
   * @param {number} x
   * @param {import("./options.js").Chosen} options
   * @param {import("../core/store.js").Store} store
   */
  point(panel, event, x, { x: by, log }, store) {
    const plot = one(".plot", panel.element ?? document).getBoundingClientRect(), named = event.target instanceof Element && event.target.closest("[data-path]");
    const scale = log ? Math.log10 : Number, [low, high] = panel.y.map(scale);
    this.ends.clear();
    const away = panel.series.map(({ key, path, curve: whole }, n) => {
      const curve = panel.drawn[n] ?? whole, xs = panel.xs(curve, by, store.start), at = valueAt(xs, curve, x, store.moment);
      const down = (/** @type {number} */ value) => plot.bottom - ((scale(value) - low) / (high - low)) * plot.height - event.clientY;
      let off = at === null ? Infinity : Math.abs(down(at));
      for (const end of at === null ? [0, xs.length - 1] : []) { // a line that is not there is as near as where it begins or ends
        const aside = Math.hypot(((xs[end] - x) / (panel.x[1] - panel.x[0])) * plot.width, down(curve.value[end]));
        if (aside < NEAR) this.ends.set(key, curve.value[end]);
        off = Math.min(off, aside);
      }
      return { path, off: named && path === named.getAttribute("data-path") ? -1 : Number.isFinite(off) ? off : Infinity };
    });
    this.near = away.sort((a, b) => a.off - b.off).map(({ path }) => path);
  }

  leave() {
    this.near = [];
    this.ends.clear();
  }

  /**
   * Say whose the lines are and what they are at the cursor, or at last; answer it in words.
   * @param {Panel} panel
   * @param {HTMLElement} element
   * @param {import("../core/store.js").Store} store
   * @param {(number | null)[] | null} values at the cursor
   */
  tell(panel, element, store, values) {
    const { legend, room, names } = this.arrange(panel, element), { series } = panel, total = series.length;
    const last = (/** @type {number} */ n) => store.view.series?.[series[n].path]?.[series[n].name]?.last ?? null;
    const place = new Map(series.map(({ path }, n) => [path, n])), first = [...this.near, ...this.front].flatMap((path) => place.get(path) ?? []);
    const order = [...new Set([...(total > room ? first : []), ...series.keys()])], shown = order.slice(0, total > room ? room - 1 : room);
    const rows = shown.map((n, at) => {
      const row = legend.children[at]?.matches("[data-path]") ? legend.children[at] : make("li", {}, drawn("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }), make("span", { class: "clip" }), make("b"));
      const { path } = series[n], ink = look(n), key = one("svg", row);
      if (row.getAttribute("data-path") !== path || row.getAttribute("data-ink") !== ink.color) {
        row.setAttribute("data-path", path);
        row.setAttribute("data-ink", ink.color);
        row.setAttribute("title", stepName(path) || RUN);
        key.replaceChildren(drawn("path", { d: "M0 4H18", stroke: ink.color, "stroke-width": "2", "stroke-dasharray": ink.dash.join(" ") }));
      }
      row.classList.toggle("is-front", this.front.has(path));
      say(one(".clip", row), names[n]);
      say(one("b", row), value(values ? values[n] ?? this.ends.get(series[n].key) ?? null : last(n)));
      return row;
    });
    if (total > room) rows.push(make("li", { class: "quiet" }, `and ${count(total - shown.length)} more`));
    arrange(legend, rows);
    const more = total > SPOKEN ? ` and ${count(total - SPOKEN)} more` : "";
    return `${panel.label}, ${plural(total, "line")}: ${series.slice(0, SPOKEN).map(({ path }, n) => `${stepName(path) || RUN} ${value(last(n))}`).join(", ")}${more}`;
  }
}
