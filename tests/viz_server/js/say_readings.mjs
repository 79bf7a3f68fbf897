// What the browser's modules say of states given as JSON on standard input, for the test that compares it to the server's.
import { readFileSync } from "node:fs";
import { byStart, byState, edgePath, edgeState, nodeReadings } from "../../../viz_server/runreel_server/static/js/nodes.js";
import { headReading, stepReadings } from "../../../viz_server/runreel_server/static/js/readings.js";

const said = JSON.parse(readFileSync(0, "utf8")).map(({ state, now, past, graph }) => {
  const steps = stepReadings(state, now), nodes = nodeReadings(graph, state, now);
  return {
    steps, nodes,
    head: headReading(state, steps, now, past),
    lanes: byStart(graph, state).map((node) => node.id),
    way: byState(graph, state, nodes).map((node) => node.id),
    edges: graph.edges.map((edge) => [edgePath(edge.points), edgeState(edge, nodes)]),
  };
});
process.stdout.write(JSON.stringify(said));
