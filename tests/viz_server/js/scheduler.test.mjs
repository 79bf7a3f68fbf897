import assert from "node:assert/strict";
import { test } from "node:test";
import { Scheduler } from "../../../viz_server/runreel_server/static/js/core/scheduler.js";

/** A scheduler whose frames and clock the test holds. */
function make() {
  let now = 0, frame = null;
  const scheduler = new Scheduler({ frame: (act) => (frame = act), now: () => now });
  return {
    scheduler,
    pass: (milliseconds) => (now += milliseconds),
    next: () => {
      const act = frame;
      frame = null;
      act?.();
      return act !== null;
    },
  };
}

test("several requests before a frame are one draw", () => {
  const { scheduler, next } = make();
  let draws = 0;
  scheduler.add("a", () => (draws += 1));
  scheduler.request("a");
  scheduler.request("a");
  next();
  assert.equal(draws, 1);
  assert.equal(next(), false, "nothing waits");
});

test("text is drawn before charts", () => {
  const { scheduler, next } = make();
  const order = [];
  scheduler.add("chart", () => order.push("chart"), 2);
  scheduler.add("text", () => order.push("text"), 0);
  scheduler.requestAll();
  next();
  assert.deepEqual(order, ["text", "chart"]);
});

test("a frame ends after its 6 ms, and the rest comes in the next", () => {
  const { scheduler, pass, next } = make();
  const order = [];
  for (const key of ["a", "b", "c"]) scheduler.add(key, () => (order.push(key), pass(4)), 2);
  scheduler.requestAll();
  next();
  assert.deepEqual(order, ["a", "b"]);
  next();
  assert.deepEqual(order, ["a", "b", "c"]);
});

test("after a rest one frame draws more, so that a click is answered at once, and not again while it goes on", () => {
  const { scheduler, pass, next } = make();
  let order = "";
  for (const key of "abcdefgh") scheduler.add(key, () => ((order += key), pass(4)), 2);
  const drawn = (rest) => {
    pass(rest);
    order = "";
    scheduler.requestAll();
    next();
    return order.length;
  };
  assert.equal(drawn(1000), 8);
  assert.equal(drawn(10), 0, "none of them is due");
  assert.ok(drawn(100) < 8);
  assert.equal(drawn(1000), 8);
});

test("nothing is drawn more than ten times a second, and nothing asked for is forgotten", () => {
  const { scheduler, pass, next } = make();
  let draws = 0;
  scheduler.add("a", () => (draws += 1));
  for (let frame = 0; frame < 60; frame++) {
    scheduler.request("a");
    next();
    pass(1000 / 60);
  }
  assert.ok(draws >= 8 && draws <= 10, `${draws} draws in a second`);
  pass(100);
  next();
  assert.equal(next(), false);
});

test("the first change after a pause is drawn in the next frame, what follows waits for its tenth of a second", () => {
  const { scheduler, pass, next } = make(), drawn = [];
  let now = 0;
  const at = (milliseconds) => (pass(milliseconds - now), (now = milliseconds));
  scheduler.add("a", () => drawn.push(now));
  for (const time of [5000, 5016, 5032, 5099, 5100, 5116, 5199, 5200, 9000]) {
    at(time);
    scheduler.request("a");
    next();
  }
  assert.deepEqual(drawn, [5000, 5100, 5200, 9000]);
});

test("what waited longest is drawn first, so that nothing starves", () => {
  const { scheduler, pass, next } = make();
  const counts = { a: 0, b: 0, c: 0 };
  for (const key of Object.keys(counts)) scheduler.add(key, () => ((counts[key] += 1), pass(6)), 2);
  for (let frame = 0; frame < 120; frame++) {
    scheduler.requestAll();
    next();
    pass(10);
  }
  assert.ok(Math.max(...Object.values(counts)) - Math.min(...Object.values(counts)) <= 1, JSON.stringify(counts));
});

test("text that takes a whole frame each time does not keep the rest of the page in the past", () => {
  const { scheduler, pass, next } = make();
  let text = 0, shapes = 0;
  scheduler.add("text", () => ((text += 1), pass(20)), 0);
  scheduler.add("shapes", () => (shapes += 1), 1);
  for (let frame = 0; frame < 40; frame++) { // a slow machine: ten frames a second
    scheduler.requestAll();
    next();
    pass(100);
  }
  assert.ok(shapes >= 8, `${shapes} of 40`);
  assert.ok(text >= 20, `${text} of 40`);
});

test("what is out of view waits until it is seen", () => {
  const { scheduler, next } = make();
  let draws = 0;
  scheduler.add("a", () => (draws += 1));
  scheduler.seen([{ target: "a", isIntersecting: false }]);
  scheduler.request("a");
  assert.equal(next(), false);
  scheduler.seen([{ target: "a", isIntersecting: true }]);
  next();
  assert.equal(draws, 1);
});

test("what was removed is not drawn", () => {
  const { scheduler, next } = make();
  scheduler.add("a", () => assert.fail("drawn"));
  scheduler.request("a");
  scheduler.remove("a");
  next();
});

test("what takes long is drawn less often, so that it has a tenth of the time", () => {
  const { scheduler, pass, next } = make();
  let draws = 0;
  scheduler.add("a", () => ((draws += 1), pass(40)));
  for (let frame = 0; frame < 100; frame++) { // two seconds and what it draws
    scheduler.request("a");
    next();
    pass(20);
  }
  assert.ok(draws >= 4 && draws <= 6, `${draws} draws of 40 ms in two seconds`);
});

test("what only waits for its time holds up no frames, nor what is asked for meanwhile", () => {
  let now = 0;
  const frames = [], timers = [], drawn = [];
  const scheduler = new Scheduler({ frame: (act) => frames.push(act), later: (act, delay) => timers.push([act, delay]), now: () => now });
  for (const key of ["a", "b"]) scheduler.add(key, () => drawn.push(key));
  scheduler.request("a");
  frames.shift()();
  scheduler.request("a");
  frames.shift()();
  assert.deepEqual([drawn, frames.length, timers.length], [["a"], 0, 1]);
  const [ring, delay] = timers[0];
  assert.ok(delay > 80 && delay <= 100, `in ${delay} ms`);
  scheduler.request("b");
  frames.shift()();
  assert.deepEqual(drawn, ["a", "b"]);
  ring();
  assert.equal(frames.length, 0, "another timer has its place");
  now = 100;
  timers[1][0]();
  frames.shift()();
  assert.deepEqual([drawn, frames.length], [["a", "b", "a"], 0]);
});

test("what goes out of view is let go of, and drawn anew when it comes back", () => {
  const { scheduler, pass, next } = make(), told = [];
  scheduler.add("a", () => told.push("drawn"), 2, () => told.push("left"));
  scheduler.request("a");
  next();
  scheduler.seen([{ target: "a", isIntersecting: false }]);
  assert.equal(next(), false);
  pass(1000);
  scheduler.seen([{ target: "a", isIntersecting: true }]);
  next();
  assert.deepEqual(told, ["drawn", "left", "drawn"]);
});
