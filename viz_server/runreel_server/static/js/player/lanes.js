// The Gantt: a lane a node of the graph, only those in view in the page. Places are CSS: seconds over the run's span.
import { all, arrange, clone, one, reachable, rove, say, sizeOf, stand } from "../core/dom.js";
import { name } from "../core/format.js";
import { byStart, Readings } from "../graph/nodes.js";
import { fill } from "./lane.js";

/** @typedef {import("../core/types.js").GraphNode} GraphNode */
/** @typedef {import("../core/store.js").Store} Store */

const HEIGHT = 14;
const WIDE = 1000; // pixels of the lanes where they are not shown, and may be printed nevertheless
const AGAIN = 1000; // milliseconds between two orders of many lanes
const WRONG = new Set(["FAILED", "STALLED"]);

/**
 * @param {Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("./marks.js").Marks} marks
 * @param {import("./window.js").Window} part
 */
export function lanes(store, scheduler, marks, part) {
  const reel = one(".reel"), list = one(".lanes", reel), ruler = one(".ruler", reel);
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
    const given = { made, missing: marks.gaps, part, width: sizeOf(ruler)[0] || WIDE };
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
      const track = one(".track", row), says = readings.says(node);
      fill(track, node, store, given);
      if (track.ariaLabel !== says) track.ariaLabel = says;
      row.title = `${name(node.label)}: ${[reading.state.toLowerCase(), reading.read, reading.note, says].filter(Boolean).join(", ")}`;
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
