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
    look(at) {
      this.wish = at;
      looked.push(at / SECOND);
      if (!this.asking) this.answer();
    },
    answer() { // as a server does: of whole milliseconds, upwards
      store.past = { at: Math.ceil(this.wish / 1000) * 1000 };
      this.wish = this.asking = null;
    },
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
  frames(150, 100);
  assert.equal(Math.round(play.at / SECOND), 30);
  frames(200, 100);
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
  frames(3, 100);
  play.toggle();
  assert.equal(looked.at(-1), 0.6);
  assert.deepEqual(calls, ["push", "replace"]);
});

test("the playhead waits where answers are slow, never more than half a second ahead at its speed, and goes on", () => {
  const { play, rewind, frames } = make({ length: 600 }), ahead = () => (play.at - rewind.past.at) / SECOND / play.times;
  Object.defineProperty(rewind, "past", { get: () => play.store.past });
  play.start();
  rewind.asking = {};
  let before = play.at;
  for (let n = 0; n < 40; n++) {
    frames(1, 100);
    assert.ok(play.at >= before && ahead() <= 0.5, String(ahead()));
    before = play.at;
  }
  assert.ok(play.share < 0.2, String(play.share));
  rewind.wish = play.at;
  rewind.answer();
  frames(40, 100);
  assert.ok(play.at > before + 30 * play.times * 0.1 * SECOND);
  assert.ok(play.share > 0.9, String(play.share));
});

test("the playhead waits for a region that has not answered, or whose lines are of another moment", () => {
  const { play, frames } = make({ length: 600 });
  for (const behind of [null, 500 * SECOND, 0]) {
    play.regions = [() => behind];
    play.start();
    frames(40, 100);
    assert.ok(play.at - play.begun <= 0.5 * play.times * SECOND, String(behind));
    play.regions = [() => play.at];
    frames(10, 100);
    assert.ok(play.at - play.begun > 10 * SECOND);
    play.stop(false);
    play.store.past = null;
  }
});

test("a frame that took long moves the playhead no further than what is shown may be behind", () => {
  const { play, frames } = make({ length: 600 });
  play.start();
  frames(1, 5000);
  assert.equal(play.at, 10 * SECOND);
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
