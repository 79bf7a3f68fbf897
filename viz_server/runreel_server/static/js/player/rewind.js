// Looking at another moment. Between two moments only what differs is asked for; the newest wish wins.
import { ask } from "../core/dom.js";
import { iso, micros } from "../core/format.js";
import { merge } from "../core/patch.js";

/** @typedef {import("../core/types.js").State} State */

export class Rewind {
  /**
   * @param {import("../core/store.js").Store} store
   * @param {import("../core/address.js").Address} address whose key `at` holds the moment
   */
  constructor(store, address) {
    this.store = store;
    this.place = address;
    /** @type {number | null} the moment that is wished for while its state is on the way */
    this.wish = null;
    /** @type {AbortController | null} */
    this.asking = null;
    /** @type {Promise<void>} */
    this.loading = Promise.resolve();
    /** @type {() => void} told at once, so that the playhead follows the hand */
    this.onWish = () => {};
    /** @type {(keep?: boolean) => void} told when the reader takes the playhead; without `keep` the address has another moment already */
    this.onTaken = () => {};
    this.prepared = false;
    address.on("at", (value) => {
      const at = micros(value);
      this.onTaken(false);
      if (at === null) this.leave();
      else this.look(at);
    });
  }

  /** The moment that is looked at, or that is wished for. */
  get here() {
    return this.wish ?? this.store.moment;
  }

  /** Look at `at`, in microseconds; at or beyond the end is live. @param {number} at @param {number} [edge] so near the end it snaps to it */
  to(at, edge = Math.max(2e5, (this.store.end - this.store.start) * 0.004)) {
    if (at >= this.store.end - edge) this.leave();
    else this.look(at);
  }

  /** Go to a moment, as one step of the reader's way. @param {number} at */
  go(at) {
    this.to(at);
    this.settle();
  }

  /** Back to now, or to the end of what has ended. */
  live() {
    this.leave();
    this.settle();
  }

  /** The moment that is looked at becomes the address, which the back button takes back. @param {boolean} [step] */
  settle(step = true) {
    this.place.set({ at: this.wish === null && !this.store.past ? null : iso(this.here) }, step);
    if (!this.store.ended && this.store.past) void this.loading.then(() => this.freshen());
  }

  /** @param {number} at */
  look(at) {
    // whole milliseconds, upwards: what a link holds, and what happened at that moment has happened
    this.wish = Math.max(this.store.start, Math.ceil(at / 1000) * 1000);
    this.onWish();
    if (!this.asking) this.loading = this.load();
  }

  leave() {
    this.asking?.abort();
    this.asking = null;
    this.wish = null;
    this.store.look(null);
    this.onWish();
  }

  async load() {
    while (this.wish !== null) {
      const at = this.wish, asking = new AbortController();
      this.asking = asking;
      /** @type {State} */
      let state;
      try {
        state = await this.state(at, asking.signal);
      } catch {
        if (asking.signal.aborted) return;
        this.wish = null; // the page stays at the moment that it has
        this.asking = null;
        this.store.emit("time");
        return;
      }
      this.asking = null;
      if (this.wish === at) this.wish = null;
      this.store.look({ at, state });
    }
  }

  /** The state at a moment: what differs from the one that is shown, where one is. @param {number} at @param {AbortSignal} signal @returns {Promise<State>} */
  async state(at, signal) {
    const { past, run } = this.store;
    if (past?.at === at) return past.state;
    if (!past) return ask(`/api/v1/runs/${run}?at=${encodeURIComponent(iso(at))}`, signal);
    const patch = await ask(`/api/v1/runs/${run}/delta?from=${encodeURIComponent(iso(past.at))}&at=${encodeURIComponent(iso(at))}`, signal);
    return merge(past.state, patch);
  }

  /** Have the server read the run's past, which takes it a while the first time: somebody is about to go there. Where nobody has gone yet, then have it pass through all of it. */
  async prepare() {
    const { store } = this;
    if (this.prepared) return;
    this.prepared = true;
    for (const at of [store.start, store.end]) {
      if (store.past || this.asking) return;
      await fetch(`/api/v1/runs/${store.run}?at=${encodeURIComponent(iso(at))}`, { method: "HEAD" }).catch(() => {});
    }
  }

  /** While a run goes on, what came late may have changed the past: where the reader rests, the whole is asked for. */
  async freshen() {
    const { past, run } = this.store;
    if (!past || this.wish !== null) return;
    try {
      const state = /** @type {State} */ (await ask(`/api/v1/runs/${run}?at=${encodeURIComponent(iso(past.at))}`));
      if (this.store.past === past && this.wish === null) this.store.look({ at: past.at, state });
    } catch {
      // what is shown stays
    }
  }
}
