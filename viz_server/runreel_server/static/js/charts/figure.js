// What an enlarged chart shows: its lines in Plotly, and the buttons that save it. Loaded when one is opened, as Plotly is.
import { color } from "../core/colors.js";
import { ask, make, one, say } from "../core/dom.js";
import { clock, count, fits, plural, stepName, value } from "../core/format.js";
import { before } from "./before.js";
import { fitted } from "./names.js";
import { smoothed } from "./options.js";
import { CONFIG, layout, plotly } from "./plot.js";
import { batch, query } from "./points.js";
import { look, namesOf } from "./together.js";

/** @typedef {import("../core/types.js").Columns & {count: number, bucketed?: boolean, nonfinite?: number, origin?: number | null}} Answer */

const WIDTH = 1600, LEAST = 200, ALL = 32_000; // pixels that a line is drawn for: of many lines fewer, of all together so many
const BESIDE = 0.5; // so much of a part that is zoomed to is there on either side of it
const LAST = "last run", NAME = 32, PICTURED = 40, // characters of a line's name in the legend; lines that a picture names
  NARROW = 600; // pixels: there is no room for a legend beside the plot
const DASH = (/** @type {number[]} */ dash) => (dash.length ? dash.map((one) => `${one}px`).join() : "solid");

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("./panel.js").Panel} panel
 * @param {import("./options.js").Chosen & {zoom: import("./panel.js").Zoom}} options
 * @param {{dialog: HTMLElement, figure: HTMLElement, note: HTMLElement}} place
 */
export async function draw(store, panel, options, { dialog, figure, note }) {
  const { x: by, log, group, zoom, last } = options, { series } = panel, keys = series.map(({ key }) => key), many = keys.length > 1;
  if (!keys.every(fits)) throw new Error("the name is too long for an address");
  /** @param {string[]} some @param {string} [part] @param {string} [run] @returns {Promise<Record<string, Answer>>} */
  const answers = async (some, part = "", run = store.run) => {
    /** @type {Record<string, Answer>} */
    const found = {};
    const wanted = new Set(some), width = Math.max(LEAST, Math.min(WIDTH, Math.round(ALL / keys.length)));
    while (wanted.size) {
      const now = batch(wanted);
      Object.assign(found, await ask(`/api/v1/runs/${run}/series?${query(now)}&x=${by}&width=${width}${part}`));
      for (const key of now) wanted.delete(key);
    }
    return found;
  };
  const earlier = async () => {
    const run = last && (await before(store));
    return run ? answers(keys, "", run) : {};
  };
  /** @type {[any, Record<string, Answer>, Record<string, Answer>]} */
  const [Plotly, answer, old] = await Promise.all([plotly(), answers(keys), earlier()]);
  const names = group ? fitted(namesOf(series), (text) => text.length <= NAME) : [];
  const behind = keys.flatMap((key, n) => (old[key]?.count ? beforeOf(`s${n}before`, old[key], [LAST, escaped(names[n] ?? "")].filter(Boolean).join(" · "), by, store.start) : []));
  behind.slice(1).forEach((one) => (one.showlegend = false)); // they are all alike
  /** @param {Record<string, Answer>} given */
  const tracesNow = (given) => {
    const traces = series.flatMap(({ key }, n) => tracesOf(`s${n}`, given[key] ?? { at: [], time: [], value: [], count: 0 }, escaped(names[n] ?? ""), options, look(n)));
    const odd = traces.filter(({ yaxis }) => yaxis);
    odd.forEach((one, n) => (one.showlegend = many && !n)); // they are all alike
    return [...behind, ...traces];
  };
  const past = store.past && by === "time" ? local(store.past.at) : null;
  const cut = past ? [{ type: "line", x0: past, x1: past, y0: 0, y1: 1, yref: "paper", line: { width: 1, color: color("--past") } }] : [];
  const below = figure.clientWidth < NARROW ? { legend: { orientation: "h", tracegroupgap: 0, x: 0, y: 1.02, yanchor: "bottom", maxheight: 96 }, margin: { l: 44, r: 12, t: 16, b: 44 } } : {};
  const plain = layout({
    xaxis: { type: by === "time" ? "date" : "linear", ...(zoom && { range: [zoom.from, zoom.to].map((one) => (by === "time" ? local(one) : one)) }), title: { text: { time: "", elapsed: "seconds since the start", at: "index" }[by] } }, yaxis: { type: log ? "log" : "linear" },
    yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true }, shapes: cut, showlegend: many || behind.length > 0, hovermode: "closest", hoverdistance: -1,
    margin: { l: 56, r: 24, t: many || behind.length ? 32 : 16, b: 44 },
    hoverlabel: { bgcolor: color("--raised"), bordercolor: color("--line-2"), font: { color: color("--ink") }, align: "left" }, legend: { tracegroupgap: 0 }, uirevision: "kept",
  });
  const shown = { ...plain, ...below }, config = { ...CONFIG, toImageButtonOptions: { filename: panel.label } };
  await Plotly.newPlot(figure, tracesNow(answer), shown, config);
  let turn = 0;
  const finer = async () => {
    const mine = ++turn, part = partOf(/** @type {any} */ (figure).layout.xaxis, by), coarse = keys.filter((key) => answer[key]?.bucketed);
    const found = part && coarse.length ? await answers(coarse, part) : {};
    if (mine === turn && /** @type {any} */ (figure).layout === shown) await Plotly.react(figure, tracesNow({ ...answer, ...found }), shown, config);
  };
  /** @type {any} */ (figure).on("plotly_relayout", (/** @type {any} */ changed) => Object.keys(changed).some((key) => key.startsWith("xaxis")) && finer().catch(() => {})); // it stays as it is
  if (zoom) void finer().catch(() => {});
  figure.ariaLabel = words(panel, store);
  say(note, told(Object.values(answer), store));
  exports(dialog, Plotly, figure, panel.label, `/api/v1/runs/${store.run}/series.csv?${query(keys)}`);
}

/** The part of its x axis that a figure shows, as the API is asked for it; none: all of it. @param {any} axis @param {import("./options.js").Chosen["x"]} by */
function partOf({ autorange, range }, by) {
  if (autorange) return "";
  const [from, to] = range.map((/** @type {any} */ one) => (by === "time" ? moment(String(one)) : Number(one))), beside = (to - from) * BESIDE;
  return `&from=${from - beside}&to=${to + beside}`;
}

/** @param {string} uid whose part in a selector is a word @param {Answer} columns @param {string} name @param {import("./options.js").Chosen} options @param {{color: string, dash: number[]}} look */
function tracesOf(uid, columns, name, { x: by, smooth }, look) {
  const x = by === "time" ? columns.time.map(local) : by === "at" ? columns.at : columns.time.map((time) => (time - (columns.origin ?? 0)) / 1e6);
  const y = columns.value.map((one) => (typeof one === "number" ? one : null)), odd = columns.value.map((one, n) => (typeof one === "string" ? n : -1)).filter((n) => n >= 0);
  const says = (/** @type {string} */ what) => `${name ? `<b>${name}</b><br>` : ""}${what}<br>%{x}<extra></extra>`;
  const plain = { x, y, name, uid, legendgroup: name, mode: columns.count < 60 ? "lines+markers" : "lines", line: { width: 1.5, color: look.color, dash: DASH(look.dash) }, marker: { size: columns.count > 1 ? 5 : 9 }, hovertemplate: says("%{y}") };
  /** @type {any[]} */
  const traces = smooth
    ? [
        { ...plain, uid: `${uid}raw`, opacity: 0.3, mode: "lines", line: { width: 1, color: look.color }, showlegend: false, hoverinfo: "skip", hovertemplate: null },
        { ...plain, y: smoothed(y.map((one) => one ?? NaN), smooth).map((one) => (Number.isFinite(one) ? one : null)), text: y.map(value), hovertemplate: says("smoothed %{y:.4~g}<br>value %{text}") },
      ]
    : [plain];
  if (odd.length) {
    traces.push({
      uid: `${uid}odd`, x: odd.map((n) => x[n]), y: odd.map((n) => (columns.value[n] === "Infinity" ? 1 : 0)), yaxis: "y2", mode: "markers", name: "no number", text: odd.map((n) => columns.value[n]),
      marker: { symbol: "line-ns-open", color: color("--fail"), size: 9 }, hovertemplate: says("%{text}"),
    });
  }
  return traces;
}

/** The line of the run before, on this run's axis. @param {string} uid @param {Answer} columns @param {string} says @param {import("./options.js").Chosen["x"]} by @param {number} start of this run @returns {any} */
function beforeOf(uid, { at, time, value: values, origin }, says, by, start) {
  const since = time.map((one) => one - (origin ?? time[0])), x = by === "at" ? at : since.map((one) => (by === "time" ? local(start + one) : one / 1e6));
  const y = values.map((one) => (typeof one === "number" ? one : null));
  return { uid, x, y, name: LAST, legendgroup: LAST, mode: x.length > 1 ? "lines" : "markers", line: { width: 1.5, color: color("--idle") }, marker: { color: color("--idle") }, opacity: 0.6, hovertemplate: `<b>${says}</b><br>%{y}<br>%{x}<extra></extra>` };
}

/** A name as Plotly shows it, which takes some of HTML for markup. @param {string} text */
const escaped = (text) => text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);

/** What the lines are, for who does not see them. @param {import("./panel.js").Panel} panel @param {import("../core/store.js").Store} store */
function words({ label, series }, store) {
  const said = series.map(({ path, name }) => {
    const { last = null, min = null, max = null } = store.view.series?.[path]?.[name] ?? {};
    return `${series.length > 1 ? `${stepName(path)}: ` : ""}last ${value(last)}, lowest ${value(min)}, highest ${value(max)}`;
  });
  return `${label}: ${said.join("; ")}`;
}

/** @param {Answer[]} all @param {import("../core/store.js").Store} store */
function told(all, store) {
  const points = all.reduce((sum, one) => sum + one.count, 0), odd = all.reduce((sum, one) => sum + (one.nonfinite ?? 0), 0);
  return [
    all.length > 1 && plural(all.length, "line"), plural(points, "point"), all.some((one) => one.bucketed) && "drawn as the line of all of them", odd && `${count(odd)} no number, marked red`,
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
    ...["png", "svg"].map((format) => button(format.toUpperCase(), () => void Plotly.downloadImage(pictured(figure, label), { format, filename: file, width: 1200, height: Math.max(640, 170 + 19 * Math.min(PICTURED, figure.querySelectorAll(".legend .traces").length)) }))),
    make("a", { class: "button", title: "Save all points as CSV", href: table, download: "" }, "CSV"),
  );
}

/** The chart as it is, with what a reader elsewhere needs: its name, a ground, and the names of its lines beside the plot. @param {any} figure @param {string} label */
function pictured({ data, layout }, label) {
  const title = { text: escaped(label), font: { size: 16 }, x: 0.5, xanchor: "center" }, legend = { tracegroupgap: 0 };
  return { data: named(data), layout: { ...layout, title, legend, margin: { ...layout.margin, t: 56 }, paper_bgcolor: color("--bg") } };
}

/** A picture's lines: it names so many as it has room for, and says how many more there are. @param {any[]} traces */
export function named(traces) {
  const rest = new Set(traces.filter(({ showlegend }) => showlegend !== false).slice(PICTURED));
  if (!rest.size) return traces;
  const last = { x: [null], y: [null], name: `and ${count(rest.size)} more`, mode: "lines", line: { color: "rgba(0,0,0,0)" } };
  return [...traces.map((one) => (rest.has(one) ? { ...one, showlegend: false } : one)), last];
}

/** A moment that Plotly says, in microseconds: it leaves out what is nought, and knows more than a Date. @param {string} said */
export const moment = (said) => new Date(`${said.slice(0, 10)}T${said.slice(11, 23) || "00:00"}`).getTime() * 1000;

/** A moment as Plotly reads it: where the reader is. @param {number} time */
export function local(time) {
  const date = new Date(time / 1000);
  const there = new Date(time / 1000 - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 23).replace("T", " ");
  return there + String(Math.floor(time) % 1000).padStart(3, "0"); // a Date knows no microseconds, and fast points are apart by less than its millisecond
}
