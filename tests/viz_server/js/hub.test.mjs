import assert from "node:assert/strict";
import { test } from "node:test";
import { Hub } from "../../../viz_server/runreel_server/static/js/stream/hub.js";

/** A hub on streams that the test speaks for, and tabs that answer as long as they are awake. */
function make() {
  const streams = [];
  const hub = new Hub((handlers) => {
    const stream = { handlers, names: [], watched: [], woken: 0, renewed: 0, after: [], watch(names, after = []) { this.names = names; this.watched.push(names); this.after.push(...after); }, tick() {}, wake() { this.woken += 1; }, renew() { this.renewed += 1; } };
    streams.push(stream);
    return stream;
  });
  const tab = (...names) => tabAt(undefined, ...names);
  /** One that has a state already. */
  const tabAt = (here, ...names) => {
    const heard = [], waiting = [];
    const port = { onmessage: null, closed: false, close() { this.closed = true; }, postMessage(message) { waiting.push(structuredClone(message)); if (made.awake) made.read(); } };
    const made = {
      port, heard, waiting, awake: true,
      say: (message) => port.onmessage({ data: message }),
      read() {
        while (waiting.length) {
          heard.push(waiting.shift());
          made.say({ heard: true });
        }
      },
      frames: () => heard.flatMap((one) => (one.frame ? [one.frame] : [])).map(([kind, frame]) => `${kind} ${frame.position ?? frame.reason}`),
    };
    hub.join(port);
    made.say({ watch: names, here });
    return made;
  };
  const snapshot = (name, position, state = {}, stream = streams[0]) => stream.handlers.frame("snapshot", { watch: name, position, state });
  const delta = (name, from, position, patch = {}, stream = streams[0]) => stream.handlers.frame("delta", { watch: name, from, position, patch });
  const beats = (number) => {
    for (let n = 0; n < number; n++) hub.beat();
  };
  return { hub, streams, tab, tabAt, snapshot, delta, beats };
}

test("ten tabs are one stream, and each gets what it watches", () => {
  const { streams, tab, snapshot, delta } = make();
  const tabs = Array.from({ length: 10 }, (_, n) => tab(`run:${n}`));
  assert.equal(streams.length, 1);
  assert.equal(streams[0].names.length, 10);
  tabs.forEach((_, n) => snapshot(`run:${n}`, "1", { n }));
  assert.ok(delta("run:3", "1", "2", { n: 33 }));
  assert.deepEqual(tabs.map((one) => one.frames().length), [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]);
});

test("a second tab on the same thing has its state at once, and the stream is left alone", () => {
  const { streams, tab, snapshot, delta } = make();
  const first = tab("run:a");
  snapshot("run:a", "1", { n: 1, gone: true });
  delta("run:a", "1", "2", { n: 2, gone: null });
  const second = tab("run:a");
  assert.equal(streams[0].watched.length, 1);
  assert.deepEqual(second.heard, [{ frame: ["snapshot", { watch: "run:a", position: "2", state: { n: 2 } }] }]);
  delta("run:a", "2", "3", { n: 3 });
  assert.deepEqual(first.frames(), ["snapshot 1", "delta 2", "delta 3"]);
  assert.deepEqual(second.frames(), ["snapshot 2", "delta 3"]);
});

test("a tab that has the state goes on from it, and no snapshot is asked for", () => {
  const { streams, tab, tabAt, snapshot, delta } = make();
  const [here, names] = [{ position: "1", token: "t1" }, ["run:a"]], first = tabAt(here, ...names);
  assert.deepEqual([streams[0].names, streams[0].after], [names, ["t1"]]);
  assert.ok(delta("run:a", "1", "2", { n: 2 }));
  const same = tabAt({ position: "2", token: "t2" }, ...names);
  assert.ok(delta("run:a", "2", "3"));
  assert.deepEqual([first.frames(), same.frames(), streams[0].renewed], [["delta 2", "delta 3"], ["delta 3"], 0]);
  const other = tab("run:a"); // it has nothing, and from deltas alone no state can be had
  assert.equal(streams[0].renewed, 1);
  assert.equal(delta("run:a", "3", "4"), false);
  snapshot("run:a", "4", { n: 4 });
  assert.deepEqual(other.frames(), ["snapshot 4"]);
  assert.equal(first.frames().at(-1), "snapshot 4");
  assert.deepEqual(tab("run:a").frames(), ["snapshot 4"]);
});

test("a page that is loaded again goes on from its new state, whatever the stream had", () => {
  const { streams, tabAt, delta, hub } = make();
  const first = tabAt({ position: "1", token: "t1" }, "run:a");
  delta("run:a", "1", "2");
  first.say({ bye: true });
  const again = tabAt({ position: "5", token: "t5" }, "run:a");
  assert.deepEqual([streams[0].after, streams[0].renewed], [["t1", "t5"], 0]);
  assert.ok(delta("run:a", "5", "6"));
  assert.deepEqual(again.frames(), ["delta 6"]);
  assert.equal(streams[0].handlers.frame("ping", { watch: "run:a", position: "9" }), false, "a ping from elsewhere");
  assert.equal(hub.topics.get("run:a").bare, false);
});

test("a thing whose state a tab has comes to a line that carries others", () => {
  const { streams, tab, tabAt, snapshot, delta } = make();
  const other = tab("run:b"), second = tab("run:a");
  snapshot("run:b", "1", { n: 1 });
  snapshot("run:a", "7", { n: 7 });
  const late = tabAt({ position: "6", token: "t6" }, "run:a"); // the hub is ahead of it
  assert.deepEqual([late.frames(), second.frames(), streams[0].after], [["snapshot 7"], ["snapshot 7"], []]);
  const third = tabAt({ position: "3", token: "t3" }, "run:c");
  assert.deepEqual([streams[0].names, streams[0].after], [["run:b", "run:a", "run:c"], ["t3"]]);
  delta("run:c", "3", "4");
  delta("run:b", "1", "2", { n: 2 });
  assert.deepEqual([third.frames(), other.frames()], [["delta 4"], ["snapshot 1", "delta 2"]]);
});

test("what nobody watches any more is let go after a while, not at a reload", () => {
  const { streams, tab, snapshot, beats, hub } = make();
  const one = tab("run:a"), other = tab("run:b");
  one.say({ bye: true });
  assert.equal(one.port.closed, true);
  beats(2);
  const again = tab("run:a");
  beats(9);
  assert.deepEqual(streams[0].names, ["run:a", "run:b"]);
  again.say({ bye: true });
  beats(4);
  assert.deepEqual(streams[0].names, ["run:b"]);
  other.say({ bye: true });
  beats(4);
  assert.deepEqual([streams[0].names, hub.lines, hub.topics.size], [[], [], 0]);
  tab("run:c");
  snapshot("run:c", "1", {}, streams[1]);
  assert.equal(streams.length, 2);
});

test("a thing that comes back before the token has forgotten it goes on from there", () => {
  const { streams, tab, snapshot, delta, beats } = make();
  const one = tab("run:a");
  tab("run:b");
  snapshot("run:a", "1", { n: 1 });
  snapshot("run:b", "1", {});
  one.say({ bye: true });
  beats(4);
  assert.deepEqual(streams[0].names, ["run:b"]);
  const back = tab("run:a"); // no frame of the shorter stream has come: the token still has run:a at 1
  assert.equal(delta("run:a", "1", "2", { n: 2 }), true);
  assert.deepEqual(back.frames(), ["snapshot 1", "delta 2"]);
  back.say({ bye: true });
  beats(4);
  delta("run:b", "1", "2"); // now the token is one without it
  tab("run:a");
  assert.equal(delta("run:a", "2", "3"), false);
});

test("a frozen tab costs a bounded number of messages, holds up nobody, and has a snapshot when it thaws", () => {
  const { tab, snapshot, delta, beats } = make();
  const frozen = tab("run:a"), other = tab("run:a");
  snapshot("run:a", "0", { n: 0 });
  frozen.awake = false;
  for (let n = 0; n < 500; n++) {
    delta("run:a", String(n), String(n + 1), { n: n + 1 });
    if (n % 10 === 9) beats(1); // ten frames a second
  }
  assert.equal(other.frames().length, 501);
  assert.equal(frozen.waiting.length, 30);
  frozen.awake = true;
  frozen.read();
  assert.equal(frozen.frames().at(-1), "snapshot 500");
  assert.deepEqual(frozen.heard.findLast((one) => one.frame).frame[1].state, { n: 500 });
  delta("run:a", "500", "501", {});
  assert.equal(frozen.frames().at(-1), "delta 501");
});

test("all that the server's log holds may come at once, more than that is a snapshot", () => {
  for (const [number, last] of [[600, "delta 600"], [700, "snapshot 700"]]) {
    const { tab, snapshot, delta } = make(), busy = tab("run:a");
    snapshot("run:a", "0", { n: 0 });
    busy.awake = false;
    for (let n = 0; n < number; n++) delta("run:a", String(n), String(n + 1), { n: n + 1 });
    busy.awake = true;
    busy.read();
    assert.equal(busy.frames().at(-1), last);
  }
});

test("a tab that went without a word is let go, and one that only slept comes back", () => {
  const { streams, tab, snapshot, beats } = make();
  const asleep = tab("run:a");
  tab("run:b");
  snapshot("run:a", "1", { n: 1 });
  snapshot("run:b", "1", {});
  asleep.awake = false;
  beats(20);
  assert.deepEqual(streams[0].names, ["run:b"]);
  const waiting = asleep.waiting.length;
  beats(100);
  assert.equal(asleep.waiting.length, waiting);
  asleep.awake = true;
  asleep.read();
  assert.deepEqual(streams[0].names, ["run:b", "run:a"]);
  snapshot("run:a", "9", { n: 9 });
  assert.equal(asleep.frames().at(-1), "snapshot 9");
});

test("a tab that has nothing to hear hears that the worker lives", () => {
  const { tab, snapshot, beats } = make();
  const one = tab("run:a");
  snapshot("run:a", "1");
  beats(3);
  assert.deepEqual(one.heard.slice(1), [{ beat: true }, { beat: true }]);
});

test("a cut wire is told to all, later tabs too, and they get no old state over their fresher one", () => {
  const { streams, tab, snapshot, delta } = make();
  const first = tab("run:a");
  snapshot("run:a", "1", { n: 1 });
  streams[0].handlers.lost(1234, "full");
  const late = tab("run:a");
  for (const one of [first, late]) assert.deepEqual(one.heard.at(-1), { wire: { status: "lost", since: 1234, reason: "full" } });
  assert.deepEqual(late.frames(), []);
  streams[0].handlers.back();
  delta("run:a", "1", "2", { n: 2 });
  assert.equal(first.heard.at(-2).wire.status, "ok");
  assert.deepEqual(first.frames(), ["snapshot 1", "delta 2"]);
  assert.deepEqual(late.frames(), ["snapshot 1", "delta 2"]);
});

test("a frame that does not fit has all wait for snapshots, and a tab that says so gets one from here", () => {
  const { tab, snapshot, delta, streams } = make();
  const one = tab("run:a");
  snapshot("run:a", "1", { n: 1 });
  assert.equal(delta("run:a", "5", "6"), false);
  assert.equal(streams[0].handlers.frame("ping", { watch: "run:a", position: "1" }), true, "it has no position now");
  assert.equal(delta("run:a", "1", "2"), false);
  snapshot("run:a", "7", { n: 7 });
  assert.equal(streams[0].handlers.frame("ping", { watch: "run:a", position: "8" }), false);
  snapshot("run:a", "8", { n: 8 });
  one.say({ watch: ["run:a"] });
  assert.deepEqual(one.frames().slice(-2), ["snapshot 8", "snapshot 8"]);
});

test("what is not there is told to those who come for it", () => {
  const { streams, tab, snapshot } = make();
  const one = tab("run:x");
  streams[0].handlers.frame("gone", { watch: "run:x", reason: "no run x" });
  const other = tab("run:x");
  assert.deepEqual([one.frames(), other.frames()], [["gone no run x"], ["gone no run x"]]);
  snapshot("run:x", "1", {});
  assert.deepEqual(other.frames(), ["gone no run x", "snapshot 1"]);
});

test("more things than one stream carries make a second one", () => {
  const { streams, tab } = make();
  for (let n = 0; n < 25; n++) tab(`run:${n}`);
  assert.deepEqual(streams.map((one) => one.names.length), [20, 5]);
});

test("whoever looks again has all streams try at once", () => {
  const { streams, tab } = make();
  tab("run:a").say({ wake: true });
  assert.equal(streams[0].woken, 1);
});

test("the list of runs stays bounded", () => {
  const { hub, tab, snapshot, delta } = make();
  tab("runs");
  snapshot("runs", "0", { runs: {} });
  for (let n = 0; n < 2100; n++) delta("runs", String(n), String(n + 1), { runs: { [`r${n}`]: { state: "RUNNING" } } });
  const kept = Object.keys(hub.topics.get("runs").state.runs);
  assert.deepEqual([kept.length, kept[0]], [2000, "r100"]);
});

test("the end of a run is told for a tab that is frozen, once, and for one that goes on by itself never", () => {
  const { hub, tab, snapshot, delta, beats } = make(), told = [];
  hub.notify = (...what) => told.push(what);
  const frozen = tab("run:a"), awake = tab("run:b"), closed = tab("run:c");
  for (const name of "abc") snapshot(`run:${name}`, "1", { state: "RUNNING", finished: null });
  for (const one of [frozen, awake, closed]) one.say({ wish: "nightly" });
  frozen.awake = false;
  closed.say({ bye: true });
  beats(60);  // far longer than a tab may leave messages unanswered
  for (const name of "ab") delta(`run:${name}`, "1", "2", { state: "FAILED", finished: "2026-11-22T09:00:00Z" });
  awake.say({ wish: "" });  // it has told it
  beats(10);
  assert.deepEqual(told, [["run:a", "nightly", "FAILED"]]);
});

test("a wish for a run's end outlives the tab that said it last, while another tab of the run is there", () => {
  const { hub, tab, snapshot, delta, beats } = make(), told = [];
  hub.notify = (...what) => told.push(what);
  const frozen = tab("run:a"), second = tab("run:a");
  snapshot("run:a", "1", { state: "RUNNING", finished: null });
  for (const one of [frozen, second]) one.say({ wish: "nightly" });
  second.say({ bye: true });
  frozen.awake = false;
  beats(60);
  delta("run:a", "1", "2", { state: "FAILED", finished: "2026-11-22T09:00:00Z" });
  beats(10);
  assert.deepEqual(told, [["run:a", "nightly", "FAILED"]]);
});
