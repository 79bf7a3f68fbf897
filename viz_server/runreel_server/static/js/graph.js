// The step graph: nodes are HTML, edges one SVG beneath; the layout is the server's.
import { all, arrange, ask, clone, draw as svg, one, reachable, rove, say, set, stand } from "./dom.js";
import { name } from "./format.js";
import { edgePath, edgeState, heat, nodeReadings } from "./nodes.js";

/** @typedef {import("./types.js").GraphNode} GraphNode */
/** @typedef {import("./types.js").Reading} Reading */

const TALL = 60; // pixels: so high a node has room for its counts
const PAUSE = 400; // milliseconds between two layouts while a graph grows

/** @param {import("./store.js").Store} store @param {import("./scheduler.js").Scheduler} scheduler */
export function graph(store, scheduler) {
  const region = one("#graph"), body = one(".pane-body", region), area = one(".graph", region);
  const list = one("ul", area), edges = one(".edges", area), follow = one('[data-do="follow-graph"]', region);
  /** @type {Map<string, HTMLElement>} */
  const nodes = new Map(all(".node", list).map((node) => [node.dataset.step ?? "", node]));
  let laid = "", fetching = false, stale = false;

  const place = () => {
    const { graph } = store;
    set(region, "--graph-w", `${graph.width}px`);
    set(region, "--graph-h", `${graph.height}px`);
    const wanted = graph.nodes.map((node) => {
      const element = nodes.get(node.id) ?? clone("t-node");
      nodes.set(node.id, element);
      element.dataset.step = node.id;
      element.classList.toggle("is-tall", node.h >= TALL);
      for (const side of /** @type {const} */ (["x", "y", "w", "h"])) set(element, `--${side}`, `${node[side]}px`);
      const label = one(".clip", element), text = name(node.label);
      say(label, text);
      label.title = text;
      return element;
    });
    const ids = new Set(graph.nodes.map((node) => node.id));
    for (const id of nodes.keys()) if (!ids.has(id)) nodes.delete(id);
    arrange(list, wanted);
    edges.replaceChildren(...graph.edges.map((edge) => svg("path", { "data-from": edge.from, "data-to": edge.to, d: edgePath(edge.points) })));
    one('[data-empty="graph"]', region).hidden = graph.nodes.length > 0;
    reachable(list, ".node");
  };

  /** @param {HTMLElement} element @param {GraphNode} node @param {Reading} reading */
  const fill = (element, node, reading) => {
    stand(element, reading.state);
    say(one(".dur", element), reading.read);
    for (const part of /** @type {const} */ (["note", "left"])) say(one(`[data-part="${part}"]`, element), reading[part]);
    for (const part of /** @type {const} */ (["failed", "stalled"])) {
      const count = one(`[data-part="${part}"]`, element);
      count.hidden = !reading[part];
      say(one("b", count), String(reading[part]));
    }
    set(one(".meter", element), "--p", `${((reading.share ?? 0) * 100).toFixed(1)}%`);
    element.setAttribute("aria-label", `${name(node.label)}, ${reading.state.toLowerCase()}, ${reading.read}`);
    if (!node.members?.length) return;
    const strip = one(".heat", element), { width, height, paths } = heat(node, store.view.steps ?? {});
    const key = JSON.stringify(paths);
    if (strip.dataset.key === key) return;
    strip.dataset.key = key;
    strip.removeAttribute("hidden");
    strip.setAttribute("viewBox", `0 0 ${width} ${height}`);
    strip.setAttribute("preserveAspectRatio", height === 8 ? "none" : "xMinYMin meet");
    set(strip, "--heat-h", `${height}px`);
    strip.replaceChildren(...paths.map(([state, d]) => svg("path", { "data-state": state, d })));
  };

  const draw = () => {
    const key = store.graph.nodes.map(({ id, label, x, y, w, h }) => [id, label, x, y, w, h].join(" ")).join();
    if (key !== laid) {
      laid = key;
      place();
    }
    const readings = nodeReadings(store.graph, store.view, store.moment);
    for (const node of store.graph.nodes) {
      const element = nodes.get(node.id);
      if (element) fill(element, node, readings[node.id]);
      element?.classList.toggle("is-future", store.past !== null && readings[node.id].state === "PENDING");
    }
    for (const path of all("path", edges)) {
      path.dataset.state = edgeState({ from: path.dataset.from ?? "", to: path.dataset.to ?? "" }, readings);
    }
    if (follow.getAttribute("aria-pressed") === "true") show(readings);
  };

  /** Scroll to the first node that runs, where it is out of view. @param {Record<string, Reading>} readings */
  const show = (readings) => {
    const running = store.graph.nodes.find((node) => ["RUNNING", "STALLED", "FAILED"].includes(readings[node.id].state));
    if (!running || body.scrollWidth <= body.clientWidth) return;
    if (running.x < body.scrollLeft || running.x + running.w > body.scrollLeft + body.clientWidth) {
      body.scrollLeft = running.x - body.clientWidth / 3;
    }
  };

  const refresh = async () => {
    stale = true;
    if (fetching) return;
    fetching = true;
    while (stale) {
      stale = false;
      try {
        store.graph = /** @type {import("./types.js").Graph} */ (await ask(`/api/v1/runs/${store.run}/graph`));
        store.emit("graph");
      } catch {
        // the graph that is there stays; the next step asks again
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    fetching = false;
  };

  follow.addEventListener("click", () => follow.setAttribute("aria-pressed", String(follow.getAttribute("aria-pressed") !== "true")));
  body.addEventListener("wheel", () => follow.setAttribute("aria-pressed", "false"), { passive: true });
  body.addEventListener("pointerdown", () => follow.setAttribute("aria-pressed", "false"));
  rove(list, ".node");
  scheduler.add("graph", draw, 1);
  store.on(["state", "time"], () => scheduler.request("graph"));
  store.on(["graph"], (detail) => (detail === "stale" ? void refresh() : scheduler.request("graph")));
  reachable(list, ".node");
}

/**
 * Select a step everywhere that shows it, and tell who asked; again to let it go.
 * @param {(id: string) => void} chosen
 */
export function selecting(chosen) {
  /** @param {Event} event */
  const choose = (event) => {
    const item = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest(".node, .lane, [data-read='wrong']")) : null;
    if (!item?.dataset.step) return;
    const id = item.getAttribute("aria-selected") === "true" ? "" : item.dataset.step;
    select(id);
    chosen(id);
  };
  document.addEventListener("click", choose);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof Element && event.target.matches(".node, .lane")) choose(event);
  });
}

/** Mark a step as selected. @param {string} id */
export function select(id) {
  for (const item of all(".node, .lane")) {
    if (item.dataset.step === id && id) item.setAttribute("aria-selected", "true");
    else item.removeAttribute("aria-selected");
  }
}
