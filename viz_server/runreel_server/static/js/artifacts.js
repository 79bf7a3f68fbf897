// The artifacts: newest first; those with a picture as cards, the others as rows. Pictures are made when in view.
import { all, arrange, ask, clone, draw as svg, make, one, say, tell } from "./dom.js";
import { count, micros, name, size, value } from "./format.js";

/** @typedef {import("./types.js").Artifact} Artifact */

/** @type {Record<string, string>} */
const ICONS = {
  HTML: "HTML", Metrics: "Metrics", ClassificationMetrics: "Matrix", SlicedClassificationMetrics: "Matrix",
  Image: "Image", Plotly: "Metrics", Markdown: "Markdown", Model: "Model",
};
const CARDS = new Set([...Object.keys(ICONS).filter((type) => type !== "Model"), "Table"]);
const IMAGE_LIMIT = 2_000_000;

/** @param {Artifact} given */
function says(given) {
  const kind = given.type || "Artifact", parts = [name(kind.endsWith("ClassificationMetrics") ? "Classification" : kind), given.size === null || given.size === undefined ? "" : size(given.size)];
  parts.push(given.state === "failed" || given.state === "incomplete" ? given.state : "", given.version ? `v${given.version}` : "");
  return parts.filter(Boolean).join(" · ");
}

/** @param {import("./store.js").Store} store @param {import("./scheduler.js").Scheduler} scheduler */
export function artifacts(store, scheduler) {
  const region = one("#artifacts"), box = one(".artifacts", region), rows = one(".artifact-rows", box), type = one('[data-do="artifact-type"]', region);
  /** @type {Map<string, HTMLElement>} */
  const cards = new Map(all(".artifact", box).map((card) => [card.dataset.artifact ?? "", card]));
  /** @type {Map<string, string>} which picture a card has */
  const pictured = new Map();

  const draw = () => {
    const outputs = Object.values(store.view.artifacts ?? {}).filter((one) => one.role !== "input");
    const everything = Object.values(store.live.artifacts ?? {}).filter((one) => one.role !== "input").length;
    const order = outputs.map((one, n) => ({ one, n, at: micros(one.created) ?? 0 })).sort((a, b) => b.at - a.at || b.n - a.n).map((item) => item.one);
    const known = new Set(Array.from(type.options, (/** @type {HTMLOptionElement} */ option) => option.value));
    for (const one of order) {
      const kind = one.type || "Artifact";
      if (!known.has(kind)) type.append(make("option", { value: kind }, name(kind)));
      known.add(kind);
    }
    const shown = order.filter((one) => !type.value || (one.type || "Artifact") === type.value);
    const elements = shown.map((one) => ({ one, card: cardOf(one) }));
    arrange(rows, elements.filter(({ one }) => !CARDS.has(one.type || "")).map(({ card }) => card));
    arrange(box, [...elements.filter(({ one }) => CARDS.has(one.type || "")).map(({ card }) => card), rows]);
    one('[data-empty="artifacts"]', region).hidden = order.length > 0;
    tell("artifacts", !everything ? "" : store.past && order.length < everything ? `${count(order.length)} of ${count(everything)}` : count(everything));
  };

  /** @param {Artifact} given */
  const cardOf = (given) => {
    const card = cards.get(given.id) ?? clone("t-artifact"), kind = given.type || "Artifact";
    cards.set(given.id, card);
    card.dataset.artifact = given.id;
    card.dataset.type = kind;
    card.href = `/artifacts/${encodeURIComponent(given.id)}`;
    card.classList.toggle("is-wide", !CARDS.has(kind));
    one(".name .icon use", card).setAttribute("href", `#i-${ICONS[kind] ?? "Dataset"}`);
    const label = one(".clip", card), text = name(given.name || given.id);
    say(label, text);
    label.title = text;
    say(one("small", card), says(given));
    const picture = CARDS.has(kind) ? `${given.state}:${given.size}` : "";
    if (picture && pictured.get(given.id) !== picture) {
      pictured.set(given.id, picture);
      scheduler.remove(card);
      scheduler.add(card, () => void picturing(given, one(".thumb", card)), 2);
      scheduler.request(card);
    }
    return card;
  };

  type.addEventListener("change", () => scheduler.request("artifacts"));
  scheduler.add("artifacts", draw, 1);
  store.on(["state", "time"], () => scheduler.request("artifacts"));
  scheduler.request("artifacts");
}

/** A small picture of an artifact. @param {Artifact} given @param {HTMLElement} thumb */
async function picturing(given, thumb) {
  const icon = () => {
    const shape = svg("svg", { class: "icon", "aria-hidden": "true" });
    shape.append(svg("use", { href: `#i-${ICONS[given.type || ""] ?? "Dataset"}` }));
    thumb.replaceChildren(shape);
  };
  if (given.state && given.state !== "stored") return icon();
  if (given.type === "Image" && (given.size ?? Infinity) <= IMAGE_LIMIT) {
    const image = make("img", { src: `/api/v1/artifacts/${encodeURIComponent(given.id)}/content`, alt: "", loading: "lazy", decoding: "async" });
    image.addEventListener("error", icon);
    return thumb.replaceChildren(image);
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
