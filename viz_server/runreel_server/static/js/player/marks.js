// The moments of interest that the player steps to: errors, artifacts, changes of state, gaps. The server knows them all.
import { all, ask, tell } from "../core/dom.js";
import { count, iso, micros } from "../core/format.js";

/** @typedef {"error" | "artifact" | "state" | "gap"} Kind */
/** @typedef {{time: string, kind: Kind, step: string | null, text: string}} Mark */

const MOST = 1000, AGAIN = 5000;

export class Marks {
  /** @param {import("../core/store.js").Store} store @param {() => void} changed told when gaps are known */
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    /** @type {Mark[]} */
    this.gaps = [];
    this.last = 0;
    /** @type {string | null} the position up to which they are counted: looking at the past makes no more of them */
    this.position = store.position;
    void this.tally();
    store.on(["state"], () => {
      if (store.position !== this.position && store.clock() - this.last > AGAIN) void this.tally();
    });
  }

  /** @param {string} query @returns {Promise<{marks: Mark[], counts: Record<Kind, number>}>} */
  async ask(query) {
    return ask(`/api/v1/runs/${this.store.run}/marks?${query}`);
  }

  /** How many there are. */
  async tally() {
    this.last = this.store.clock();
    this.position = this.store.position;
    try {
      const { marks, counts } = await this.ask(`kind=gap&limit=${MOST}`);
      for (const [kind, out, word] of /** @type {const} */ ([["error", "errors", "error"], ["artifact", "made", "artifact"]])) {
        const number = counts[kind];
        tell(out, `${count(number)} ${word}${number === 1 ? "" : "s"}`);
        for (const choice of all(`[data-marks="${kind}"]`)) choice.hidden = !number;
      }
      this.gaps = marks;
      this.changed();
    } catch {
      // the next change of the state asks again
    }
  }

  /**
   * The next moment of these kinds from `at`, in microseconds, or the one before; null where there is none.
   * @param {Kind} kind
   * @param {1 | -1} way
   * @param {number} at
   */
  async next(kind, way, at) {
    const from = way > 0 ? `after=${encodeURIComponent(iso(at))}` : `before=${encodeURIComponent(iso(at - 1000))}`;
    const { marks: [mark] } = await this.ask(`kind=${kind}&${from}&limit=1`);
    return mark ? micros(mark.time) : null;
  }
}
