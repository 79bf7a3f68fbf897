import assert from "node:assert/strict";
import { test } from "node:test";
import { follow } from "../../../viz_server/runreel_server/static/js/stream.js";

/** A stream whose sources and timers the test holds. */
function make(accept = () => true) {
  const sources = [], timers = new Set(), frames = [];
  let lost = 0;
  const stream = follow("/stream", { frame: (kind, frame) => (frames.push([kind, frame]), accept(kind, frame)), lost: () => (lost += 1) }, {
    open: (url) => {
      const source = Object.assign(new EventTarget(), { url, readyState: 0, closed: false, close() { this.closed = true; this.readyState = 2; } });
      sources.push(source);
      return source;
    },
    later: (act, milliseconds) => {
      const timer = { act, milliseconds };
      timers.add(timer);
      return timer;
    },
    cancel: (timer) => timers.delete(timer),
    random: () => 1,
  });
  const emit = (source, kind, data, id = "") => source.dispatchEvent(Object.assign(new Event(kind), { data: JSON.stringify(data), lastEventId: id }));
  const fail = (source, readyState) => {
    source.readyState = readyState;
    source.dispatchEvent(new Event("error"));
  };
  const fire = (least = 0, most = Infinity) => {
    const timer = [...timers].find((one) => one.milliseconds >= least && one.milliseconds <= most);
    timers.delete(timer);
    timer.act();
    return timer.milliseconds;
  };
  return { stream, sources, timers, frames, emit, fail, fire, lost: () => lost };
}

const SILENT = 6000;

test("frames are passed on by their kind", () => {
  const { sources, frames, emit } = make();
  emit(sources[0], "snapshot", { position: "1", state: {} });
  emit(sources[0], "delta", { from: "1", position: "2", patch: {} });
  assert.deepEqual(frames.map(([kind]) => kind), ["snapshot", "delta"]);
});

test("a source that an error closed is made anew, from the last token, later each time", () => {
  const { sources, emit, fail, fire, lost } = make();
  emit(sources[0], "ping", { position: "1" }, "tok/1");
  const waits = [];
  for (let n = 0; n < 8; n++) {
    fail(sources.at(-1), 2);
    waits.push(fire());
  }
  assert.equal(sources.length, 9);
  assert.equal(sources[1].url, "/stream?after=tok%2F1");
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  assert.equal(lost(), 8);
});

test("a source that the browser reopens itself is left to it", () => {
  const { sources, fail, timers, lost } = make();
  fail(sources[0], 0);
  assert.equal(sources.length, 1);
  assert.equal(lost(), 1);
  assert.deepEqual([...timers].map((one) => one.milliseconds), [SILENT]);
});

test("a silent source is given up", () => {
  const { sources, fire, lost } = make();
  fire(SILENT, SILENT);
  assert.equal(lost(), 1);
  assert.equal(sources[0].closed, true);
  fire(0, SILENT - 1);
  assert.equal(sources.length, 2);
});

test("a frame that does not fit asks for a snapshot: a source without a token", () => {
  const { sources, emit, fire } = make((kind) => kind !== "delta");
  emit(sources[0], "snapshot", { position: "1", state: {} }, "t1");
  emit(sources[0], "delta", { from: "7", position: "8" }, "t8");
  assert.equal(fire(0, SILENT - 1), 0);
  assert.equal(sources[1].url, "/stream");
});

test("bye is obeyed: the page comes back when it is told to", () => {
  const { sources, emit, fire } = make();
  emit(sources[0], "snapshot", { position: "1", state: {} }, "t1");
  emit(sources[0], "bye", { retry_ms: 1234, reason: "full" });
  assert.equal(sources[0].closed, true);
  assert.equal(fire(0, SILENT - 1), 1234);
  assert.equal(sources[1].url, "/stream?after=t1");
});

test("what an old source still says is not heard", () => {
  const { sources, frames, emit, fail, fire } = make();
  fail(sources[0], 2);
  fire();
  emit(sources[0], "ping", { position: "1" });
  assert.deepEqual(frames, []);
});

test("a closed stream stays closed", () => {
  const { stream, sources, timers } = make();
  stream.close();
  assert.equal(sources[0].closed, true);
  assert.equal(timers.size, 0);
});
