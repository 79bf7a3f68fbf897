// The points of many series of a run, asked for together.
import { ask } from "../core/dom.js";
import { fits } from "../core/format.js";

/** @typedef {import("../core/types.js").Columns & {origin?: number | null}} Columns */

const BATCH = 16, ROOM = 20_000, // keys of an address, and characters of them
  PAUSE = 3000;

export class Points {
  /**
   * @param {import("../core/store.js").Store} store
   * @param {(key: string, columns: Columns) => void} came
   * @param {() => string | null | Promise<string | null>} [run] of which run; none: there is nothing to ask for
   * @param {string} [part] of the series, and how fine
   */
  constructor(store, came, run = () => store.run, part = "x=time&width=300") {
    this.part = part;
    this.store = store;
    this.came = came;
    this.run = run;
    /** @type {Set<string>} */
    this.wanted = new Set();
    this.asking = false;
    this.loading = Promise.resolve(); // until what was asked for is there, or cannot be had
    this.rest = 0;
  }

  /** @param {string} key */
  want(key) {
    if (!fits(key)) return; // no server takes it in an address: what the stream brings is drawn
    this.wanted.add(key);
    if (this.asking || Date.now() < this.rest) return;
    this.asking = true;
    this.loading = this.store.begun.then(() => this.load());
  }

  async load() {
    try {
      const run = await this.run();
      while (run && this.wanted.size) {
        const keys = batch(this.wanted);
        const answer = await ask(`/api/v1/runs/${run}/series?${query(keys)}&${this.part}`);
        for (const key of keys) {
          this.wanted.delete(key);
          this.came(key, answer[key] ?? { at: [], time: [], value: [] });
        }
      }
    } catch {
      this.rest = Date.now() + PAUSE; // what is in view asks again when it is drawn after that
    }
    this.asking = false;
  }
}

/** The first of the keys, as many as an address has room for. @param {Set<string>} keys */
export function batch(keys) {
  let length = 0;
  return [...keys].slice(0, BATCH).filter((key, n) => (length += encodeURIComponent(key).length) <= ROOM || !n);
}

/** Series in an address. @param {string[]} keys */
export const query = (keys) => keys.map((key) => `key=${encodeURIComponent(key)}`).join("&");
