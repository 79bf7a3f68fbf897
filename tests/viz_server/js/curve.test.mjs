import assert from "node:assert/strict";
import { test } from "node:test";
import { axis, bounds, Curve, m4, valueAt } from "../../../viz_server/runreel_server/static/js/charts/curve.js";

const columns = (times, values) => ({ time: times, at: times, value: values }); // a point's index is its own, whoever brings it

test("points that come twice count once", () => {
  const curve = new Curve();
  curve.load(columns([1, 2, 3], [1, 2, 3]));
  curve.append(columns([2, 3, 4], [9, 9, 4]));
  assert.deepEqual(curve.time, [1, 2, 3, 4]);
  assert.deepEqual(curve.value, [1, 2, 3, 4]);
});

test("points of one moment are points of their own", () => { // step.points() without times, two calls in one microsecond
  const curve = new Curve();
  curve.load({ time: [5, 5, 5], at: [0, 1, 2], value: [1, 2, 3] });
  curve.append({ time: [5, 5], at: [2, 3], value: [3, 4] });
  assert.deepEqual(curve.at, [0, 1, 2, 3]);
});

test("what another worker says later of an earlier moment is woven in", () => {
  const curve = new Curve();
  curve.load({ time: [10, 30], at: [0, 2], value: [1, 3] });
  curve.append({ time: [20, 30, 40], at: [1, 2, 3], value: [2, 3, 4] });
  assert.deepEqual([curve.time, curve.value], [[10, 20, 30, 40], [1, 2, 3, 4]]);
});

test("what the stream brought while the points were on the way is kept", () => {
  const curve = new Curve();
  curve.append(columns([4, 5], [4, 5]));
  curve.load(columns([1, 2, 3, 4], [1, 2, 3, 4]));
  assert.deepEqual(curve.value, [1, 2, 3, 4, 5]);
});

test("a curve stays bounded, and keeps its extremes and ends", () => {
  const curve = new Curve();
  curve.load(columns([], []));
  for (let n = 0; n < 40; n++) {
    const times = Array.from({ length: 500 }, (_, i) => n * 500 + i);
    curve.append(columns(times, times.map((t) => (t === 7777 ? 1e6 : t === 5555 ? -1e6 : Math.sin(t)))));
  }
  assert.ok(curve.time.length <= 2400, `${curve.time.length}`);
  assert.equal(Math.max(...curve.value), 1e6);
  assert.equal(Math.min(...curve.value), -1e6);
  assert.equal(curve.time[0], 0);
  assert.equal(curve.time.at(-1), 19_999);
});

test("M4 keeps first, least, greatest, last, and a gap of each bucket", () => {
  const kept = m4([0, 1, 2, 3, 4, 10, 11, 12, 13, 14], [5, 1, 9, 4, 6, 2, NaN, 8, 0, 3], 2);
  assert.deepEqual(kept, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
});

test("not-numbers are gaps, by name or null", () => {
  const curve = new Curve();
  curve.load(columns([1, 2, 3], ["NaN", null, "Infinity"]));
  assert.deepEqual(curve.value, [NaN, NaN, Infinity]);
});

test("the value at a place is the last one before it, up to the last point, and nothing after the moment looked at", () => {
  const curve = new Curve();
  curve.load({ time: [10, 20, 30], at: [0, 5, 7], value: [1, 2, 3] });
  assert.deepEqual([5, 10, 19, 20, 30, 31].map((x) => valueAt(curve.time, curve, x, 99)), [null, 1, 1, 2, 3, null]);
  assert.deepEqual([4.9, 5, 7].map((x) => valueAt(curve.at, curve, x, 20)), [1, 2, null]);
});

test("bounds are round and hold all values", () => {
  for (const values of [[0.26, 0.98], [-3, 17], [336_776, 2], [1e-7, 3e-7], [-5, -1], [99.5, 100.1]]) {
    const [low, high] = bounds(values);
    assert.ok(low <= Math.min(...values) + 1e-12 && high >= Math.max(...values) - 1e-12, `${values}: ${low} ${high}`);
  }
  assert.deepEqual(bounds([]), [0, 1]);
  assert.deepEqual(bounds([0, 0]), [0, 1]);
  assert.deepEqual(bounds([NaN, 4, 4]), [0, 5]);
});

test("an axis is short", () => {
  assert.deepEqual([0, 0.2, 3200, 400_000, 2.5e9, -1500].map(axis), ["0", "0.2", "3.2k", "400k", "2.5G", "−1.5k"]);
});

test("a trend is said in a word", () => {
  const curve = new Curve();
  curve.load(columns(Array.from({ length: 40 }, (_, n) => n), Array.from({ length: 40 }, (_, n) => -n)));
  assert.equal(curve.trend(), ", falling");
});
