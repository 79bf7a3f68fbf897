import assert from "node:assert/strict";
import { test } from "node:test";
import { Scheduler } from "../../../viz_server/runreel_server/static/js/scheduler.js";

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
