// What of a large drawing is in view: native scrolling to pan, Ctrl and the wheel (or a pinch) to zoom, a drag to move.
import { muteClick, set } from "../core/dom.js";

const LEAST = 0.08, MOST = 2, FAR = 0.5; // FAR: text is too small to be read
const MARGIN = 240; // pixels beyond the view that are drawn too, so that scrolling meets no hole
const SLACK = 4; // pixels: so little movement is a click

/** @typedef {{x: number, y: number, w: number, h: number}} Box */

export class Viewport {
  /**
   * @param {HTMLElement} body what scrolls
   * @param {HTMLElement} area what it holds, drawn at `--zoom`
   * @param {() => void} changed told when something else came into view
   * @param {() => void} moved told when the reader moved it
   */
  constructor(body, area, changed, moved) {
    this.body = body;
    this.area = area;
    this.changed = changed;
    this.zoom = 1;
    body.addEventListener("scroll", changed, { passive: true });
    body.addEventListener("wheel", (event) => {
      moved();
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = body.getBoundingClientRect();
      this.scale(this.zoom * Math.exp(-event.deltaY * 0.004), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    body.addEventListener("pointerdown", (event) => this.drag(event, moved));
    new ResizeObserver(changed).observe(body);
  }

  /** @param {PointerEvent} event @param {() => void} moved */
  drag(event, moved) {
    if (event.pointerType !== "mouse" || event.button !== 0 || (event.target instanceof Element && event.target.closest("button"))) return;
    const { body } = this, from = { x: event.clientX, y: event.clientY, left: body.scrollLeft, top: body.scrollTop };
    let dragging = false;
    /** @param {PointerEvent} next */
    const move = (next) => {
      const dx = next.clientX - from.x, dy = next.clientY - from.y;
      if (!dragging && Math.abs(dx) + Math.abs(dy) < SLACK) return;
      if (!dragging) {
        dragging = true;
        body.setPointerCapture(event.pointerId);
        body.classList.add("is-dragged");
        moved();
      }
      body.scrollLeft = from.left - dx;
      body.scrollTop = from.top - dy;
    };
    const end = () => {
      body.removeEventListener("pointermove", move);
      body.classList.remove("is-dragged");
      if (dragging) muteClick(); // it chooses nothing
    };
    body.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) body.addEventListener(name, end, { once: true });
  }

  /**
   * Zoom, and let the point at (x, y) of the view stay where it is.
   * @param {number} zoom
   * @param {number} [x]
   * @param {number} [y]
   */
  scale(zoom, x = this.body.clientWidth / 2, y = this.body.clientHeight / 2) {
    const next = Math.min(MOST, Math.max(LEAST, zoom)), { body } = this;
    const left = (body.scrollLeft + x) / this.zoom, top = (body.scrollTop + y) / this.zoom;
    this.zoom = next;
    set(this.area, "--zoom", next.toFixed(4));
    this.area.classList.toggle("is-far", next < FAR);
    body.scrollLeft = left * next - x;
    body.scrollTop = top * next - y;
    this.changed();
  }

  /** Show all of it, never larger than it is. @param {number} width @param {number} height */
  fit(width, height) {
    const space = 2 * this.area.offsetLeft;
    this.scale(Math.min(1, (this.body.clientWidth - space) / Math.max(1, width), (this.body.clientHeight - 16) / Math.max(1, height)));
    this.body.scrollTo(0, 0);
  }

  /** What is drawn: the part in view and a margin, in the drawing's own pixels. @returns {Box} */
  seen() {
    const { body, area, zoom } = this;
    return {
      x: (body.scrollLeft - area.offsetLeft - MARGIN) / zoom,
      y: (body.scrollTop - area.offsetTop - MARGIN) / zoom,
      w: (body.clientWidth + 2 * MARGIN) / zoom,
      h: (body.clientHeight + 2 * MARGIN) / zoom,
    };
  }

  /** Whether a box is wholly in view. @param {Box} box */
  holds(box) {
    const { body, area, zoom } = this, x = box.x * zoom + area.offsetLeft, y = box.y * zoom + area.offsetTop;
    return x >= body.scrollLeft && x + box.w * zoom <= body.scrollLeft + body.clientWidth
      && y >= body.scrollTop && y + box.h * zoom <= body.scrollTop + body.clientHeight;
  }

  /** Scroll so that a box is in view, a third from the left, where it is not. @param {Box} box */
  reveal(box) {
    if (this.holds(box)) return;
    const { body, area, zoom } = this;
    body.scrollTo(
      box.x * zoom + area.offsetLeft - body.clientWidth / 3,
      (box.y + box.h / 2) * zoom + area.offsetTop - body.clientHeight / 2,
    );
  }
}

/**
 * Let an SVG show just this part of the drawing, however large that is; it never makes the drawing larger.
 * @param {SVGElement} svg
 * @param {Box} box
 * @param {{width: number, height: number}} drawing
 */
export function frame(svg, box, drawing) {
  const x = Math.max(0, Math.floor(box.x)), y = Math.max(0, Math.floor(box.y));
  const w = Math.max(1, Math.min(drawing.width, Math.ceil(box.x + box.w)) - x), h = Math.max(1, Math.min(drawing.height, Math.ceil(box.y + box.h)) - y), key = `${x} ${y} ${w} ${h}`;
  if (svg.getAttribute("viewBox") === key) return;
  svg.setAttribute("viewBox", key);
  Object.assign(svg.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
}

/** Whether two boxes share a point. @param {Box} a @param {Box} b */
export const meet = (a, b) => a.x <= b.x + b.w && b.x <= a.x + a.w && a.y <= b.y + b.h && b.y <= a.y + a.h;

/** The box around the points of an edge. @param {[number, number][]} points @returns {Box} */
export function around(points) {
  let [left, top] = points[0] ?? [0, 0], right = left, bottom = top;
  for (const [x, y] of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { x: left, y: top, w: right - left, h: bottom - top };
}
