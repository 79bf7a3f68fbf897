// The one cursor: pointing at a moment in one place marks it in every chart and on the timeline.

export class Cursor {
  constructor() {
    /** @type {number | null} microseconds since 1970; null: nobody points */
    this.moment = null;
    /** @type {((moment: number | null) => void)[]} */
    this.listeners = [];
  }

  /** @param {(moment: number | null) => void} listener */
  on(listener) {
    this.listeners.push(listener);
  }

  /** @param {number | null} moment */
  point(moment) {
    if (moment === this.moment) return;
    this.moment = moment;
    for (const listener of this.listeners) listener(moment);
  }
}
