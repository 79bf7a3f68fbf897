// How many tasks ran at once, as the lanes of the timeline draw it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TALL, blocksOf, columnsOf, extent, partOf, rowsOf, spansOf, thinned } from "../../../viz_server/runreel_server/static/js/player/density.js";
import { Readings, heat, standing } from "../../../viz_server/runreel_server/static/js/graph/nodes.js";

const span = (s, e, state = "SUCCEEDED") => ({ s, e, state });
const total = (columns, n) => [...columns.values()].reduce((sum, one) => sum + one[n], 0);

test("a column has how many ran at once on the mean", () => {
  const part = { from: 0, step: 1, count: 4 };
  const columns = columnsOf([span(0, 4), span(0.5, 1.5), span(2, 3, "FAILED")], part, 4);
  assert.deepEqual([...columns.get("SUCCEEDED")], [1.5, 1.5, 1, 1]);
  assert.deepEqual([...columns.get("FAILED")], [0, 0, 1, 0]);
});

test("what goes on ends now, and the columns that begin or end within count the part that was", () => {
  const columns = columnsOf([span(0.5, Infinity, "RUNNING"), span(0.5, Infinity, "RUNNING")], { from: 0, step: 1, count: 3 }, 2.25);
  assert.deepEqual([...columns.get("RUNNING")].map((one) => Math.round(one * 100) / 100), [2, 2, 1.47]); // a third of a column, at least
  const brief = columnsOf([span(1, 1, "CACHED")], { from: 1, step: 1, count: 1 }, 5);
  assert.ok(brief.get("CACHED")[0] > 0, "what took no time is there");
});

test("what lies outside of what is shown is not counted", () => {
  const columns = columnsOf([span(0, 1), span(0, 10), span(20, 30)], { from: 4, step: 1, count: 2 }, 30);
  assert.deepEqual([0, 1].map((n) => total(columns, n)), [1, 1]);
});

test("one that failed among 5,000 is seen", () => {
  const spans = Array.from({ length: 5000 }, (_, n) => span(Math.floor(n / 50), Math.floor(n / 50) + 1, n === 2500 ? "FAILED" : "SUCCEEDED"));
  const part = partOf(extent(spans), { from: 0, span: 100 }, 1000), columns = columnsOf(spans, part, 100);
  const blocks = blocksOf(columns, part.count, [0, part.count]), [failed] = blocks.get("FAILED");
  assert.ok(failed.h >= 3 && failed.y + failed.h === TALL, JSON.stringify(failed));
  assert.ok(Math.abs(part.from + failed.from * part.step - 50) < part.step, "where it ran");
  for (const some of blocks.values()) for (const one of some) assert.ok(one.y >= 0 && one.y + one.h <= TALL, JSON.stringify(one));
  assert.ok(blocks.get("SUCCEEDED").length < 6, "columns that are alike are one block");
});

test("columns stand still while the time goes on, and are as many as there is room for, however far one zooms", () => {
  for (const seconds of [0.02, 1, 99, 100, 3600, 1e6]) {
    const part = partOf([0, seconds], { from: 0, span: seconds }, 1000);
    assert.ok(part.count <= 501 && part.count >= 250, `${part.count}`);
    assert.ok(Number.isInteger(Math.log2(part.step)));
  }
  const zoomed = partOf([0, 1e5], { from: 500, span: 1 }, 1000);
  assert.ok(zoomed.count <= 1001 && zoomed.from <= 499.5);
  assert.equal(partOf([0, 1], { from: 500, span: 1 }, 1000).count, 0);
  assert.equal(partOf([Infinity, -Infinity], { from: 0, span: 1 }, 1000).count, 0);
});

test("at a moment what ended later was under way, or silent, and what came later is as it came to be", () => {
  const at = (second) => new Date(second * 1000).toISOString();
  const step = { state: "FAILED", attempts: [{ state: "FAILED", started: at(1), finished: at(3) }, { state: "SUCCEEDED", started: at(4), finished: at(6) }] };
  const states = (then, moment) => spansOf(step, then, 0, moment).map((one) => one.state);
  assert.deepEqual(states(null, Infinity), ["FAILED", "SUCCEEDED"]);
  assert.deepEqual(states({ state: "RUNNING" }, 2e6), ["RUNNING", "SUCCEEDED"]);
  assert.deepEqual(states({ state: "STALLED" }, 5e6), ["FAILED", "STALLED"]);
  assert.deepEqual(spansOf({ state: "RUNNING", started: at(2), finished: null }, null, 1e6), [{ state: "RUNNING", s: 1, e: Infinity }]);
  assert.deepEqual(spansOf({ state: "PENDING" }, null, 0), []);
});

test("bars that overlap take rows of their own, where there is room", () => {
  assert.equal(rowsOf([span(0, 1), span(1, 2), span(0.5, 3)], 4)?.length, 2);
  assert.equal(rowsOf([span(0, 9), span(0, 9), span(0, 9)], 2), null);
});

test("of marks that lie too near to each other the first stands for all", () => {
  const marks = [5, 0, 1, 2].map((at) => ({ at, one: at }));
  assert.deepEqual(thinned(marks, 2).map((one) => [one.one, one.count]), [[0, 2], [2, 1], [5, 1]]);
});

test("a cell of several tasks has the worst state of them, at the moment that the steps are of", () => {
  const node = { id: "x-*", path: "x-*", label: "x", members: [{ path: "x-1", paths: ["x-1", "x-2"], state: "SUCCEEDED", count: 2 }, { path: "x-3", state: "SUCCEEDED", count: 1 }] };
  const steps = { "x-1": { state: "SUCCEEDED", started: "2026-01-01T00:00:01Z", finished: "2026-01-01T00:00:02Z" }, "x-2": { state: "FAILED", started: "2026-01-01T00:00:00Z", finished: "2026-01-01T00:00:09Z" } };
  const { step, tasks } = standing(node, steps);
  assert.deepEqual([step.started, step.finished, tasks.length], ["2026-01-01T00:00:00Z", null, 3]);
  assert.deepEqual(heat(node, steps).paths.map(([state]) => state).sort(), ["FAILED", "PENDING"]);
  const said = new Readings({ nodes: [node], edges: [], width: 0, height: 0 }, { steps }, 0).says(node);
  assert.match(said, /^3 tasks from \d\d:\d\d:\d\d on, 1 failed$/);
});
