// The part of a run's time that the lanes show: all of it, or what the reader zoomed to.

const LEAST = 0.05; // seconds that the whole width stands for, at least

export class Window {
  /** @param {import("../core/store.js").Store} store */
  constructor(store) {
    this.store = store;
    /** @type {{from: number, span: number, stuck: boolean} | null} seconds since the start; `stuck` to the growing end */
    this.part = null;
  }

  /** Seconds of the whole run. */
  get whole() {
    return Math.max(0.01, this.store.since(this.store.end));
  }

  get zoomed() {
    return this.part !== null;
  }

  get span() {
    return this.part ? Math.min(this.part.span, this.whole) : this.whole;
  }

  get from() {
    const { part } = this;
    if (!part) return 0;
    return part.stuck ? this.whole - this.span : Math.min(Math.max(0, part.from), Math.max(0, this.whole - this.span));
  }

  /** Where a moment lies, 0 to 1 over the width. @param {number} seconds */
  share(seconds) {
    return (seconds - this.from) / this.span;
  }

  /** The seconds at a place. @param {number} share */
  at(share) {
    return this.from + share * this.span;
  }

  /** Show less of it, or more; what lies at `share` stays. @param {number} factor @param {number} share */
  zoom(factor, share) {
    const at = this.at(share), span = Math.max(LEAST, this.span * factor);
    if (span >= this.whole) return this.fit();
    this.show(at - share * span, span);
  }

  /** @param {number} seconds */
  pan(seconds) {
    if (this.part) this.show(this.from + seconds, this.span);
  }

  /** @param {number} from @param {number} span */
  show(from, span) {
    const to = Math.max(0, Math.min(from, this.whole - span));
    this.part = { from: to, span, stuck: !this.store.ended && to + span >= this.whole - span * 0.01 };
  }

  fit() {
    this.part = null;
  }

  /** Keep a moment in it, turning a page where it leaves. @param {number} seconds */
  hold(seconds) {
    if (this.part && (seconds < this.from || seconds > this.from + this.span)) this.show(seconds - this.span * 0.1, this.span);
  }
}
