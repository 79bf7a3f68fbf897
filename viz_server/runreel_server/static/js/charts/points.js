// The points of many series, asked for together: this run's, and those of the run before it.
import { ask } from "../core/dom.js";
import { fits } from "../core/format.js";

/** @typedef {import("../core/types.js").Columns & {origin?: number | null}} Columns */

const BATCH = 16, ROOM = 20_000, // keys of an address, and characters of them
  WIDTH = 300, PAUSE = 3000;

export class Points {
  /**
   * @param {import("../core/store.js").Store} store
   * @param {(key: string, columns: Columns, before: boolean) => void} came
   */
  constructor(store, came) {
    this.store = store;
    this.came = came;
    /** @type {Set<string>} */
    this.wanted = new Set();
    this.asking = false;
    this.loading = Promise.resolve(); // until what was asked for is there, or cannot be had
    this.rest = 0;
    /** @type {string | null | undefined} the run before; undefined: not looked for yet */
    this.before = undefined;
    /** @type {Set<string>} */
    this.wantedBefore = new Set();
  }

  /** @param {string} key @param {boolean} [before] of the run before too */
  want(key, before = false) {
    if (!fits(key)) return; // no server takes it in an address: what the stream brings is drawn
    (before ? this.wantedBefore : this.wanted).add(key);
    if (this.asking || Date.now() < this.rest) return;
    this.asking = true;
    this.loading = this.store.begun.then(() => this.load());
  }

  async load() {
    try {
      while (this.wanted.size) {
        const keys = batch(this.wanted);
        const answer = await ask(`/api/v1/runs/${this.store.run}/series?${query(keys)}`);
        for (const key of keys) {
          this.wanted.delete(key);
          this.came(key, answer[key] ?? { at: [], time: [], value: [] }, false);
        }
      }
      if (this.wantedBefore.size && this.before === undefined) this.before = await this.find();
      while (this.before && this.wantedBefore.size) {
        const keys = batch(this.wantedBefore);
        const answer = await ask(`/api/v1/runs/${this.before}/series?${query(keys)}`);
        for (const key of keys) {
          this.wantedBefore.delete(key);
          this.came(key, answer[key] ?? { at: [], time: [], value: [] }, true);
        }
      }
    } catch {
      this.rest = Date.now() + PAUSE; // what is in view asks again when it is drawn after that
    }
    this.asking = false;
  }

  /** The newest run of the pipeline that began before this one and has ended. @returns {Promise<string | null>} */
  async find() {
    const { live, run } = this.store;
    if (!live.pipeline || !fits(live.pipeline)) return null;
    const list = await ask(`/api/v1/runs?${new URLSearchParams({ pipeline: live.pipeline, limit: "100" })}`);
    const earlier = list.runs.filter((/** @type {any} */ one) => one.id !== run && one.finished && one.started < (live.started ?? ""));
    earlier.sort((/** @type {any} */ a, /** @type {any} */ b) => (a.started < b.started ? 1 : -1));
    return earlier.find((/** @type {any} */ one) => one.state === "SUCCEEDED")?.id ?? earlier[0]?.id ?? null;
  }
}

/** The first of the keys, as many as an address has room for. @param {Set<string>} keys */
function batch(keys) {
  let length = 0;
  return [...keys].slice(0, BATCH).filter((key, n) => (length += encodeURIComponent(key).length) <= ROOM || !n);
}

/** @param {string[]} keys */
const query = (keys) => `${keys.map((key) => `key=${encodeURIComponent(key)}`).join("&")}&x=time&width=${WIDTH}`;
