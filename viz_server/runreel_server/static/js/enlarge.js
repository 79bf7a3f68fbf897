// One chart, large, in Plotly: to zoom, to read and to export.
import { color } from "./colors.js";
import { ask, one, say } from "./dom.js";
import { clock, count } from "./format.js";
import { CONFIG, layout, plotly } from "./plot.js";

const WIDTH = 1600;

/**
 * @param {import("./store.js").Store} store
 * @param {{key: string, label: string}} chart
 */
export async function enlarge(store, { key, label }) {
  const dialog = one("#enlarged"), figure = one('[data-out="figure"]', dialog), note = one('[data-out="enlarged-note"]', dialog);
  say(one("#enlarged-title"), label);
  say(note, "loading");
  figure.replaceChildren();
  dialog.showModal();
  const axis = one('[data-do="axis"]').value;
  try {
    const address = `/api/v1/runs/${store.run}/series?key=${encodeURIComponent(key)}&x=${axis}&width=${WIDTH}`;
    const [Plotly, answer] = await Promise.all([plotly(), ask(address)]);
    const columns = answer[key] ?? { at: [], time: [], value: [], count: 0, bucketed: false };
    const byTime = axis === "time";
    const x = byTime ? columns.time.map((/** @type {number} */ time) => local(time)) : columns.at;
    const y = columns.value.map((/** @type {number | string | null} */ one) => (typeof one === "number" ? one : null));
    const moment = store.past && byTime ? local(store.past.at) : null;
    const cut = moment ? [{ type: "line", x0: moment, x1: moment, y0: 0, y1: 1, yref: "paper", line: { width: 1, color: color("--past") } }] : [];
    const trace = { x, y, mode: columns.count < 60 ? "lines+markers" : "lines", line: { width: 1.5 }, hovertemplate: "%{y}<extra>%{x}</extra>" };
    await Plotly.newPlot(figure, [trace], layout({ xaxis: { type: byTime ? "date" : "linear" }, shapes: cut }), CONFIG);
    say(note, `${count(columns.count)} points${columns.bucketed ? ", drawn as the line of all of them" : ""}${store.past ? `, looked at from ${clock(store.past.at)}` : ""}`);
  } catch (error) {
    say(note, `could not be loaded: ${error instanceof Error ? error.message : error}`);
  }
  dialog.addEventListener("close", () => /** @type {any} */ (globalThis).Plotly?.purge(figure), { once: true });
}

/** A moment as Plotly reads it: where the reader is. @param {number} time */
function local(time) {
  const date = new Date(time / 1000);
  return new Date(time / 1000 - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 23).replace("T", " ");
}
