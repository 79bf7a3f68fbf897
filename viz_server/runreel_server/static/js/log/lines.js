// The lines that are loaded: some of the log without a gap, in order, with the cursors that lead on.

/** @typedef {import("../core/types.js").Line} Line */

/** A line's place in the log: a cursor of the server. @param {Line} line */
export const placeOf = (line) => (line.cursor ??= `${line.time}-${line.session}-${line.seq}-${line.row ?? 0}`);

/** A place as a text that sorts as the log does. @param {string} place */
export function keyOf(place) {
  const [, time, session, seq, row] = /^(\d+)-(.*)-(\d+)-(\d+)$/.exec(place) ?? ["", "0", "", "0", "0"];
  return time.padStart(17, "0") + session + seq.padStart(12, "0") + row.padStart(9, "0");
}

/** A line's own key. @param {Line} line */
export const key = (line) => (line.key ??= keyOf(placeOf(line)));

export class Lines {
  constructor() {
    /** @type {Line[]} */
    this.all = [];
    /** @type {string | null} leads to earlier ones; null: there are none */
    this.before = null;
    /** @type {string | null} leads to later ones */
    this.after = null;
    /** Whether nothing later is known that is not here. */
    this.end = false;
    /** Counts the times that they were replaced. */
    this.turn = 0;
  }

  /** @param {string | null} before @param {string | null} after @param {boolean} end */
  reset(before, after, end) {
    Object.assign(this, { all: [], before, after, end, turn: this.turn + 1 });
  }

  /** Take in lines, wherever they belong; what was here stays. @param {Line[]} lines @returns {number} how many were new */
  put(lines) {
    const had = this.all.length, known = new Set(this.all.map(key));
    const fresh = lines.filter((line) => !known.has(key(line)));
    if (fresh.length) this.all = [...this.all, ...fresh].sort((a, b) => (key(a) < key(b) ? -1 : 1));
    return this.all.length - had;
  }

  /** Take in a page that came before. @param {{lines: Line[], before: string | null}} page @param {number} most */
  earlier(page, most) {
    this.put(page.lines);
    this.before = page.before;
    this.trim(most, false);
  }

  /** Take in a page that came after. @param {{lines: Line[], after: string | null, more: boolean}} page @param {number} most */
  later(page, most) {
    this.put(page.lines);
    this.after = page.after;
    this.end = !page.more;
    this.trim(most, true);
  }

  /** Have at most `most` lines: the first ones go, or the last ones, and a cursor leads to them. @param {number} most @param {boolean} first */
  trim(most, first) {
    if (this.all.length <= most) return;
    this.all = first ? this.all.slice(-most) : this.all.slice(0, most);
    if (first) this.before = placeOf(this.all[0]);
    else Object.assign(this, { after: placeOf(this.all[most - 1]), end: false });
  }

  /** The cursor behind the last line that is here. */
  get last() {
    const line = this.all.at(-1);
    return line && (!this.after || key(line) > keyOf(this.after)) ? placeOf(line) : this.after;
  }
}
