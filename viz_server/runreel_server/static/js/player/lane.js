// What one lane shows: its step's bars, or how its tasks lie in time: few as bars of their own, many as the number that ran at once.
import { make, draw as svg } from "../core/dom.js";
import { clock, count, micros, name } from "../core/format.js";
import { pathsOf, standing } from "../graph/nodes.js";
import { TALL, blocksOf, columnsOf, extent, partOf, rowsOf, spansOf, thinned } from "./density.js";

/** @typedef {import("../core/types.js").GraphNode} GraphNode */
/** @typedef {import("../core/types.js").Artifact} Artifact */
/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("./density.js").Span} Span */

const ROWS = 4, FEW = 100; // so many rows have room in a lane; so many bars can be told apart
const APART = 9, FAR = 24; // pixels from one artifact to the next; over many tasks, which are to be seen beneath

/** What is drawn in a lane, so that it is drawn anew only where it differs. @type {WeakMap<Element, {spans: Span[], key: string}>} */
const drawn = new WeakMap();

/**
 * @param {HTMLElement} track
 * @param {GraphNode} node
 * @param {Store} store
 * @param {{made: Map<string, Artifact[]>, missing: import("./marks.js").Mark[], part: import("./window.js").Window, width: number}} given
 *   the artifacts by step; where events are missing; the part of the time that is shown, and the pixels that it has
 */
export function fill(track, node, store, { made, missing, part, width }) {
  const { step, tasks } = standing(node, store.live.steps ?? {}), at = store.past?.at ?? Infinity;
  const then = store.past ? standing(node, store.past.state.steps ?? {}) : null;
  const own = spansOf(step, then && then.step, store.start, at);
  const inner = tasks.flatMap((task, n) => spansOf(task, then && then.tasks[n], store.start, at));
  const spans = inner.length ? inner : own, now = part.whole, pixel = part.span / width;
  const [first, last] = extent(spans), reach = /** @type {[number, number]} */ ([first, Math.min(last, now)]), cut = partOf(reach, part, width);
  const inView = (/** @type {Span} */ one) => one.s <= cut.from + cut.count * cut.step && one.e >= cut.from, seen = spans.filter(inView);

  const paths = new Set([node.path, ...(node.members ?? []).flatMap(pathsOf)]);
  const marks = [...paths].flatMap((path) => made.get(path) ?? []).flatMap((one) => {
    const when = micros(one.created) ?? micros(step.finished);
    return when === null ? [] : [{ at: store.since(when), one }];
  });
  const ticks = thinned(marks, (seen.length > FEW ? FAR : APART) * pixel);
  const errors = thinned(seen.flatMap((one) => (one.state === "FAILED" && one.e < Infinity ? [{ at: one.e, one }] : [])), cut.step);
  const gaps = missing.filter((gap) => gap.step !== null && paths.has(gap.step));
  const key = JSON.stringify([
    own, ticks.map((tick) => [tick.one.id, tick.count]), gaps.length,
    inner.length && [cut, last === Infinity && Math.round(now / cut.step)], // what goes on grows
  ]);
  const before = drawn.get(track);
  if (before?.key === key && same(before.spans, spans)) return;
  drawn.set(track, { spans, key });

  /** @type {Element[]} */
  const parts = [];
  if (inner.length) {
    const rows = seen.length > FEW ? null : rowsOf(spans, ROWS) ?? rowsOf(seen, ROWS), grounds = own.length ? own : [{ state: "PENDING", s: first, e: last }];
    parts.push(...grounds.map((one) => bar(one, "bar is-ground")));
    if (rows) {
      const h = Math.max(2, Math.floor(8 / rows.length)), pitch = (12 - h) / (rows.length - 1);
      rows.forEach((row, n) => {
        parts.push(...row.filter(inView).map((one) => bar(one, "bar is-thin", `;--y:${rows.length > 1 ? 1 + n * pitch : 3}px;--h:${h}px`)));
      });
    } else parts.push(...strip(spans, cut, now, reach));
  } else parts.push(...own.map((one) => bar(one, "bar")));
  for (const error of errors) parts.push(make("i", { class: "tick is-error", style: `--s:${error.at}` }));
  for (const gap of gaps) parts.push(make("i", { class: "tick is-gap", style: `--s:${store.since(micros(gap.time)).toFixed(3)}`, title: gap.text }));
  for (const tick of ticks) {
    const { one } = tick, title = `${name(one.name ?? one.id)}, ${clock(store.start + tick.at * 1e6)}${tick.count > 1 ? `, and ${count(tick.count - 1)} more` : ""}`;
    parts.push(make("a", { class: "tick", href: `/artifacts/${encodeURIComponent(one.id)}`, tabindex: "-1", style: `--s:${tick.at.toFixed(3)}`, title }));
  }
  track.replaceChildren(...parts);
}

/** @param {Span[]} some @param {Span[]} others */
function same(some, others) {
  return some.length === others.length && some.every((one, n) => one.s === others[n].s && one.e === others[n].e && one.state === others[n].state);
}

/** @param {Span} span @param {string} kind @param {string} [more] */
function bar({ state, s, e }, kind, more = "") {
  const end = e === Infinity ? "var(--end)" : e; // what goes on reaches to the edge, which the timeline moves
  return make("i", { class: kind, "data-state": state, style: `--s:${s};--e:${end}${more}` });
}

/**
 * How many ran at once.
 * @param {Span[]} spans
 * @param {import("./density.js").Part} cut
 * @param {number} now
 * @param {[number, number]} reach
 */
function strip(spans, cut, now, reach) {
  const { from, step, count } = cut;
  const blocks = blocksOf(columnsOf(spans, cut, now), count, reach.map((second) => (second - from) / step)), stalled = blocks.get("STALLED") ?? [];
  blocks.delete("STALLED");
  const shape = svg("svg", { class: "lane-svg", viewBox: `0 0 ${count} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true", style: `--s:${from};--e:${from + count * step}` });
  for (const [state, some] of blocks) {
    shape.append(svg("path", { "data-state": state, d: some.map((one) => `M${one.from} ${one.y}H${one.to}v${one.h}H${one.from}z`).join("") }));
  }
  // hatched, which no path is
  return [shape, ...stalled.map((one) => bar({ state: "STALLED", s: from + one.from * step, e: from + one.to * step }, "bar is-thin", `;--y:${2 + one.y}px;--h:${one.h}px`))];
}
