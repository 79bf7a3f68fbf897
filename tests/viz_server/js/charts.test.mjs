// What the charts do with numbers: smoothing, the table that is saved, the axis of many lines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { csv } from "../../../viz_server/runreel_server/static/js/charts/figure.js";
import { smoothed } from "../../../viz_server/runreel_server/static/js/charts/options.js";
import { Panel } from "../../../viz_server/runreel_server/static/js/charts/panel.js";

test("smoothing begins where the values begin, keeps a constant, and leaves gaps", () => {
  assert.deepEqual(smoothed([4, 4, 4], 0.9).map((one) => Math.round(one * 1e9) / 1e9), [4, 4, 4]);
  const [first, , gap, last] = smoothed([10, 20, NaN, 20], 0.5);
  assert.equal(first, 10);
  assert.ok(Number.isNaN(gap));
  assert.ok(last > 16 && last < 20);
  assert.deepEqual(smoothed([1, Infinity, 3], 0.5)[1], Infinity);
});

test("a saved table quotes its names, spells what is no number, and is no formula", () => {
  const text = csv({ '=cmd|"x"!A1:loss': { at: [0, 1], time: [1_795_338_000_000_000, 1_795_338_000_500_000], value: [0.5, "NaN"], count: 2 } });
  assert.deepEqual(text.split("\n"), [
    "series,at,time,value",
    `"'=cmd|""x""!A1:loss",0,2026-11-22T09:00:00Z,0.5`,
    `"'=cmd|""x""!A1:loss",1,2026-11-22T09:00:00.500000Z,NaN`,
    "",
  ]);
});

test("a logarithmic axis reaches whole decades and leaves out what has no place on it", () => {
  const reach = Panel.prototype.reach;
  assert.deepEqual(reach([{ xs: [0, 1, 2, 3], ys: [0.03, 7, 0, -1] }], [0, 3], true), [0.01, 10]);
  assert.deepEqual(reach([{ xs: [0], ys: [-1] }], [0, 1], true), [1, 10]);
});

test("another run's line does not flatten this run's, unless it is alone", () => {
  const reach = Panel.prototype.reach, before = { xs: [0, 1], ys: [0, 1000], whole: true };
  assert.deepEqual(reach([before, { xs: [0, 1], ys: [0, 1] }], [0, 1], false), [0, 1]);
  assert.deepEqual(reach([before, { xs: [], ys: [] }], [0, 1], false), [0, 1000]);
});
