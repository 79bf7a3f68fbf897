// Plotly, when a figure is opened: its script and its style rules from the server, loaded once.
import { color } from "../core/colors.js";

/** @type {Promise<any> | null} */
let loading = null;

/** Plotly's module. The sheet comes first: Plotly leaves its rules be where the page links them. @returns {Promise<any>} */
export function plotly() {
  loading ??= (async () => {
    const { plotly: script, plotlyCss } = document.body.dataset;
    await added("link", { id: "plotly.js-style-global", class: "no-inline-styles", rel: "stylesheet", href: plotlyCss ?? "" });
    await added("script", { src: script ?? "" });
    return /** @type {any} */ (globalThis).Plotly;
  })();
  loading.catch(() => (loading = null));
  return loading;
}

/** @param {string} tag @param {Record<string, string>} attributes @returns {Promise<void>} */
function added(tag, attributes) {
  return new Promise((resolve, reject) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.addEventListener("load", () => resolve());
    element.addEventListener("error", () => reject(new Error(`could not load ${attributes.src ?? attributes.href}`)));
    document.head.append(element);
  });
}

/** A layout in the page's colours; a figure's own settings go before it. @param {Record<string, any>} [own] */
export function layout(own = {}) {
  const axis = { gridcolor: color("--line"), zerolinecolor: color("--line-2"), linecolor: color("--line-2"), automargin: true };
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 56, r: 24, t: own.title ? 56 : 16, b: 44 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("--ink-2") },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: color("--ink-3"), activecolor: color("--ink") },
    ...(own.template ? {} : { colorway: [color("--run"), color("--ok"), color("--fail"), color("--warn"), color("--past"), color("--idle")] }),
  };
  /** @type {Record<string, any>} */
  const axes = { xaxis: { ...axis, ...own.xaxis }, yaxis: { ...axis, ...own.yaxis } };
  for (const key of Object.keys(own)) if (/^[xy]axis\d+$/.test(key)) axes[key] = { ...axis, ...own[key] };
  return { ...base, ...own, ...axes, paper_bgcolor: base.paper_bgcolor, plot_bgcolor: base.plot_bgcolor, font: { ...own.font, ...base.font }, autosize: true };
}

/** No button that sends the chart to others' machines: what a run shows is its owner's. */
export const CONFIG = {
  displaylogo: false, responsive: true, plotlyServerURL: "", modeBarButtonsToRemove: ["sendChartToCloud", "sendDataToCloud", "lasso2d", "select2d"],
};
