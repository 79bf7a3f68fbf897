// What the browser's modules say of states given as JSON on standard input, for the test that compares it to the server's.
import { readFileSync } from "node:fs";
import { byStart, columns, edgePath, edgeState, Readings } from "../../../viz_server/runreel_server/static/js/graph/nodes.js";
import { moment } from "../../../viz_server/runreel_server/static/js/core/format.js";
import { about, headReading, leaves, stepReading } from "../../../viz_server/runreel_server/static/js/core/readings.js";

const said = JSON.parse(readFileSync(0, "utf8")).map(({ state, now, past, today, graph }) => {
  const below = leaves(state.steps ?? {}), of = new Readings(graph, state, now);
  const steps = Object.fromEntries(Object.entries(state.steps ?? {}).map(([path, step]) => [path, stepReading(step, now, (below.get(path) ?? []).map((one) => state.steps[one]))]));
  const nodes = Object.fromEntries(graph.nodes.map((node) => [node.id, of.of(node)]));
  const head = headReading(state, now, past, today);
  const pieces = Array.from({ length: head.way.length * 300 }, (_, n) => ({ ...head.way[n % head.way.length], label: `${n}`, weight: (n % 7) + 1 }));
  return {
    steps, nodes,
    head: { ...head, about: about(state, (time) => moment(time, today)) },
    says: graph.nodes.map((node) => of.says(node)),
    lanes: byStart(graph, state).map((node) => node.id),
    columns: columns(pieces),
    edges: graph.edges.map((edge) => [edgePath(edge.points), edgeState(nodes[edge.from].state, nodes[edge.to].state)]),
  };
});
process.stdout.write(JSON.stringify(said));
