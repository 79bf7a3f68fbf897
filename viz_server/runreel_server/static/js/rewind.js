// Looking at another moment: the state then, from the server; the newest wish wins, what was seen is kept for a while.
import { ask } from "./dom.js";
import { iso } from "./format.js";

const KEPT = 48;

export class Rewind {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    /** @type {Map<string, import("./types.js").State>} */
    this.kept = new Map();
    /** @type {number | null} the moment that is wished for while its state is on the way */
    this.wish = null;
    /** @type {AbortController | null} */
    this.asking = null;
    /** @type {(at: number) => void} told at once, so that the playhead follows the hand */
    this.onWish = () => {};
  }

  /** Look at `at`, in microseconds; at or beyond the end is live. @param {number} at */
  to(at) {
    const { start, end } = this.store;
    const edge = Math.max(2e5, (end - start) * 0.004); // near the edge it snaps to live
    if (at >= end - edge) return this.live();
    // whole milliseconds: what a link holds, and enough for a hand
    this.wish = Math.max(start, Math.round(at / 1000) * 1000);
    this.onWish(this.wish);
    if (!this.asking) void this.load();
  }

  live() {
    this.asking?.abort();
    this.asking = null;
    this.wish = null;
    this.store.look(null);
    this.address();
  }

  async load() {
    while (this.wish !== null) {
      const at = this.wish, key = iso(at), asking = new AbortController();
      let state = this.kept.get(key);
      if (!state) {
        this.asking = asking;
        try {
          state = /** @type {import("./types.js").State} */ (await ask(`/api/v1/runs/${this.store.run}?at=${encodeURIComponent(key)}`, asking.signal));
        } catch {
          if (asking.signal.aborted) return;
          this.wish = null; // the page stays at the moment that it has
          this.asking = null;
          this.store.emit("time");
          return;
        }
        this.asking = null;
        this.kept.set(key, state);
        for (const old of this.kept.keys()) if (this.kept.size > KEPT) this.kept.delete(old);
      }
      if (this.wish === at) this.wish = null;
      this.store.look({ at, state });
      this.address();
    }
  }

  address() {
    history.replaceState(null, "", this.store.href());
  }
}
