// What is drawn into a chart's canvas, by a context that notes it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Curve } from "../../../viz_server/runreel_server/static/js/charts/curve.js";
import { paint } from "../../../viz_server/runreel_server/static/js/charts/paint.js";
import { Panel } from "../../../viz_server/runreel_server/static/js/charts/panel.js";

const WIDTH = 200, HEIGHT = 80;

/** What is called when these lines are painted, with the places of a chart that is 200 by 80. */
function painted(lines, x, y, log = false, more = {}) {
  const calls = [];
  let shift = [0, 0];
  const context = new Proxy({}, {
    get: (_, name) => (...args) => {
      if (name === "setTransform") shift = args.slice(4);
      else if (name === "measureText") return { width: 30 };
      else calls.push([name, ...args.map((one, n) => (n < 2 && typeof one === "number" ? one + shift[n] : one))]);
    },
    set: () => true,
  });
  const canvas = { clientWidth: WIDTH, clientHeight: HEIGHT, getContext: () => context };
  const whole = lines.map((line) => ({ color: "blue", weight: 1, ...line }));
  paint(canvas, { x, y, log, lines: whole, cut: null, cursor: null, marked: null, color: (token) => token, ...more });
  return (name) => calls.filter(([called]) => called === name).map(([, ...args]) => args);
}

test("a point by itself is a whole dot, wherever it stands, and says its value", () => {
  for (const [at, value] of [[0, 0], [1, 10], [0.5, 5]]) {
    const seen = painted([{ xs: [at], ys: [value] }], [0, 1], [0, 10]), [[x, y, r]] = seen("arc");
    assert.ok(r >= 2);
    assert.ok(x - r >= 0 && x + r <= WIDTH, `${x}`);
    assert.ok(y - r >= 0 && y + r <= HEIGHT + 1, `${y}`);
    assert.equal(seen("fillText")[0][0].slice(0, 2), String(value));
  }
});

test("a chart of one point has it in the middle, whatever its axis is", () => {
  const panel = new Panel("p", "p"), curve = new Curve();
  curve.load({ time: [5_000_000], at: [7], value: [1] });
  panel.series.push({ key: "k", path: "s", name: "m", curve });
  const store = { start: 2_000_000, ended: true, live: {}, end: 9_000_000 };
  assert.deepEqual(["time", "elapsed", "at"].map((by) => panel.ends(store, by, null)), [[4_500_000, 5_500_000], [2.5, 3.5], [6.5, 7.5]]);
});

test("points between which there is nothing to draw are dots, on a logarithmic axis too", () => {
  assert.equal(painted([{ xs: [0, 1, 2, 3], ys: [1, NaN, 1, 1] }], [0, 3], [0, 1])("arc").length, 1);
  assert.equal(painted([{ xs: [0, 1, 2], ys: [1, -1, 10] }], [0, 2], [1, 10], true)("arc").length, 2);
  assert.equal(painted([{ xs: [0, 1, 2], ys: [1, 5, 10] }], [0, 2], [1, 10], true)("arc").length, 0);
});

test("the chart that is pointed at says where, beside the cursor and within the plot", () => {
  for (const [cursor, side] of [[0, 1], [1, -1]]) {
    const [[said, at]] = painted([], [0, 1], [0, 1], false, { cursor, says: "index 7" })("fillText");
    assert.equal(said, "index 7");
    assert.ok(at > 0 && at + 30 < WIDTH && Math.sign(at - cursor * WIDTH) === side, `${at}`);
  }
});
