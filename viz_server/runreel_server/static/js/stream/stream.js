// The live stream: one EventSource over all that is watched, made anew whenever it ends, falls silent, or something else
// is to be watched. It always goes on from the last token, so that nothing is lost and nothing comes twice.

const QUIET = 2500; // milliseconds without a frame until the wire counts as cut; the server sends one a second
const SILENT = 5000; // until a source that has spoken is given up
const OPENING = 10_000; // until one that has not is given up: a server may have to read a run first
const SLEPT = 4000; // a clock that jumped so far between two ticks: the machine slept, and the source is dead
const FIRST = 500, LONGEST = 15_000;

/** How often `tick` wants to be called, in milliseconds. */
export const TICK = 250;

/**
 * @typedef {object} Handlers
 * @property {(kind: string, frame: import("../core/types.js").Frame) => boolean} frame false: it does not fit, a snapshot is needed
 * @property {(since: number, reason: string) => void} lost nothing was heard since then (milliseconds since 1970)
 * @property {() => void} back
 */

export class Stream {
  /**
   * @param {Handlers} handlers
   * @param {object} [parts] replaced in tests
   * @param {(url: string) => EventSource} [parts.open]
   * @param {() => number} [parts.now]
   * @param {() => number} [parts.random]
   */
  constructor(handlers, parts = {}) {
    this.handlers = handlers;
    this.open = parts.open ?? ((url) => new EventSource(url));
    this.now = parts.now ?? (() => Date.now());
    this.random = parts.random ?? Math.random;
    /** @type {EventSource | null} */
    this.source = null;
    /** @type {string[]} */
    this.names = [];
    this.token = "";
    /** Tokens of what is watched anew and was had elsewhere, until one that has it comes. @type {string[]} */
    this.more = [];
    this.failures = 0;
    this.cut = false;
    this.reason = ""; // why it is cut, where the server has said so
    this.told = false; // the server has said when to come back
    this.opened = this.heard = this.ticked = this.now();
    this.spoke = false; // whether this source has said anything
    this.retry = Infinity;
  }

  /** Watch exactly these things; none: hold no connection. @param {string[]} names @param {string[]} [more] tokens of some of them, to go on from */
  watch(names, more = []) {
    if (!more.length && names.join() === this.names.join()) return;
    this.more.push(...more);
    if (!this.names.length) this.heard = this.ticked = this.now();
    this.names = names;
    if (!names.length) this.stop();
    else if (!this.told) this.start();
  }

  /** Somebody looks, or the network is there again: do not wait for the next try. */
  wake() {
    if (this.names.length && this.cut && !this.told) this.start();
  }

  /** Look at the clock. */
  tick() {
    const now = this.now(), slept = now - this.ticked > SLEPT;
    this.ticked = now;
    if (!this.names.length) return;
    if (slept) {
      this.failures = 0;
      this.lose();
      this.start();
    } else if (this.source) {
      if (now - this.heard > QUIET) this.lose();
      if (this.spoke ? now - this.heard > SILENT : now - this.opened > OPENING) this.again();
    } else if (now >= this.retry) this.start();
  }

  stop() {
    this.source?.close();
    this.source = null;
  }

  /** @param {string} [reason] */
  lose(reason = "") {
    if (this.cut && (!reason || reason === this.reason)) return;
    this.cut = true;
    this.reason = reason;
    this.handlers.lost(this.heard, reason);
  }

  /** @param {number} [wait] milliseconds, where the server has said them */
  again(wait) {
    this.stop();
    const spread = 0.5 + this.random() / 2; // so that not all viewers of a server come at once
    this.told = wait !== undefined;
    this.retry = this.now() + (wait === undefined ? Math.min(LONGEST, FIRST * 2 ** this.failures) * spread : wait * (1 + this.random() / 4));
    this.failures += 1;
  }

  start() {
    this.stop();
    this.told = this.spoke = false;
    this.retry = Infinity;
    this.opened = this.now();
    const after = [this.token, ...this.more].filter(Boolean);
    const query = new URLSearchParams([...this.names.map((name) => ["watch", name]), ...after.map((token) => ["after", token])]);
    const source = this.source = this.open(`/api/v1/stream?${query}`);
    for (const kind of ["snapshot", "delta", "ping", "gone"]) {
      source.addEventListener(kind, (event) => {
        if (source === this.source) this.take(kind, /** @type {MessageEvent} */ (event));
      });
    }
    source.addEventListener("bye", (event) => {
      if (source !== this.source) return;
      const { retry_ms, reason } = JSON.parse(/** @type {MessageEvent} */ (event).data);
      this.lose(reason);
      this.again(retry_ms ?? FIRST);
    });
    source.addEventListener("error", () => { // also where the browser would come back by itself: it would wait longer
      if (source !== this.source) return;
      this.lose();
      this.again();
    });
  }

  /** @param {string} kind @param {MessageEvent} event */
  take(kind, event) {
    this.heard = this.now();
    this.failures = 0;
    this.spoke = true;
    if (event.lastEventId) {
      this.token = event.lastEventId;
      this.more = [];
    }
    if (this.cut) {
      this.cut = false;
      this.handlers.back(); // which may ask for all anew, and then has no token
    }
    if (!this.handlers.frame(kind, JSON.parse(event.data))) this.renew();
  }

  /** Have snapshots of all: without a token the server begins with them. */
  renew() {
    this.token = "";
    this.more = [];
    this.stop();
    if (!this.told) this.retry = this.now(); // at the next tick: a server whose frames never fit must not be asked without end
  }
}
