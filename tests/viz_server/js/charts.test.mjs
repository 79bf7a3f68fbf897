// What the charts do with numbers: smoothing, the axis of many lines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { local, moment, named } from "../../../viz_server/runreel_server/static/js/charts/figure.js";
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

test("a moment keeps its microseconds, which a Date does not know", () => {
  assert.equal(local(1_795_338_000_000_123), "2026-11-22 09:00:00.000123");
  assert.equal(local(1_795_338_000_999_007), "2026-11-22 09:00:00.999007");
});

test("a moment that Plotly says is read where the reader is, as short as it is said", () => {
  for (const time of [1_795_338_000_123_000, 1_795_338_000_000_000]) assert.equal(moment(local(time)), time);
  assert.equal(moment("2026-11-22 09:00"), 1_795_338_000_000_000);
  assert.equal(moment("2026-11-22"), moment("2026-11-22 00:00:00.0000"));
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

test("a picture names the lines that it has room for, and says how many more there are", () => {
  const few = [{ name: "a" }, { name: "a", showlegend: false }];
  assert.equal(named(few), few);
  const many = Array.from({ length: 60 }, (_, n) => ({ name: `fold-${n}` })), shown = named(many).filter(({ showlegend }) => showlegend !== false);
  assert.equal(shown.length, 41);
  assert.deepEqual([shown[39].name, shown[40].name], ["fold-39", "and 20 more"]);
  assert.equal(named(many).length, 61);
});
