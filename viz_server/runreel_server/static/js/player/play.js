// Playing a run: its time passes faster, and the whole page with it.

const PACE = 100; // milliseconds between two states
const WHOLE = 30, QUICK = 5; // seconds that a whole run takes by itself, and at "max"
const LEAST = 1, MOST = 1000; // times its own pace
const SAID = 1000; // milliseconds between two changes of the address
const FREE = 0.3, BEHIND = 0.5; // seconds that what is shown may be behind the playhead until that slows down, and at most

/** @typedef {number | "auto" | "max"} Speed */

export class Play {
  /**
   * @param {import("../core/store.js").Store} store
   * @param {import("./rewind.js").Rewind} rewind
   * @param {() => void} changed told when it starts, stops, or its speed changes
   * @param {object} [parts] replaced in tests
   * @param {() => number} [parts.now]
   * @param {(act: () => void) => void} [parts.frame]
   */
  constructor(store, rewind, changed, parts = {}) {
    this.store = store;
    this.rewind = rewind;
    this.changed = changed;
    this.now = parts.now ?? (() => performance.now());
    this.frame = parts.frame ?? ((act) => void requestAnimationFrame(act));
    /** @type {Speed} */
    this.speed = "auto";
    /** @type {number} the moment that the playhead is at, in microseconds */
    this.at = 0;
    this.begun = 0;
    /** The moments that regions are at which ask for more than the state; null: none yet. @type {(() => number | null)[]} */
    this.regions = [];
    /** How much of its speed it has, of 1. */
    this.share = 1;
    this.last = 0;
    this.shown = 0;
    this.said = 0;
    rewind.onTaken = (keep) => this.stop(keep);
  }

  get playing() {
    return this.store.playing;
  }

  /** How many times its own pace. */
  get times() {
    return this.timesOf(this.speed);
  }

  /** @param {Speed} speed */
  timesOf(speed) {
    if (typeof speed === "number") return speed;
    return Math.max(LEAST, (this.store.end - this.store.start) / 1e6 / (speed === "max" ? QUICK : WHOLE));
  }

  /** The oldest moment that something on the page is at. */
  get oldest() {
    const { store, regions } = this, shown = [store.past?.at ?? null, ...regions.map((region) => region())];
    return Math.min(...shown.map((at) => (at === null || at > this.at + 1000 ? this.begun : at))); // states are of whole milliseconds; what is further ahead is from before it began
  }

  /** @param {Speed} speed */
  set(speed) {
    this.speed = typeof speed === "number" ? Math.min(MOST, Math.max(LEAST, speed)) : speed;
    this.changed();
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  /** From the moment that is looked at; at the end, from the beginning. */
  start() {
    const { rewind, store } = this;
    this.at = rewind.wish === null && !store.past ? store.start : rewind.here;
    this.begun = this.at;
    this.share = 1;
    rewind.look(this.at);
    rewind.settle();
    store.playing = true;
    this.last = this.shown = this.said = this.now();
    this.changed();
    this.frame(() => this.step());
  }

  /** A pause is at the playhead, which is ahead of the last state that was asked for. @param {boolean} [keep] whether that moment is looked at, too */
  stop(keep = true) {
    if (!this.playing) return;
    this.store.playing = false;
    if (keep) {
      this.rewind.look(this.at);
      this.rewind.settle(false);
    }
    this.changed();
  }

  /** Move on, as far as what is shown keeps up: where answers are slow the play is, and the page does not fall behind. @param {number} seconds that have passed */
  pass(seconds) {
    const wish = seconds * this.times * 1e6;
    if (wish <= 0) return;
    const second = this.times * 1e6, room = this.oldest + BEHIND * second - this.at;
    const by = Math.max(0, Math.min(wish * Math.min(1, room / (BEHIND - FREE) / second), room));
    this.at += by;
    this.share += (by / wish - this.share) * Math.min(1, seconds);
  }

  step() {
    if (!this.playing) return;
    const now = this.now(), { rewind, store } = this;
    this.pass((now - this.last) / 1000);
    this.last = now;
    if (this.at >= store.end) { // what has ended stops there; what goes on is live
      store.playing = false;
      rewind.leave();
      rewind.settle(false);
      this.changed();
      return;
    }
    if (now - this.shown >= PACE && !rewind.asking) {
      this.shown = now;
      rewind.look(this.at);
    }
    if (now - this.said >= SAID) {
      this.said = now;
      rewind.place.set({ at: new Date(Math.round(this.at / 1000)).toISOString() });
      this.changed();
    }
    rewind.onWish();
    this.frame(() => this.step());
  }
}
