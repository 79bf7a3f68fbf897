// Which lines of one chart are nearest to the pointer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Curve } from "../../../viz_server/runreel_server/static/js/charts/curve.js";
import { Panel } from "../../../viz_server/runreel_server/static/js/charts/panel.js";
import { look, Together } from "../../../viz_server/runreel_server/static/js/charts/together.js";

globalThis.Element ??= class {};

/** A chart of 100 by 100 pixels, from 0 to 10 on both axes, of these lines: `[[x, y], …]` by step. */
function chart(lines) {
  const panel = new Panel("*:m", "m");
  for (const [path, points] of Object.entries(lines)) {
    const curve = new Curve();
    curve.load({ time: points.map(([x]) => x), at: points.map(([x]) => x), value: points.map(([, y]) => y) });
    panel.series.push({ key: `${path}:m`, path, name: "m", curve });
  }
  panel.x = panel.y = [0, 10];
  panel.element = { querySelector: () => ({ getBoundingClientRect: () => ({ left: 0, bottom: 100, width: 100, height: 100 }) }) };
  return panel;
}

/** Point at a place of a chart. */
function pointed(panel, x, y, log = false) {
  const together = new Together({ covers: () => true });
  together.point(panel, { target: null, clientY: 100 - y * 10 }, x, { x: "at", log }, { start: 0, moment: Infinity });
  return together;
}

test("the line that is nearest above or below comes first", () => {
  const panel = chart({ a: [[0, 1], [10, 1]], b: [[0, 5], [10, 5]], c: [[0, 9], [10, 9]] });
  assert.deepEqual(pointed(panel, 4, 6).near, ["b", "c", "a"]);
  assert.deepEqual(pointed(panel, 4, 0).near, ["a", "b", "c"]);
});

test("where a line is not, it is as near as its end, and a point that is hit says its value", () => {
  const panel = chart({ a: [[1, 1]], b: [[5, 5]], c: [[9, 9]] }), hit = pointed(panel, 5.3, 5.3);
  assert.deepEqual(hit.near, ["b", "c", "a"]);
  assert.deepEqual([...hit.ends], [["b:m", 5]]);
  assert.deepEqual([...pointed(panel, 7, 5).ends], []);
  hit.leave();
  assert.deepEqual([hit.near, [...hit.ends]], [[], []]);
});

test("what is no number is near to nothing", () => {
  const panel = chart({ a: [[0, NaN], [10, NaN]], b: [[0, 9], [10, 9]] });
  assert.deepEqual(pointed(panel, 4, 0).near, ["b", "a"]);
});

test("fifteen lines differ in hue or pattern", () => {
  globalThis.document ??= { body: { append: () => {} }, createElement: () => ({ style: {} }) };
  globalThis.addEventListener ??= () => {};
  globalThis.matchMedia ??= () => ({ addEventListener: () => {} });
  globalThis.getComputedStyle ??= (probe) => ({ color: probe.style.color });
  assert.equal(new Set(Array.from({ length: 15 }, (_, n) => JSON.stringify(look(n)))).size, 15);
});
