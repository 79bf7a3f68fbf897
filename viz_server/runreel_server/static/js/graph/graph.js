// The step graph: nodes are HTML, edges one SVG beneath, only what is in view is in the page; the layout is the server's.
import { all, arrange, ask, draw as svg, one, set } from "../core/dom.js";
import { count } from "../core/format.js";
import { critical } from "./critical.js";
import { fill, placed } from "./element.js";
import { containers, Folds, shows } from "./folds.js";
import { edgePath, edgeState, Readings } from "./nodes.js";
import { tree } from "./tree.js";
import { around, frame, meet, Viewport } from "./viewport.js";

/** @typedef {import("../core/types.js").GraphNode} GraphNode */
/** @typedef {import("../core/types.js").GraphEdge & {box: import("./viewport.js").Box, path?: SVGElement}} Edge */

const PAUSE = 400; // milliseconds between two layouts while a graph grows
const LONG = 4000; // pixels: so long an edge is not dashed
const EDGES = 400; // of those that cross the view; what leads to a node in it is drawn anyway
const LISTED = 400; // nodes of the list that a narrow screen shows
const FITTED = 600; // nodes: of more, all in view would be too small to tell apart, and all in the page
const GOING = new Set(["RUNNING", "STALLED", "FAILED"]);

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("../core/address.js").Address} address
 * @param {import("../core/choice.js").Choice} choice
 */
export function graph(store, scheduler, address, choice) {
  const region = one("#graph"), body = one(".pane-body", region), area = one(".graph", region);
  const list = one("ul", area), edges = one(".edges", area), follow = one('[data-do="follow-graph"]', region);
  const unfold = one('[data-do="unfold-all"]', region), more = one('[data-out="graph-more"]', region), narrow = matchMedia("(max-width: 720px)");
  /** @type {Map<string, HTMLElement>} */
  const elements = new Map(all(".node", list).map((element) => [element.dataset.step ?? "", element]));
  /** @type {Map<string, string>} */
  let into = new Map();
  /** @type {Edge[]} */
  let lines = [];
  /** @type {import("../core/types.js").Graph | null} */
  let laid = null;
  let fetching = false, stale = false;
  /** Whether the layout that comes is to be shown whole, for all is unfolded in it, or in its own size again. */
  let fitting = false;
  /** @type {string | null} a node that has to be in the page, wherever it is */
  let wanted = null;

  const again = () => scheduler.request("graph");
  const stop = () => follow.setAttribute("aria-pressed", "false");
  const view = new Viewport(body, area, again, stop);
  const folds = new Folds(address, () => {
    unfold.setAttribute("aria-pressed", String(folds.all));
    stop();
    void refresh();
  });
  const chain = critical(store, again);

  /** @type {Set<string>} the nodes that others lie in */
  let unfolded = new Set();

  /** What the fold button of a node does: unfold it, fold it, or fold the like tasks that it is one of. @param {GraphNode} node */
  const grip = (node) => {
    if (node.folded) return { id: node.id, open: false };
    const id = unfolded.has(node.id) ? node.id : folds.group(node.id);
    return id ? { id, open: true } : null;
  };

  const measure = () => {
    const same = laid && JSON.stringify(laid.edges) === JSON.stringify(store.graph.edges);
    laid = store.graph;
    set(region, "--graph-w", `${laid.width}px`);
    set(region, "--graph-h", `${laid.height}px`);
    region.classList.toggle("is-unfolded", folds.open.size > 0);
    if (!folds.open.size) { // what is unfolded takes no room from other regions
      set(region, "--pane-h", `${laid.height}px`);
      set(one(".timeline"), "--lanes", laid.nodes.length);
    }
    into = containers(laid);
    unfolded = new Set(into.values());
    if (!same) lines = laid.edges.map((edge) => ({ ...edge, box: around(edge.points) }));
    one('[data-empty="graph"]', region).hidden = laid.nodes.length > 0;
    unfold.hidden = !folds.open.size && !laid.nodes.some((node) => node.folded);
  };

  const draw = () => {
    if (store.graph !== laid) measure();
    const { nodes } = store.graph, steps = store.view.steps ?? {}, readings = new Readings(store.graph, store.view, store.moment);
    if (follow.getAttribute("aria-pressed") === "true" && !narrow.matches && !list.contains(document.activeElement)) { // keys walk it
      const going = nodes.find((node) => GOING.has(readings.of(node).state));
      if (going) view.reveal(going);
    }
    const seen = view.seen(), shown = narrow.matches ? nodes.slice(0, LISTED) : nodes.filter((node) => meet(node, seen) || node.id === wanted);
    more.hidden = shown.length === nodes.length || !narrow.matches;
    more.textContent = more.hidden ? "" : `${count(nodes.length - shown.length)} more steps: search for one above`;
    arrange(list, shown.map((node) => {
      const element = placed(elements.get(node.id), node), step = steps[node.path];
      elements.set(node.id, element);
      fill(element, node, readings.of(node), steps, {
        future: store.past !== null && readings.of(node).state === "PENDING",
        grip: grip(node)?.open ?? null,
        inner: unfolded.has(node.id),
        level: levelOf(node.id),
        nth: nodes.indexOf(node) + 1,
        of: nodes.length,
        retries: Math.max(0, (step?.attempts?.length ?? 0) - 1),
        expected: Boolean(step?.learnt),
      });
      element.classList.toggle("is-critical", chain.of(node.id, node.members));
      element.classList.toggle("is-back", Boolean(choice.id) && node.id !== choice.id && !choice.covers(node.path));
      mark(element);
      return element;
    }));
    const there = new Set(shown.map((node) => node.id));
    for (const id of elements.keys()) if (!there.has(id)) elements.delete(id);
    frame(edges, seen, store.graph);
    const crossing = narrow.matches ? [] : lines.filter((edge) => meet(edge.box, seen));
    const some = crossing.length > EDGES ? crossing.filter((edge, n) => n < EDGES || there.has(edge.to)) : crossing;
    drawEdges(some, readings);
    if (!list.querySelector('.node[tabindex="0"]')) list.firstElementChild?.setAttribute("tabindex", "0");
  };

  /** @param {Edge[]} shown @param {Readings} readings */
  const drawEdges = (shown, readings) => {
    const byId = new Map(store.graph.nodes.map((node) => [node.id, node]));
    arrange(edges, shown.map((edge) => {
      const path = (edge.path ??= svg("path", { "data-from": edge.from, "data-to": edge.to, d: edgePath(edge.points) }));
      const from = byId.get(edge.from), to = byId.get(edge.to);
      if (!from || !to) return path;
      const state = edgeState(readings.of(from).state, readings.of(to).state), along = chain.of(from.id, from.members) && chain.of(to.id, to.members);
      if (path.dataset.state === state && path.classList.contains("is-critical") === along) return path;
      path.dataset.state = state;
      path.classList.toggle("is-critical", along);
      path.classList.toggle("is-loop", Boolean(edge.back));
      path.classList.toggle("is-inside", Boolean(edge.contains));
      path.classList.toggle("is-long", edge.box.w + edge.box.h > LONG);
      return path;
    }));
  };

  /** @param {string} id */
  const levelOf = (id) => {
    let level = 1;
    for (let outer = into.get(id); outer; outer = into.get(outer)) level += 1;
    return level;
  };

  /** @param {HTMLElement} element */
  const mark = (element) => {
    const chosen = Boolean(choice.id) && element.dataset.step === choice.id;
    if (chosen !== (element.getAttribute("aria-selected") === "true")) element.setAttribute("aria-selected", String(chosen));
  };

  const refresh = async () => {
    stale = true;
    if (fetching) return;
    fetching = true;
    while (stale) {
      stale = false;
      try {
        store.graph = /** @type {import("../core/types.js").Graph} */ (await ask(folds.url(store.run)));
        store.emit("graph");
      } catch {
        // the graph that is there stays; the next step asks again
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    fetching = false;
  };

  /** Bring a step into view: the node that shows it. @param {string} path */
  const bring = (path) => {
    const node = shows(store.graph, path);
    if (!node) return undefined;
    stop();
    if (store.graph !== laid) measure(); // what is not yet as wide as the graph cannot be scrolled there
    wanted = node.id;
    if (narrow.matches) elements.get(node.id)?.scrollIntoView({ block: "center" });
    else view.reveal(node);
    draw();
    wanted = null;
    return elements.get(node.id);
  };

  /** @param {string} id */
  const find = (id) => store.graph.nodes.find((node) => node.id === id);

  /** Unfold what is folded and fold what is not. @param {string} id */
  const turn = (id) => {
    const node = find(id), by = node && grip(node);
    if (by) folds.turn(by.id, !by.open, [...unfolded]);
  };

  follow.addEventListener("click", () => {
    follow.setAttribute("aria-pressed", String(follow.getAttribute("aria-pressed") !== "true"));
    again();
  });
  unfold.addEventListener("click", () => {
    fitting = true;
    folds.turnAll(!folds.all);
  });
  one('[data-do="fit-graph"]', region).addEventListener("click", () => {
    stop();
    if (view.zoom === 1) view.fit(store.graph.width, store.graph.height);
    else view.scale(1);
  });
  list.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const button = event.target instanceof Element && event.target.closest(".fold"), id = button && button.closest(".node")?.getAttribute("data-step");
    if (!id) return;
    event.stopPropagation();
    turn(id);
  });
  list.addEventListener("dblclick", (/** @type {MouseEvent} */ event) => {
    const id = event.target instanceof Element && event.target.closest(".node")?.getAttribute("data-step");
    if (id) turn(id);
  });
  tree(list, {
    nodes: () => store.graph.nodes,
    outer: (id) => into.get(id) ?? "",
    opens: (id) => {
      const node = find(id);
      return (node && grip(node)?.open) ?? null;
    },
    turn,
    bring,
  });
  scheduler.add("graph", draw, 1);
  narrow.addEventListener("change", again);
  choice.on(again);
  store.on(["state", "time"], again);
  let arriving = Boolean(choice.id) && !narrow.matches; // what the address chose is brought into view, in the graph that it asks for
  const arrive = () => {
    if (arriving) bring(choice.id);
    arriving = false;
  };
  store.on(["graph"], (detail) => {
    if (detail === "stale") return void refresh();
    again();
    if (fitting && !stale && !narrow.matches) {
      measure();
      if (folds.all && store.graph.nodes.length <= FITTED) view.fit(store.graph.width, store.graph.height);
      else view.scale(1);
    }
    fitting &&= stale;
    arrive();
  });
  unfold.setAttribute("aria-pressed", String(folds.all));
  fitting = folds.all && !arriving;
  if (folds.open.size) void refresh();
  else arrive();
  return { bring };
}

/** Choose a step where it is clicked, and mark the chosen one; again to let it go. @param {import("../core/choice.js").Choice} choice */
export function choosing(choice) {
  /** @param {Event} event */
  const choose = (event) => {
    const item = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest(".node, .lane, [data-read='wrong']")) : null;
    if (item?.dataset.step) choice.toggle(item.dataset.step);
  };
  document.addEventListener("click", choose);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof Element && event.target.matches(".node, .lane")) choose(event);
  });
  const mark = () => {
    for (const item of all(".node, .lane")) {
      if (item.dataset.step === choice.id && choice.id) item.setAttribute("aria-selected", "true");
      else item.removeAttribute("aria-selected");
    }
  };
  choice.on(mark);
  mark();
}
