// The address holds the view, and the chosen step filters the regions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Address } from "../../../viz_server/runreel_server/static/js/core/address.js";
import { Choice } from "../../../viz_server/runreel_server/static/js/core/choice.js";

function place(href = "http://here/runs/r?at=2026-11-22T09%3A00%3A00Z") {
  const entries = [href];
  const made = {
    entries,
    location: { get href() { return entries.at(-1); } },
    history: { state: null, pushState: (_, __, url) => void entries.push(url), replaceState: (_, __, url) => void (entries[entries.length - 1] = url) },
    addEventListener: (_, listener) => (made.moved = listener),
    back() {
      entries.pop();
      made.moved();
    },
  };
  return made;
}

test("keys stand beside each other, and an empty one goes", () => {
  const where = place(), address = new Address(where);
  assert.equal(address.get("at"), "2026-11-22T09:00:00Z");
  address.set({ step: "train/fold-1" });
  assert.equal(where.location.href, "http://here/runs/r?at=2026-11-22T09:00:00Z&step=train/fold-1");
  address.set({ at: null, step: "" });
  assert.equal(where.location.href, "http://here/runs/r");
  assert.equal(where.entries.length, 1);
});

test("back tells who asked, and only of what differs", () => {
  const where = place(), address = new Address(where), heard = [];
  address.on("step", (value) => heard.push(["step", value]));
  address.on("at", (value) => heard.push(["at", value]));
  address.set({ step: "a" }, true);
  address.set({ step: "b" }, true);
  assert.deepEqual(heard, []);
  where.back();
  where.back();
  assert.deepEqual(heard, [["step", "a"], ["step", ""]]);
});

test("a chosen step covers itself and what lies in it, and no name that begins alike", () => {
  const choice = new Choice(new Address(place()), () => []);
  assert.ok(choice.covers("anything"));
  choice.choose("train");
  assert.deepEqual(["train", "train/fold-1", "training", "", "pre/train"].map((path) => choice.covers(path)), [true, true, false, false, false]);
  choice.toggle("train");
  assert.ok(choice.covers("training"));
});

test("a node of like tasks covers each of them, listed or counted", () => {
  const listed = [{ id: "x-*", path: "x-*", members: [{ path: "x-1", state: "RUNNING", count: 1 }, { path: "x-2", state: "RUNNING", count: 1 }] }];
  const counted = [{ id: "in/x-*.csv*2", path: "in/x-*.csv", members: [{ path: "in/x-1.csv", state: "RUNNING", count: 7 }] }];
  const one = new Choice(new Address(place()), () => listed), many = new Choice(new Address(place()), () => counted);
  one.choose("x-*");
  assert.deepEqual(["x-1", "x-2/inner", "x-3", "x-"].map((path) => one.covers(path)), [true, true, false, false]);
  many.choose("in/x-*.csv*2");
  assert.deepEqual(["in/x-12.csv", "in/x-12.csv/part", "in/x-12_csv", "x-12.csv"].map((path) => many.covers(path)), [true, true, false, false]);
});

test("the step in the address is chosen, and back lets it go", () => {
  const where = place("http://here/runs/r?step=clean"), choice = new Choice(new Address(where), () => []), heard = [];
  choice.on((id) => heard.push(id));
  assert.equal(choice.id, "clean");
  choice.choose("train");
  where.back();
  assert.deepEqual(heard, ["train", "clean"]);
});

test("many numbers in a pattern cannot hold up the page", () => {
  const choice = new Choice(new Address(place()), () => []);
  choice.choose("a****************");
  assert.equal(choice.covers(`a${"1".repeat(60)}x`), false);
  choice.choose("day-*-part-*");
  assert.deepEqual(["day-1-part-22", "day-1-part-22/x", "day-1-part-", "day--part-1"].map((path) => choice.covers(path)), [true, true, false, false]);
});
