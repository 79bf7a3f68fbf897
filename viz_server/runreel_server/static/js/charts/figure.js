// What an enlarged chart shows: its lines in Plotly, and the buttons that save it. Loaded when one is opened, as Plotly is.
import { color } from "../core/colors.js";
import { ask, make, one, say } from "../core/dom.js";
import { clock, count, fits, stepName } from "../core/format.js";
import { smoothed } from "./options.js";
import { CONFIG, layout, plotly } from "./plot.js";

/** @typedef {import("../core/types.js").Columns & {count: number, bucketed?: boolean, nonfinite?: number, origin?: number | null}} Answer */

const WIDTH = 1600;
const INKS = ["--run", "--ok", "--fail", "--warn", "--past", "--idle"];

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("./panel.js").Panel} panel
 * @param {import("./options.js").Chosen} options
 * @param {{dialog: HTMLElement, figure: HTMLElement, note: HTMLElement}} place
 */
export async function draw(store, panel, options, { dialog, figure, note }) {
  const { x: by, log, smooth } = options, keys = panel.series.map(({ key }) => key);
  if (!keys.every(fits)) throw new Error("the name is too long for an address");
  const query = keys.map((key) => `key=${encodeURIComponent(key)}`).join("&");
  /** @type {[any, Record<string, Answer>]} */
  const [Plotly, answer] = await Promise.all([plotly(), ask(`/api/v1/runs/${store.run}/series?${query}&x=${by}&width=${WIDTH}`)]);
  const traces = panel.series.flatMap(({ key, path }, n) => tracesOf(answer[key] ?? { at: [], time: [], value: [], count: 0 }, keys.length > 1 ? stepName(path) : "", by, smooth, color(INKS[n % INKS.length])));
  const moment = store.past && by === "time" ? local(store.past.at) : null;
  const cut = moment ? [{ type: "line", x0: moment, x1: moment, y0: 0, y1: 1, yref: "paper", line: { width: 1, color: color("--past") } }] : [];
  const look = layout({ xaxis: { type: by === "time" ? "date" : "linear", title: { text: { time: "", elapsed: "seconds since the start", at: "index" }[by] } }, yaxis: { type: log ? "log" : "linear" }, shapes: cut, showlegend: keys.length > 1 });
  await Plotly.newPlot(figure, traces, look, { ...CONFIG, toImageButtonOptions: { filename: panel.label } });
  say(note, told(Object.values(answer), store));
  exports(dialog, Plotly, figure, panel.label, `/api/v1/runs/${store.run}/series.csv?${query}`);
}

/** @param {Answer} columns @param {string} label @param {import("./options.js").Chosen["x"]} by @param {number} smooth @param {string} ink */
function tracesOf(columns, label, by, smooth, ink) {
  const x = by === "time" ? columns.time.map(local) : by === "at" ? columns.at : columns.time.map((time) => (time - (columns.origin ?? 0)) / 1e6);
  const y = columns.value.map((one) => (typeof one === "number" ? one : null)), odd = columns.value.map((one, n) => (typeof one === "string" ? n : -1)).filter((n) => n >= 0);
  const plain = { x, y, name: label, mode: columns.count < 60 ? "lines+markers" : "lines", line: { width: 1.5, color: ink }, hovertemplate: "%{y}<extra>%{x}</extra>" };
  /** @type {any[]} */
  const traces = smooth
    ? [{ ...plain, opacity: 0.3, showlegend: false, hoverinfo: "skip", hovertemplate: null }, { ...plain, y: smoothed(y.map((one) => one ?? NaN), smooth).map((one) => (Number.isFinite(one) ? one : null)) }]
    : [plain];
  if (odd.length) {
    traces.push({
      x: odd.map((n) => x[n]), y: odd.map(() => 0), yaxis: "y2", mode: "markers", name: "no number", text: odd.map((n) => columns.value[n]),
      marker: { symbol: "line-ns-open", color: color("--fail"), size: 9 }, hovertemplate: "%{text}<extra>%{x}</extra>",
    });
  }
  return traces;
}

/** @param {Answer[]} all @param {import("../core/store.js").Store} store */
function told(all, store) {
  const points = all.reduce((sum, one) => sum + one.count, 0), odd = all.reduce((sum, one) => sum + (one.nonfinite ?? 0), 0);
  return [
    `${count(points)} points`, all.some((one) => one.bucketed) && "drawn as the line of all of them", odd && `${count(odd)} no number, marked red`,
    store.past && `looked at from ${clock(store.past.at)}`,
  ].filter(Boolean).join(", ");
}

/** The buttons that save the chart. @param {HTMLElement} dialog @param {any} Plotly @param {HTMLElement} figure @param {string} label @param {string} table address of all points */
function exports(dialog, Plotly, figure, label, table) {
  const box = one('[data-out="exports"]', dialog), file = label.replace(/[^\w.-]+/g, "_");
  /** @param {string} name @param {() => void} act */
  const button = (name, act) => {
    const made = make("button", { class: "button", title: `Save as ${name}` }, name);
    made.addEventListener("click", act);
    return made;
  };
  box.replaceChildren(
    ...["png", "svg"].map((format) => button(format.toUpperCase(), () => void Plotly.downloadImage(pictured(figure, label), { format, filename: file, width: 1200, height: 640 }))),
    make("a", { class: "button", title: "Save all points as CSV", href: table, download: "" }, "CSV"),
  );
}

/** The chart as it is, with what a reader elsewhere needs: its name and a ground. @param {any} figure @param {string} label */
function pictured({ data, layout }, label) {
  const title = { text: label, font: { size: 16 }, x: 0.5, xanchor: "center" };
  return { data, layout: { ...layout, title, margin: { ...layout.margin, t: 56 }, paper_bgcolor: color("--bg") } };
}

/** A moment as Plotly reads it: where the reader is. @param {number} time */
export function local(time) {
  const date = new Date(time / 1000);
  const there = new Date(time / 1000 - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 23).replace("T", " ");
  return there + String(Math.floor(time) % 1000).padStart(3, "0"); // a Date knows no microseconds, and fast points are apart by less than its millisecond
}
