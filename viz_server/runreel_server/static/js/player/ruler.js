// The ruler above the lanes: round times of the clock, as many as there is room for.
import { all, make, sizeOf } from "../core/dom.js";
import { clock } from "../core/format.js";

const STEPS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800,
];
const LABEL = 74; // pixels that a label takes
const PAPER = 420; // pixels that an upright page has for it: it is laid out after it was drawn
let most = Infinity;
addEventListener("beforeprint", () => (most = PAPER));
addEventListener("afterprint", () => (most = Infinity));

/** @param {HTMLElement} ruler */
const widthOf = (ruler) => Math.min(most, sizeOf(ruler)[0] || 1);

/**
 * @param {HTMLElement} ruler
 * @param {HTMLElement} grid
 * @param {{start: number, from: number, span: number, key: string}} shown the run's start in microseconds; seconds since then
 */
export function drawRuler(ruler, grid, shown) {
  const width = widthOf(ruler), { start, from, span } = shown;
  const step = STEPS.find((one) => (one / span) * width >= LABEL) ?? 1_209_600;
  const zone = new Date(start / 1000).getTimezoneOffset() * 60, begun = start / 1e6 - zone + from;
  const first = Math.ceil(begun / step) * step - begun + from, last = from + span;
  const key = `${step}:${first.toFixed(3)}:${Math.floor((last - first) / step)}`;
  if (ruler.dataset.key === key) return;
  ruler.dataset.key = key;
  const marks = [];
  for (let at = first; at <= last; at += step) marks.push(at);
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const text = (/** @type {number} */ at) => (step % 60 ? clock(start + at * 1e6, digits) : clock(start + at * 1e6).slice(0, 5));
  ruler.replaceChildren(...marks.map((at) => make("span", { style: `--s:${at}` }, text(at))));
  grid.replaceChildren(...marks.map((at) => make("i", { style: `--s:${at}` })));
}

/** Labels under the flag give way to it, and none runs over the edge. @param {HTMLElement} ruler @param {{from: number, span: number}} shown @param {number} t */
export function yieldTo(ruler, shown, t) {
  const width = widthOf(ruler);
  for (const label of all("span", ruler)) {
    const at = Number(label.style.getPropertyValue("--s")), place = ((at - shown.from) / shown.span) * width, off = place - ((t - shown.from) / shown.span) * width;
    label.style.color = (off > -LABEL && off < 36) || place > width - 34 ? "transparent" : "";
  }
}
