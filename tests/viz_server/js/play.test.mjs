// Playing passes the run's time at a pace, and the window keeps the playhead.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Play } from "../../../viz_server/runreel_server/static/js/player/play.js";
import { Window } from "../../../viz_server/runreel_server/static/js/player/window.js";

const SECOND = 1e6;

function make({ ended = true, length = 60 } = {}) {
  const store = { start: 0, end: length * SECOND, ended, past: null, moment: length * SECOND, since: (time) => time / SECOND };
  const looked = [], calls = [];
  const rewind = {
    wish: null, asking: null, place: { set: () => {} }, onWish: () => {},
    get here() { return this.wish ?? store.moment; },
    look(at) { this.wish = at; looked.push(at / SECOND); },
    leave() { this.wish = null; calls.push("leave"); },
    settle: (step = true) => calls.push(step ? "push" : "replace"),
  };
  let now = 0, due = null;
  const play = new Play(store, rewind, () => {}, { now: () => now, frame: (act) => (due = act) });
  return { store, rewind, play, looked, calls, frames: (number, each) => { for (let n = 0; n < number && due; n++) { now += each; const act = due; due = null; act(); } } };
}

test("a whole run takes 30 seconds by itself, and stops at its end", () => {
  const { play, looked, calls, frames } = make();
  assert.equal(play.times, 2);
  play.start();
  assert.deepEqual(looked, [0]);
  frames(15, 1000);
  assert.equal(play.at, 30 * SECOND);
  frames(20, 1000);
  assert.equal(play.playing, false);
  assert.equal(calls.at(-2), "leave");
});

test("states come ten times a second, and never while one is on the way", () => {
  const { play, rewind, looked, frames } = make();
  play.start();
  frames(60, 16.7);
  assert.ok(looked.length >= 9 && looked.length <= 12, String(looked.length));
  rewind.asking = {};
  const before = looked.length;
  frames(60, 16.7);
  assert.equal(looked.length, before);
});

test("the speed stays between 1 and 1000, and a hand on the playhead stops it", () => {
  const { play, rewind, frames } = make();
  play.set(5000);
  assert.equal(play.times, 1000);
  play.set(0.1);
  assert.equal(play.times, 1);
  play.start();
  frames(1, 16);
  rewind.onTaken();
  assert.equal(play.playing, false);
});

test("a pause is where the playhead is, though no state was asked for there", () => {
  const { play, rewind, looked, calls, frames } = make();
  play.start();
  rewind.asking = {}; // a slow server
  frames(10, 1000);
  play.toggle();
  assert.equal(looked.at(-1), 20);
  assert.deepEqual(calls, ["push", "replace"]);
});

test("where the reader went back to another moment, a play stops and leaves the address alone", () => {
  const { play, rewind, looked, calls, frames } = make();
  play.start();
  frames(2, 16);
  rewind.onTaken(false);
  assert.equal(play.playing, false);
  assert.deepEqual([looked, calls], [[0], ["push"]]);
});

test("a window zooms around a place, holds the playhead, and sticks to a growing end", () => {
  const { store } = make({ ended: false, length: 100 }), part = new Window(store);
  part.zoom(0.5, 0.5);
  assert.deepEqual([part.from, part.span], [25, 50]);
  part.hold(90);
  assert.ok(part.from <= 90 && part.from + part.span >= 90);
  part.show(80, 20);
  store.end = 140 * SECOND;
  assert.deepEqual([part.from, part.span], [120, 20]);
  part.zoom(10, 0);
  assert.equal(part.zoomed, false);
});
