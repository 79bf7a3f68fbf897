// Small pictures of artifacts, made of what the server says of them.
import { ask, draw as svg, make } from "../core/dom.js";
import { name, value } from "../core/format.js";

/** @typedef {import("../core/types.js").Artifact} Artifact */

/** @type {Record<string, string>} */
export const ICONS = {
  HTML: "HTML", Metrics: "Metrics", ClassificationMetrics: "Matrix", SlicedClassificationMetrics: "Matrix",
  Image: "Image", Plotly: "Metrics", Markdown: "Markdown", Model: "Model",
};
const IMAGE_LIMIT = 2_000_000;

/** A small picture of an artifact. @param {Artifact} given @param {HTMLElement} thumb */
export async function picturing(given, thumb) {
  const icon = () => {
    const shape = svg("svg", { class: "icon", "aria-hidden": "true" });
    shape.append(svg("use", { href: `#i-${ICONS[given.type || ""] ?? "Dataset"}` }));
    thumb.replaceChildren(shape);
  };
  if (given.state && given.state !== "stored") return icon();
  if (given.type === "Image" && (given.size ?? Infinity) <= IMAGE_LIMIT) {
    const image = make("img", { src: `/api/v1/artifacts/${encodeURIComponent(given.id)}/content`, alt: "" });
    return new Promise((resolve) => {
      image.addEventListener("load", () => resolve(thumb.replaceChildren(image)));
      image.addEventListener("error", () => resolve(icon()));
    });
  }
  if (!["Table", "Markdown", "Metrics", "ClassificationMetrics", "SlicedClassificationMetrics"].includes(given.type ?? "")) return icon();
  try {
    const answer = await ask(`/artifacts/${encodeURIComponent(given.id)}/preview?rows=3`);
    const made = PICTURES[answer.kind]?.(answer);
    made ? thumb.replaceChildren(made) : icon();
  } catch {
    icon();
  }
}

/** @param {any} answer */
function tableOf(answer) {
  const columns = answer.columns.slice(0, 4);
  const head = make("tr", {}, ...columns.map((/** @type {any} */ one) => make("td", one.numeric ? { class: "num" } : {}, name(one.name))));
  const rows = answer.rows.map((/** @type {any[]} */ row) => make("tr", {}, ...columns.map((/** @type {any} */ one, /** @type {number} */ n) =>
    make("td", one.numeric ? { class: "num" } : {}, typeof row[n] === "number" ? value(row[n]) : name(row[n] ?? "–")))));
  return make("table", {}, head, ...rows);
}

/** @param {any} answer */
function textOf(answer) {
  const lines = answer.text.split("\n").map((/** @type {string} */ line) => line.replace(/[#*_`>|]/g, "").trim()).filter(Boolean).slice(0, 4);
  return make("p", {}, ...lines.flatMap((/** @type {string} */ line, /** @type {number} */ n) => [n ? document.createElement("br") : "", n ? name(line) : make("b", {}, name(line))]));
}

/** @param {any} answer */
function metricsOf(answer) {
  return make("table", {}, ...Object.entries(answer.values).slice(0, 4).map(([key, one]) => make("tr", {}, make("td", {}, name(key)), make("td", { class: "num" }, value(one)))));
}

/** @param {any} answer */
function slicesOf(answer) {
  const slice = answer.slices[0];
  if (!slice) return null;
  const box = svg("svg", { viewBox: "0 0 160 60", "aria-hidden": "true" });
  if (slice.roc.length) {
    const left = slice.confusion ? 14 : 54, points = slice.roc.map((/** @type {{x: number, y: number}} */ one, /** @type {number} */ n) => `${n ? "L" : "M"}${(left + one.x * 48).toFixed(1)} ${(54 - one.y * 48).toFixed(1)}`).join("");
    box.append(svg("path", { d: `M${left} 6V54H${left + 48}`, fill: "none", stroke: "var(--line-2)" }), svg("path", { d: points, fill: "none", stroke: "var(--run)", "stroke-width": "1.5" }));
  }
  if (slice.confusion) {
    const { rows } = slice.confusion, cell = 48 / rows.length, left = slice.roc.length ? 92 : 56;
    rows.forEach((/** @type {number[]} */ row, /** @type {number} */ y) => {
      const sum = row.reduce((all, one) => all + one, 0) || 1;
      row.forEach((one, x) => box.append(svg("rect", {
        x: String(left + x * cell), y: String(6 + y * cell), width: String(cell - 1), height: String(cell - 1),
        fill: `color-mix(in srgb, var(--ink-2) ${Math.round((100 * one) / sum)}%, var(--sunk))`,
      })));
    });
  }
  return box;
}

/** @type {Record<string, (answer: any) => Element | null>} */
const PICTURES = { table: tableOf, markdown: textOf, metrics: metricsOf, classification: slicesOf };
