import assert from "node:assert/strict";
import { test } from "node:test";
import { merge } from "../../../viz_server/runreel_server/static/js/core/patch.js";
import { Store } from "../../../viz_server/runreel_server/static/js/core/store.js";

const graph = { width: 0, height: 0, nodes: [], edges: [] };

function make(state = { id: "r", state: "RUNNING", started: "2026-11-22T09:00:00Z", steps: {} }) {
  let here = 1_000_000;
  const store = new Store({ run: "r", at: null, now: 1_795_338_000_000_000, state, past: null, graph }, () => here);
  const heard = [];
  for (const kind of ["state", "time", "graph", "points", "lines", "wire"]) store.on([kind], (detail) => heard.push([kind, detail]));
  return { store, heard, pass: (milliseconds) => (here += milliseconds) };
}

test("a merge patch follows RFC 7396", () => { // the cases of its appendix A
  const cases = [
    [{ a: "b" }, { a: "c" }, { a: "c" }], [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }], [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }], [{ a: ["b"] }, { a: "c" }, { a: "c" }], [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }], [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [["a", "b"], ["c", "d"], ["c", "d"]], [{ a: "b" }, ["c"], ["c"]], [{ a: "foo" }, null, null], [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }], [[1, 2], { a: "b", c: null }, { a: "b" }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of cases) assert.deepEqual(merge(structuredClone(target), patch), result);
});

test("a step called __proto__ is a step, and changes no prototype", () => {
  const patched = merge({}, JSON.parse('{"__proto__": {"state": "RUNNING"}}'));
  assert.deepEqual(Object.keys(patched), ["__proto__"]);
  assert.equal({}.state, undefined);
});

test("a page that has its state goes on from it by the stream's first frame", async () => {
  const state = { id: "r", state: "RUNNING", steps: {}, events: 6 };
  for (const [kind, frame] of [["ping", { position: "5" }], ["delta", { from: "5", position: "6", patch: { events: 7 } }]]) {
    const store = new Store({ run: "r", at: null, now: 1_795_338_000_000_000, state, past: null, graph, here: { position: "5", token: "t" } });
    assert.equal(store.apply("delta", { from: "4", position: "5", patch: {} }), false);
    assert.equal(store.apply("ping", { position: "4" }), false);
    assert.equal(store.apply(kind, frame), true);
    await store.begun;
  }
});

test("a delta applies only from the position that the page has", () => {
  const { store } = make();
  assert.equal(store.apply("snapshot", { position: "5", state: { id: "r", state: "RUNNING", steps: {} } }), true);
  assert.equal(store.apply("delta", { from: "5", position: "6", patch: { events: 7 } }), true);
  assert.equal(store.live.events, 7);
  assert.equal(store.apply("delta", { from: "5", position: "6", patch: { events: 8 } }), false);
  assert.equal(store.live.events, 7);
  assert.equal(store.position, "6");
});

test("a ping with another position says that a frame was missed", () => {
  const { store } = make();
  assert.equal(store.apply("ping", { position: "9", now: "2026-11-22T09:10:00Z" }), true, "before a snapshot none is missed");
  store.apply("snapshot", { position: "5", state: store.live });
  assert.equal(store.apply("ping", { position: "5", now: "2026-11-22T09:10:00Z" }), true);
  assert.equal(store.apply("ping", { position: "6", now: "2026-11-22T09:10:00Z" }), false);
});

test("a snapshot replaces everything, and has points and lines asked for anew", () => {
  const { store, heard } = make({ id: "r", state: "RUNNING", steps: { old: { state: "RUNNING" } } });
  store.apply("snapshot", { position: "1", state: { id: "r", state: "RUNNING", steps: { new: { state: "PENDING" } } } });
  assert.deepEqual(Object.keys(store.live.steps), ["new"]);
  assert.deepEqual(heard.map(([kind, detail]) => [kind, detail]).filter(([kind]) => kind === "points" || kind === "lines"), [["points", null], ["lines", null]]);
  assert.deepEqual(heard.filter(([kind]) => kind === "graph"), [["graph", "stale"]]);
});

test("a clock that turns out to be wrong has points and lines asked for anew, once", () => {
  const { store, heard } = make(), moved = [];
  store.on(["clock"], () => moved.push(store.position));
  store.apply("snapshot", { position: "1", state: { ...store.live, sessions: { a: { host: "h", offset: 0 } } } });
  heard.length = 0;
  const say = (offset, n) => store.apply("delta", { from: String(n), position: String(n + 1), patch: { sessions: { a: { host: "h", offset }, b: null } } });
  say(0, 1);
  say(3600.5, 2);
  say(3600.5, 3);
  assert.deepEqual(moved, ["3"]);
  assert.deepEqual(heard.filter(([kind]) => kind === "points" || kind === "lines"), [["points", null], ["lines", null]]);
});

test("the graph is asked for when steps or their parents change, not for a change of state", () => {
  const { store, heard } = make({ id: "r", state: "RUNNING", steps: { a: { state: "RUNNING", parents: [] } } });
  store.position = "1";
  const stale = () => heard.filter(([kind]) => kind === "graph").length;
  store.apply("delta", { from: "1", position: "2", patch: { steps: { a: { state: "SUCCEEDED", parents: [] } } } });
  assert.equal(stale(), 0);
  store.apply("delta", { from: "2", position: "3", patch: { steps: { b: { state: "RUNNING", parents: ["a"] } } } });
  assert.equal(stale(), 1);
  store.apply("delta", { from: "3", position: "4", patch: { steps: { b: { parents: [] } } } });
  assert.equal(stale(), 2);
});

test("points and lines of a delta are passed on", () => {
  const { store, heard } = make();
  store.apply("snapshot", { position: "1", state: store.live });
  heard.length = 0;
  const points = { "a:loss": { at: [1], time: [2], value: [3] } }, lines = { count: 1, last: [{ time: 2, text: "x" }] };
  store.apply("delta", { from: "1", position: "2", patch: {}, points, lines });
  assert.deepEqual(heard, [["points", points], ["lines", lines], ["state", undefined]]);
});

test("the present is the server's, and stands still while the wire is cut", () => {
  const { store, pass } = make();
  store.apply("ping", { position: "1", now: "2026-11-22T09:00:10Z" });
  const then = store.present;
  assert.equal(then, 1_795_338_010_000_000);
  pass(2000);
  assert.equal(store.present - then, 2_000_000);
  store.setWire({ status: "lost", since: store.clock(), reason: "" });
  pass(5000);
  assert.equal(store.present - then, 2_000_000);
});

test("a moment is looked at until the page returns to now", () => {
  const { store, pass } = make();
  pass(1000);
  const past = { id: "r", state: "PENDING" };
  store.look({ at: 1_795_338_000_000_000, state: past });
  assert.equal(store.view, past);
  assert.equal(store.href(), "/runs/r?at=2026-11-22T09:00:00Z");
  store.look(null);
  assert.equal(store.view, store.live);
  assert.equal(store.href(), "/runs/r");
});

test("the end of a run that has ended is when it ended", () => {
  const { store, pass } = make({ id: "r", state: "SUCCEEDED", started: "2026-11-22T09:00:00Z", finished: "2026-11-22T09:01:00Z" });
  pass(1e6);
  assert.equal(store.since(store.end), 60);
});

test("a page of the past has the present's own fields, and the past's parts until the stream brings the present's", () => {
  const past = { id: "r", state: "RUNNING", steps: { a: { state: "RUNNING" } } }, state = { id: "r", state: "SUCCEEDED", finished: "2026-11-22T09:20:00Z" };
  const store = new Store({ run: "r", at: "2026-11-22T09:10:00Z", now: 1_795_338_000_000_000, state, past, graph: { width: 0, height: 0, nodes: [], edges: [] } }, () => 0);
  assert.deepEqual([store.ended, store.view.state, Object.keys(store.live.steps)], [true, "RUNNING", ["a"]]);
  store.apply("snapshot", { position: "1", state: { ...state, steps: { a: { state: "SUCCEEDED" }, b: { state: "SUCCEEDED" } } } });
  assert.deepEqual([Object.keys(store.live.steps), Object.keys(store.view.steps)], [["a", "b"], ["a"]]);
});
