// Names of charts and of their lines where there is little room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, fitted } from "../../../viz_server/runreel_server/static/js/charts/names.js";

const room = (most) => (text) => Array.from(text).length <= most;

test("what has room is shown whole, in its place", () => {
  assert.deepEqual(fitted(["train/fold-1/loss", "rows"], room(17)), ["train/fold-1/loss", "rows"]);
});

test("a beginning that tells nothing apart is left out, but never the step of a metric", () => {
  assert.deepEqual(fitted(["train/fold-1/train/loss", "train/fold-2/train/loss", "train/fold-1/lr"], room(17)), ["fold-1/train/loss", "fold-2/train/loss", "train/fold-1/lr"]);
  assert.deepEqual(fitted(["a-long-name/of/step/loss"], room(9)), ["step/loss"]);
});

test("else the middle is, where the rest still tells it apart", () => {
  assert.deepEqual(fitted(["fold-1/train/loss", "fold-2/train/loss"], room(13)), ["fold-1…n/loss", "fold-2…n/loss"]);
  const layers = [10, 11, 20].map((n) => `model.encoder.layers.${n}.attention.self.query.weight`);
  assert.deepEqual(fitted(layers, room(16)), ["…10.atte….weight", "…11.atte….weight", "…20.atte….weight"]);
});

test("no two are ever the same, and all have room", () => {
  const many = ["same/name", "same/name", ...Array.from({ length: 40 }, (_, n) => `run/${n % 2 ? "en" : "de"}coder.of.the.model.${n >> 1}.${"x".repeat(30)}/weight`), "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", ""];
  for (const most of [8, 12, 20, 40]) {
    const shown = fitted(many, room(most));
    assert.equal(new Set(shown).size, many.length, `${most}: ${shown}`);
    assert.deepEqual(shown.filter((one) => !room(most)(one)), []);
  }
});

test("many names that differ deep inside a word cost no more each than few", () => {
  let asked = 0;
  const labels = Array.from({ length: 400 }, (_, n) => `step/${"x".repeat(30)}${n}${"y".repeat(30)}`);
  assert.equal(new Set(fitted(labels, (text) => (asked += 1) && room(20)(text))).size, labels.length);
  assert.ok(asked < 400 * labels.length, `${asked} looks`);
});

test("the lines of one chart go without what all their steps begin with", () => {
  assert.deepEqual(apart(["train/fold-1", "train/fold-2"]), ["fold-1", "fold-2"]);
  assert.deepEqual(apart(["train", "train/fold-1"]), ["train", "train/fold-1"]);
  assert.deepEqual(apart(["train/fold-1"]), ["train/fold-1"]);
  assert.deepEqual(apart(["a/b/c", "a/b/c"]), ["c", "c"]);
});
