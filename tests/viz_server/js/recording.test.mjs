import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Store } from "../../../viz_server/runreel_server/static/js/core/store.js";

// The exchange that the server's tests hold it to, and that docs/stream.md describes.
const RECORDED = readFileSync(new URL("../../../docs/stream.jsonl", import.meta.url), "utf8").trim().split("\n").map((line) => JSON.parse(line));

const bare = (value) => { // absent and null mean the same
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null).map(([name, one]) => [name, bare(one)]));
};

test("the store makes of the recorded frames what the last snapshot says", () => {
  const store = new Store({ run: "r", at: null, now: 0, state: { steps: {} }, past: null, graph: { width: 0, height: 0, nodes: [], edges: [] } }, () => 0);
  const heard = { points: [], lines: [], graph: 0 };
  store.on(["points"], (points) => points && heard.points.push(points));
  store.on(["lines"], (lines) => lines && heard.lines.push(lines));
  store.on(["graph"], () => (heard.graph += 1));
  const last = RECORDED.findLastIndex(({ event }) => event === "snapshot");
  for (const [number, { event, data }] of RECORDED.entries()) {
    if (!["snapshot", "delta", "ping"].includes(event)) continue;
    if (number === last) assert.deepEqual(bare(store.live), bare(data.state));
    assert.equal(store.apply(event, structuredClone(data)), true, `frame ${number}`);
  }
  assert.equal(store.live.steps.train.state, "FAILED");
  assert.deepEqual(heard.points.map((points) => points["train:loss"].value), [[0.75, "NaN", 0.5]]);
  assert.deepEqual(heard.lines.flatMap(({ last }) => last.map(({ text }) => text)), ["a late file"]);
  assert.equal(heard.graph, 1, "only the first snapshot has new steps");
});

test("a recorded delta fits nowhere but at its position", () => {
  const store = new Store({ run: "r", at: null, now: 0, state: {}, past: null, graph: { width: 0, height: 0, nodes: [], edges: [] } }, () => 0);
  const deltas = RECORDED.filter(({ event }) => event === "delta");
  store.apply("snapshot", structuredClone(RECORDED.find(({ event }) => event === "snapshot").data));
  assert.equal(store.apply("delta", deltas[1].data), false);
  assert.equal(store.apply("delta", deltas[0].data), true);
});
