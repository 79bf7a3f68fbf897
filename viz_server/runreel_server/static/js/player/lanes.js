// The Gantt: a lane a node of the graph, only those in view in the page. Places are CSS: seconds over the run's span.
import { all, arrange, clone, make, draw as svg, one, reachable, rove, say, sizeOf, stand } from "../core/dom.js";
import { clock, micros, name } from "../core/format.js";
import { byStart, Readings, standing } from "../graph/nodes.js";

/** @typedef {import("../core/types.js").GraphNode} GraphNode */
/** @typedef {import("../core/types.js").Step} Step */
/** @typedef {import("../core/store.js").Store} Store */

const HEIGHT = 14, THIN = 4, BUCKETS = 120;
const AGAIN = 1000; // milliseconds between two orders of many lanes
const WRONG = new Set(["FAILED", "STALLED"]);

/** @param {Store} store @param {import("../core/scheduler.js").Scheduler} scheduler @param {import("./marks.js").Marks} marks */
export function lanes(store, scheduler, marks) {
  const reel = one(".reel"), list = one(".lanes", reel);
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map(all(".lane", list).map((row) => [row.dataset.step ?? "", row]));

  /** @type {{graph: object, at: number, nodes: GraphNode[]} | null} */
  let order = null;
  let made = artifactsByStep(store), of = store.position;

  /** By when they began; where there is not room for all, what is wrong first. */
  const ordered = () => {
    const { graph } = store, now = store.clock();
    if (order?.graph === graph && (graph.nodes.length > 100 ? now - order.at < AGAIN : false)) return order.nodes;
    let nodes = byStart(graph, store.live);
    if (nodes.length * HEIGHT > sizeOf(reel)[1] - 44) {
      const readings = new Readings(graph, store.live, store.end);
      const wrong = (/** @type {GraphNode} */ node) => { const { state, failed, stalled } = readings.of(node); return WRONG.has(state) || failed + stalled > 0; };
      nodes = [...nodes.filter(wrong), ...nodes.filter((node) => !wrong(node))];
    }
    order = { graph, at: now, nodes };
    return nodes;
  };

  const draw = () => {
    const nodes = ordered(), readings = new Readings(store.graph, store.view, store.moment);
    const first = Math.max(0, Math.floor((reel.scrollTop - 60) / HEIGHT)), count = Math.ceil(sizeOf(reel)[1] / HEIGHT) + 8;
    const shown = nodes.slice(first, first + count);
    list.style.paddingTop = `${first * HEIGHT}px`;
    list.style.minHeight = `${nodes.length * HEIGHT}px`;
    list.setAttribute("aria-rowcount", String(nodes.length));
    if (!of || of !== store.position) [made, of] = [artifactsByStep(store), store.position];
    const wanted = shown.map((node, n) => {
      const row = rows.get(node.id) ?? clone("t-lane"), reading = readings.of(node);
      rows.set(node.id, row);
      row.dataset.step = node.id;
      row.setAttribute("aria-rowindex", String(first + n + 1));
      stand(row, reading.state);
      const label = one(".clip", row);
      say(label, name(node.label));
      label.title = name(node.label);
      say(one(".lane-read", row), [reading.read, reading.left].filter(Boolean).join(" · "));
      fill(one(".track", row), node, store, made, marks.gaps);
      tint(row, store);
      row.title = `${name(node.label)}: ${reading.state.toLowerCase()}${reading.read ? `, ${reading.read}` : ""}${reading.note ? `, ${reading.note}` : ""}`;
      return row;
    });
    for (const id of rows.keys()) if (!shown.some((node) => node.id === id)) rows.delete(id);
    arrange(list, wanted);
    reachable(list, ".lane");
  };

  rove(list, ".lane");
  reel.addEventListener("scroll", () => scheduler.request("lanes"), { passive: true });
  addEventListener("resize", () => scheduler.request("lanes"));
  scheduler.add("lanes", draw, 1);
  store.on(["state", "time", "graph"], () => scheduler.request("lanes"));
}

/** @param {Store} store */
function artifactsByStep(store) {
  /** @type {Map<string, import("../core/types.js").Artifact[]>} */
  const made = new Map();
  for (const artifact of Object.values(store.live.artifacts ?? {})) {
    if (artifact.role === "input" || !artifact.step) continue;
    const list = made.get(artifact.step);
    list ? list.push(artifact) : made.set(artifact.step, [artifact]);
  }
  return made;
}

/**
 * What one lane shows, drawn anew only where it differs.
 * @param {HTMLElement} track
 * @param {GraphNode} node
 * @param {Store} store
 * @param {Map<string, import("../core/types.js").Artifact[]>} made
 * @param {import("./marks.js").Mark[]} missing
 */
function fill(track, node, store, made, missing) {
  const steps = store.live.steps ?? {}, { step, tasks } = standing(node, steps);
  const single = (node.members ?? []).every((member) => member.count === 1);
  const detail = tasks.length > 0 && single;
  const bars = barsOf(step.attempts?.length ? step.attempts : [step], store);
  const inner = detail ? barsOf(tasks.flatMap((task) => (task.attempts?.length ? task.attempts : [task])), store) : [];
  const paths = new Set([node.path, ...(node.members ?? []).map((member) => member.path)]);
  const ticks = [...paths].flatMap((path) => made.get(path) ?? []).slice(-200);
  const errors = (detail ? inner : bars).filter((bar) => bar.state === "FAILED" && bar.over);
  const gaps = missing.filter((gap) => gap.step !== null && paths.has(gap.step));
  const growing = detail && inner.some((bar) => !bar.over); // an area that goes on is drawn anew each second
  const key = JSON.stringify([bars, inner, ticks.map((one) => one.id), gaps.length, growing ? Math.round(store.since(store.end)) : 0]);
  if (track.dataset.key === key) return;
  track.dataset.key = key;
  /** @type {Element[]} */
  const parts = [];
  const stacked = detail ? rowsOf(inner) : null;
  if (detail && stacked && stacked.length <= THIN) {
    stacked.forEach((row, n) => row.forEach((bar) => parts.push(barElement(bar, { y: 1 + n * 3, h: 2 }))));
  } else if (detail && inner.length) {
    parts.push(...area(inner, store));
  } else for (const bar of bars) parts.push(barElement(bar));
  for (const error of errors) parts.push(make("i", { class: "tick is-error", style: `--s:${error.e}` }));
  for (const gap of gaps) parts.push(make("i", { class: "tick is-gap", style: `--s:${store.since(micros(gap.time)).toFixed(3)}`, title: gap.text }));
  for (const one of ticks) {
    const at = micros(one.created) ?? micros(step.finished);
    if (at !== null) parts.push(make("a", { class: "tick", href: `/artifacts/${encodeURIComponent(one.id)}`, tabindex: "-1", style: `--s:${store.since(at).toFixed(3)}`, title: `${name(one.name ?? one.id)}, ${clock(at)}` }));
  }
  track.replaceChildren(...parts);
}

/** Bars have the state that they had at the moment: what ended after it was under way. @param {HTMLElement} row @param {Store} store */
function tint(row, store) {
  const at = store.past ? store.since(store.past.at) : null;
  for (const bar of all("[data-last]", row)) {
    const begun = Number(bar.style.getPropertyValue("--s")), end = Number(bar.style.getPropertyValue("--e"));
    const state = at !== null && begun <= at && !(end <= at) ? "RUNNING" : bar.dataset.last ?? ""; // no number: it goes on
    if (bar.dataset.state !== state) bar.dataset.state = state;
  }
}

/**
 * @typedef {{state: string, s: number, e: number, over: boolean}} Bar
 * @param {{state: string, started?: string | null, finished?: string | null}[]} spans
 * @param {Store} store
 * @returns {Bar[]}
 */
function barsOf(spans, store) {
  return spans.flatMap((one) => {
    const begun = micros(one.started), ended = micros(one.finished);
    if (begun === null) return [];
    const s = Number(store.since(begun).toFixed(3));
    return [{ state: one.state, s, e: ended === null ? -1 : Number(store.since(ended).toFixed(3)), over: ended !== null }];
  });
}

/** @param {Bar} bar @param {{y: number, h: number} | null} [thin] */
function barElement(bar, thin = null) {
  const place = thin ? `;--y:${thin.y}px;--h:${thin.h}px` : "";
  const end = bar.over ? bar.e : "var(--end)"; // what goes on reaches to the edge, which the timeline moves
  return make("i", { class: thin ? "bar is-thin" : "bar", "data-state": bar.state, "data-last": bar.state, style: `--s:${bar.s};--e:${end}${place}` });
}

/** Bars that overlap on rows of their own. @param {Bar[]} bars @returns {Bar[][]} */
export function rowsOf(bars) {
  /** @type {Bar[][]} */
  const rows = [];
  for (const bar of [...bars].sort((a, b) => a.s - b.s)) {
    const free = rows.find((row) => row[row.length - 1].over && row[row.length - 1].e <= bar.s);
    if (free) free.push(bar);
    else if (rows.push([bar]) > THIN) return rows;
  }
  return rows;
}

/** How many run at once, as an area from the first to the last. @param {Bar[]} bars @param {Store} store */
function area(bars, store) {
  const end = store.since(store.end), from = Math.min(...bars.map((bar) => bar.s)), going = bars.some((bar) => !bar.over);
  const to = going ? end : Math.max(...bars.map((bar) => bar.e)), step = (to - from) / BUCKETS || 1;
  const counts = new Array(BUCKETS).fill(0);
  for (const bar of bars) {
    const last = bar.over ? bar.e : to;
    for (let n = Math.floor((bar.s - from) / step); n < BUCKETS && from + n * step < last; n++) counts[Math.max(0, n)]++;
  }
  const highest = Math.max(1, ...counts);
  const path = counts.map((count, n) => (count ? `M${n} 10V${(10 * (1 - count / highest)).toFixed(1)}h1V10z` : "")).join("");
  const shape = svg("svg", { class: "lane-svg", viewBox: `0 0 ${BUCKETS} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const state = going ? "RUNNING" : bars.every((bar) => bar.state === "CACHED") ? "CACHED" : "SUCCEEDED";
  const ends = `--s:${from};--e:${going ? "var(--end)" : to}`;
  shape.append(svg("path", { "data-state": state, "data-last": state, style: ends, d: path }));
  shape.style.cssText = `left:calc((${from} - var(--from, 0)) / var(--span) * 100%);width:calc(${to - from} / var(--span) * 100%)`;
  const ground = make("i", { class: "bar is-ground", "data-state": state, "data-last": state, style: `${ends};--h:10px;--y:2px` });
  return [ground, shape];
}
