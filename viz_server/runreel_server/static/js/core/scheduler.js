// Who draws when: 6 ms a frame, after a rest more, so that a click is answered in one; only what is in view, text first, each at most ten times a second, and less often what
// takes long: no more than a tenth of the time. What text kept waiting for too long comes before it, so that on a slow
// machine the page falls behind as a whole, not in parts.

const BUDGET = 6, BURST = 30, SAVED = 0.2; // milliseconds of a frame; at most, and how much of a rest is saved for that
const PACE = 100, LONG = 300;
const SHARE = 10, RAREST = 1000; // a draw of 20 ms has 200 between two; at most a second
const FRAME = 16; // milliseconds: what is due so soon is due in the next frame

/**
 * @typedef {object} Task
 * @property {(whole?: boolean) => void} draw told whether all is drawn, in view or not
 * @property {() => void} [leave] told when it is out of view; then it is drawn anew when it comes back
 * @property {number} order
 * @property {boolean} dirty
 * @property {number} since when it was asked for
 * @property {boolean} visible
 * @property {number} drawn when it was last drawn, in milliseconds
 * @property {number} pace milliseconds until it may be drawn again
 */

export class Scheduler {
  /**
   * @param {object} [parts] replaced in tests
   * @param {(act: () => void) => void} [parts.frame]
   * @param {(act: () => void, delay: number) => any} [parts.later]
   * @param {() => number} [parts.now]
   */
  constructor(parts = {}) {
    this.frame = parts.frame ?? ((act) => void requestAnimationFrame(act));
    this.later = parts.later ?? ((act, delay) => setTimeout(act, delay));
    this.now = parts.now ?? (() => performance.now());
    /** @type {Map<unknown, Task>} */
    this.tasks = new Map();
    this.waiting = false;
    this.saved = 0;
    this.ended = this.now(); // when something was last drawn
    /** What waits for its time only: another one that is asked for does not wait for it. @type {object | null} */
    this.timer = null;
    const margin = { rootMargin: "80px", scrollMargin: "80px" }; // the second where the browser has it: of what scrolls in the page
    this.observer = typeof IntersectionObserver === "undefined" ? null : new IntersectionObserver((entries) => this.seen(entries), margin);
  }

  /**
   * @param {unknown} key an element that must be in view for it, or a name
   * @param {(whole?: boolean) => void} draw
   * @param {number} [order] less is sooner: 0 text, 1 shapes, 2 charts
   * @param {() => void} [leave] what it costs out of view can be let go of
   */
  add(key, draw, order = 0, leave = undefined) {
    const watched = this.observer && typeof Element !== "undefined" && key instanceof Element;
    this.tasks.set(key, { draw, leave, order, dirty: false, since: 0, visible: !watched, drawn: -Infinity, pace: PACE });
    if (watched) this.observer?.observe(/** @type {Element} */ (key));
  }

  /** @param {unknown} key */
  remove(key) {
    this.tasks.delete(key);
    if (typeof Element !== "undefined" && key instanceof Element) this.observer?.unobserve(key);
  }

  /** Ask for a draw. @param {unknown} key */
  request(key) {
    const task = this.tasks.get(key);
    if (!task) return;
    if (!task.dirty) task.since = this.now();
    task.dirty = true;
    if (task.visible) this.wake();
  }

  requestAll() {
    for (const key of this.tasks.keys()) this.request(key);
  }

  /** Draw all of it now, in view or not: it is to be printed. */
  all() {
    for (const task of this.tasks.values()) task.draw(true);
  }

  /** @param {{target: Element, isIntersecting: boolean}[]} entries */
  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const task = this.tasks.get(target);
      if (!task) continue;
      if (task.visible && !isIntersecting && task.leave) {
        task.leave();
        task.dirty = true;
      }
      task.visible = isIntersecting;
      if (task.dirty && isIntersecting) this.wake();
    }
  }

  wake() {
    this.timer = null;
    if (this.waiting) return;
    this.waiting = true;
    this.frame(() => {
      this.waiting = false;
      this.run();
    });
  }

  run() {
    const begun = this.now(), saved = Math.min(BURST, this.saved + (begun - this.ended) * SAVED);
    const due = [...this.tasks.values()].filter((task) => task.dirty && task.visible);
    const place = (/** @type {Task} */ task) => (begun - task.since > LONG ? -1 : task.order);
    due.sort((a, b) => place(a) - place(b) || a.drawn - b.drawn); // among equals the one that waited longest
    for (const task of due) {
      const now = this.now();
      if (now - task.drawn < task.pace) continue;
      if (now - begun >= Math.max(BUDGET, saved) && task !== due[0]) break;
      task.dirty = false;
      task.drawn = now;
      task.draw();
      task.pace = Math.min(RAREST, Math.max(PACE, (this.now() - now) * SHARE));
    }
    this.ended = this.now();
    this.saved = Math.max(0, saved - (this.ended - begun));
    const left = due.filter((task) => task.dirty && task.visible);
    if (!left.length) return;
    const wait = Math.min(...left.map((task) => task.drawn + task.pace)) - this.now();
    if (wait <= FRAME) return this.wake();
    const mine = (this.timer = {});
    this.later(() => this.timer === mine && this.wake(), wait - FRAME / 2);
  }
}
