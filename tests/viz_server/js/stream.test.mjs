import assert from "node:assert/strict";
import { test } from "node:test";
import { Stream, TICK } from "../../../viz_server/runreel_server/static/js/stream/stream.js";

/** A stream whose sources and clock the test holds. */
function make(accept = () => true) {
  const sources = [], frames = [], wire = [];
  let now = 1_000_000;
  const stream = new Stream({
    frame: (kind, frame) => (frames.push([kind, frame]), accept(kind, frame)),
    lost: (since, reason) => wire.push(["lost", since, reason]),
    back: () => wire.push(["back"]),
  }, {
    open: (url) => {
      const source = Object.assign(new EventTarget(), { url, readyState: 0, closed: false, close() { this.closed = true; this.readyState = 2; } });
      sources.push(source);
      return source;
    },
    now: () => now,
    random: () => 1,
  });
  const emit = (kind, data, id = "", source = sources.at(-1)) => source.dispatchEvent(Object.assign(new Event(kind), { data: JSON.stringify(data), lastEventId: id }));
  const fail = (readyState = 2) => {
    sources.at(-1).readyState = readyState;
    sources.at(-1).dispatchEvent(new Event("error"));
  };
  /** Let time pass, with a tick each TICK; until a new source is made where `until` says so. */
  const pass = (milliseconds, until = () => false) => {
    const begun = now;
    while (now - begun < milliseconds && !until()) {
      now += TICK;
      stream.tick();
    }
    return now - begun;
  };
  const again = () => {
    const before = sources.length;
    return pass(60_000, () => sources.length > before);
  };
  return { stream, sources, frames, wire, emit, fail, pass, again, jump: (milliseconds) => (now += milliseconds), open: () => sources.filter((one) => !one.closed).length };
}

const watched = (names = ["run:a"]) => {
  const made = make();
  made.stream.watch(names);
  made.emit("snapshot", { watch: names[0], position: "1", state: {} }, "t1");
  return made;
};

test("all that is watched comes over one source, its frames by their kind", () => {
  const { stream, sources, frames, emit } = make();
  stream.watch(["run:a", "runs"]);
  assert.equal(sources[0].url, "/api/v1/stream?watch=run%3Aa&watch=runs");
  for (const kind of ["snapshot", "delta", "ping", "gone"]) emit(kind, { watch: "run:a" });
  assert.deepEqual(frames.map(([kind]) => kind), ["snapshot", "delta", "ping", "gone"]);
});

test("who asks for all anew when the wire is back has no token from the frame that brought it back", () => {
  const { stream, sources, emit, fail, again } = watched();
  fail();
  again();
  const { back } = stream.handlers;
  stream.handlers.back = () => (back(), stream.renew());
  emit("snapshot", { watch: "run:a", position: "2", state: {} }, "t2");
  again();
  assert.equal(sources.at(-1).url, "/api/v1/stream?watch=run%3Aa");
});

test("another thing to watch is had from the last token on, by one source, and nobody hears of a loss", () => {
  const { stream, sources, wire, open } = watched();
  stream.watch(["run:a", "run:b"]);
  assert.equal(sources[1].url, "/api/v1/stream?watch=run%3Aa&watch=run%3Ab&after=t1");
  assert.equal(open(), 1);
  stream.watch(["run:a", "run:b"]);
  assert.equal(sources.length, 2, "the same again changes nothing");
  assert.deepEqual(wire, []);
});

test("what was had elsewhere is gone on with from there, until a token has it", () => {
  const { stream, sources, emit, again, fail } = watched();
  stream.watch(["run:a", "run:b"], ["b7"]);
  assert.equal(sources[1].url, "/api/v1/stream?watch=run%3Aa&watch=run%3Ab&after=t1&after=b7");
  fail();
  again();
  assert.equal(sources[2].url, sources[1].url);
  emit("delta", { watch: "run:b", from: "7", position: "8" }, "t2");
  fail();
  again();
  assert.equal(sources[3].url, "/api/v1/stream?watch=run%3Aa&watch=run%3Ab&after=t2");
  stream.renew();
  again();
  assert.equal(sources[4].url, "/api/v1/stream?watch=run%3Aa&watch=run%3Ab");
});

test("who watches nothing holds no connection, and goes on from the token later", () => {
  const { stream, sources, open, pass } = watched();
  stream.watch([]);
  assert.equal(open(), 0);
  pass(60_000);
  assert.equal(sources.length, 1);
  stream.watch(["run:a"]);
  assert.equal(sources[1].url, "/api/v1/stream?watch=run%3Aa&after=t1");
});

test("a source that an error closed is made anew, later each time, from the last token", () => {
  const { sources, fail, again, wire, emit } = watched();
  const waits = [];
  for (let n = 0; n < 8; n++) {
    fail();
    waits.push(again());
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  assert.equal(sources[8].url, "/api/v1/stream?watch=run%3Aa&after=t1");
  assert.deepEqual(wire, [["lost", 1_000_000, ""]], "it is said once, with the moment of the last frame");
  emit("delta", { position: "2" }, "t2");
  assert.deepEqual(wire.at(-1), ["back"]);
  fail();
  assert.equal(again(), 500, "a frame makes up for the failures");
});

test("a source that the browser would reopen is not left to it", () => {
  const { sources, fail, again, open } = watched();
  fail(0);
  assert.equal(sources[0].closed, true);
  again();
  assert.equal(open(), 1);
});

test("silence is said within three seconds, and the source given up after five", () => {
  const { sources, wire, pass, emit } = watched();
  assert.ok(pass(10_000, () => wire.length) <= 3000);
  assert.deepEqual(wire, [["lost", 1_000_000, ""]]);
  assert.equal(sources[0].closed, false);
  assert.ok(pass(10_000, () => sources[0].closed) <= 2750);
  pass(500, () => sources.length > 1);
  emit("ping", { position: "1" });
  assert.deepEqual(wire.at(-1), ["back"]);
});

test("what comes late on a source that is only quiet is heard", () => {
  const { sources, wire, pass, emit, frames } = watched();
  pass(4000);
  emit("delta", { position: "2" });
  assert.deepEqual(wire.map(([kind]) => kind), ["lost", "back"]);
  assert.equal(frames.length, 2);
  assert.equal(sources.length, 1);
});

test("a server that reads a run first is given time", () => {
  const { stream, sources, pass } = make();
  stream.watch(["run:a"]);
  pass(9000);
  assert.equal(sources.length, 1);
  assert.ok(pass(10_000, () => sources[0].closed) <= 1250);
});

test("a machine that slept goes on at once, from the token, and says since when it heard nothing", () => {
  const { stream, sources, wire, jump } = watched();
  jump(3_600_000);
  stream.tick();
  assert.deepEqual(wire, [["lost", 1_000_000, ""]]);
  assert.equal(sources[0].closed, true);
  assert.equal(sources[1].url, "/api/v1/stream?watch=run%3Aa&after=t1");
});

test("whoever wakes it need not wait, and does not disturb what is well", () => {
  const { stream, sources, fail, pass } = watched();
  stream.wake();
  assert.equal(sources.length, 1);
  for (let n = 0; n < 6; n++) {
    fail();
    pass(60_000, () => !sources.at(-1).closed);
  }
  fail();
  const before = sources.length;
  stream.wake();
  assert.equal(sources.length, before + 1);
});

test("a frame that does not fit asks for snapshots: a source without a token, and not in a circle", () => {
  const made = make((kind) => kind !== "delta"), { stream, sources, emit, pass } = made;
  stream.watch(["run:a"]);
  emit("snapshot", { position: "1", state: {} }, "t1");
  emit("delta", { from: "7", position: "8" }, "t8");
  assert.equal(sources.length, 1, "at the next tick");
  pass(TICK);
  assert.equal(sources[1].url, "/api/v1/stream?watch=run%3Aa");
});

test("bye is obeyed: nobody comes back before it says so, and not all at once", () => {
  const { stream, sources, emit, again, wire } = watched();
  emit("bye", { retry_ms: 5000, reason: "full" });
  assert.equal(sources[0].closed, true);
  assert.deepEqual(wire, [["lost", 1_000_000, "full"]]);
  stream.wake();
  stream.watch(["run:a", "run:b"]);
  assert.equal(sources.length, 1);
  assert.equal(again(), 6250, "with the most that chance adds");
  assert.equal(sources[1].url, "/api/v1/stream?watch=run%3Aa&watch=run%3Ab&after=t1");
});

test("a server that says why after the wire was cut is quoted, once", () => {
  const { emit, fail, again, wire } = watched();
  fail();
  for (let n = 0; n < 3; n++) {
    again();
    emit("bye", { retry_ms: 300, reason: "full" });
  }
  assert.deepEqual(wire, [["lost", 1_000_000, ""], ["lost", 1_000_000, "full"]]);
});

test("what an old source still says is not heard", () => {
  const { stream, sources, frames, emit } = watched();
  stream.watch(["run:a", "runs"]);
  emit("delta", { position: "2" }, "t2", sources[0]);
  sources[0].dispatchEvent(new Event("error"));
  assert.equal(frames.length, 1);
  assert.equal(sources.length, 2);
});
