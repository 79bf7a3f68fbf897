// What of the loaded lines is in the page: two screens of rows around what the reader looks at, which stays where it is.
import { arrange } from "../core/dom.js";
import { keyOf, placeOf } from "./lines.js";
import { drawn, rows } from "./rows.js";

/** @typedef {import("./rows.js").Row} Row */
/** @typedef {{row: Row, key: string, element: HTMLElement, wide: number}} Made */

const LINE = 18, NEAR = 24; // pixels: a line, and how near to the end is at the end
const BESIDE = 226, LETTER = 7.3; // pixels, at most: what stands beside a text, and one letter of it

export class View {
  /**
   * @param {HTMLElement} list what scrolls
   * @param {import("./lines.js").Lines} lines
   * @param {{run: string, found: () => string, edge: (side: "before" | "after") => void, seen: (from: number, to: number, all: boolean) => void}} told
   */
  constructor(list, lines, told) {
    this.list = list;
    this.body = /** @type {HTMLElement} */ (list.firstElementChild);
    this.lines = lines;
    this.told = told;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Map<string, Made>} the rows in the page, by their places */
    this.made = new Map();
    /** Which of the rows is the first in the page. */
    this.first = 0;
    this.stale = true;
    this.following = true;
    /** @type {Map<string, string | undefined>} the rows that are unfolded; their whole texts where they had to be asked for */
    this.open = new Map();
    this.marked = "";
    this.current = "";
    /** Where it was scrolled to by none but itself. */
    this.own = 0;
  }

  /** How many rows fit. */
  get screen() {
    return Math.max(8, Math.ceil(this.list.clientHeight / LINE));
  }

  /** Whether the last row is in view. */
  get atEnd() {
    const { list, first, made, rows } = this;
    return first + made.size >= rows.length && list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
  }

  /** The rows in the page that are in view. */
  inside() {
    const top = this.list.scrollTop, bottom = top + this.list.clientHeight;
    return Array.from(this.made.values()).filter(({ element: { offsetTop, offsetHeight } }) => offsetTop + offsetHeight > top && offsetTop < bottom);
  }

  /** The number of the first row at a place or behind it. @param {string} place */
  at(place) {
    const from = keyOf(place), n = this.rows.findIndex((row) => keyOf(placeOf(row.line)) >= from);
    return n < 0 ? this.rows.length : n;
  }

  /** Make rows of the lines. */
  take() {
    this.rows = rows(this.lines.all);
    this.stale = false;
  }

  /** Have the rows from `first` in the page, and what is in view where it is. */
  render() {
    const { list, screen, told } = this, held = this.following ? undefined : this.inside()[0];
    const from = held && held.element.offsetTop - list.scrollTop, room = (list.clientWidth - BESIDE) / LETTER;
    if (this.stale) {
      const top = this.rows[this.first];
      this.take();
      this.first = top ? this.at(placeOf(top.line)) : 0;
    }
    const size = this.following ? 2 * screen : 3 * screen;
    this.first = Math.max(0, Math.min(this.following ? Infinity : this.first, this.rows.length - size));
    /** @type {Map<string, Made>} */
    const next = new Map();
    for (const row of this.rows.slice(this.first, this.first + size)) {
      const place = placeOf(row.line), open = this.open.has(place), found = told.found(), old = this.made.get(place);
      const key = [found, open, row.pieces.length, row.under.length].join();
      next.set(place, old?.key === key ? old : { row, key, ...drawn(row, { run: told.run, found, open, whole: this.open.get(place) }) });
    }
    this.made = next;
    arrange(this.body, Array.from(next.values(), (one) => one.element));
    for (const [place, one] of next) {
      one.element.classList.toggle("is-marked", place === this.marked);
      one.element.classList.toggle("is-here", place === this.current);
      one.element.classList.toggle("is-cut", one.wide > room); // what clips costs the browser time in each frame: only what must does
    }
    const kept = held && next.get(placeOf(held.row.line));
    if (this.following) list.scrollTop = list.scrollHeight;
    else if (kept) list.scrollTop = kept.element.offsetTop - Number(from);
    this.own = list.scrollTop;
  }

  /** Tell what is in view, and have more in the page, or loaded, where the reader comes to an edge. */
  look() {
    const { list, first, made, rows, screen, told } = this, height = list.clientHeight, inside = this.inside();
    if (!height) return;
    if (inside.length) told.seen(inside[0].row.line.time, inside[inside.length - 1].row.line.time, this.lines.end && this.atEnd);
    if (this.following) return void (rows.length < screen && told.edge("before"));
    if (first < screen) told.edge("before");
    if (rows.length - first - made.size < screen) told.edge("after");
    if (first && list.scrollTop < height / 2) this.shift(-screen);
    else if (first + made.size < rows.length && list.scrollHeight - list.scrollTop < height * 1.5) this.shift(screen);
  }

  /** @param {number} by rows */
  shift(by) {
    this.first = Math.max(0, this.first + by);
    this.render();
  }

  /** Begin anew: at the end, or with a place in view. @param {string} [place] @param {number} [from] its share of the height from the top */
  stand(place, from = 0) {
    const { list } = this;
    this.take();
    const n = place ? this.at(place) : this.rows.length, row = this.rows[n];
    this.first = Math.max(0, row ? n - this.screen : n);
    this.render();
    const made = row && this.made.get(placeOf(row.line));
    list.scrollTop = made ? made.element.offsetTop - from * list.clientHeight : list.scrollHeight;
    this.own = list.scrollTop;
  }
}
