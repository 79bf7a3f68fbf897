// Who draws when: 6 ms a frame, only what is in view, text first, each at most ten times a second.

const BUDGET = 6, PACE = 100;

/**
 * @typedef {object} Task
 * @property {() => void} draw
 * @property {number} order
 * @property {boolean} dirty
 * @property {boolean} visible
 * @property {number} drawn when it was last drawn, in milliseconds
 */

export class Scheduler {
  /**
   * @param {object} [parts] replaced in tests
   * @param {(act: () => void) => void} [parts.frame]
   * @param {() => number} [parts.now]
   */
  constructor(parts = {}) {
    this.frame = parts.frame ?? ((act) => void requestAnimationFrame(act));
    this.now = parts.now ?? (() => performance.now());
    /** @type {Map<unknown, Task>} */
    this.tasks = new Map();
    this.waiting = false;
    this.observer = typeof IntersectionObserver === "undefined" ? null : new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "80px" });
  }

  /**
   * @param {unknown} key an element that must be in view for it, or a name
   * @param {() => void} draw
   * @param {number} [order] less is sooner: 0 text, 1 shapes, 2 charts
   */
  add(key, draw, order = 0) {
    const watched = this.observer && typeof Element !== "undefined" && key instanceof Element;
    this.tasks.set(key, { draw, order, dirty: false, visible: !watched, drawn: -Infinity });
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
    task.dirty = true;
    if (task.visible) this.wake();
  }

  requestAll() {
    for (const key of this.tasks.keys()) this.request(key);
  }

  /** @param {{target: Element, isIntersecting: boolean}[]} entries */
  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const task = this.tasks.get(target);
      if (task) task.visible = isIntersecting;
      if (task?.dirty && isIntersecting) this.wake();
    }
  }

  wake() {
    if (this.waiting) return;
    this.waiting = true;
    this.frame(() => {
      this.waiting = false;
      this.run();
    });
  }

  run() {
    const begun = this.now();
    const due = [...this.tasks.values()].filter((task) => task.dirty && task.visible);
    due.sort((a, b) => a.order - b.order || a.drawn - b.drawn); // among equals the one that waited longest
    for (const task of due) {
      const now = this.now();
      if (now - task.drawn < PACE) continue;
      if (now - begun >= BUDGET && task !== due[0]) break;
      task.dirty = false;
      task.drawn = now;
      task.draw();
    }
    if (due.some((task) => task.dirty)) this.wake();
  }
}
