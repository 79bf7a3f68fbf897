// How the curves of one chart are drawn into a canvas: lines, what is still to come, what is no number, the cursor.
import { sizeOf } from "../core/dom.js";
import { value } from "../core/format.js";

/**
 * @typedef {object} Drawn
 * @property {number[]} xs
 * @property {number[]} ys
 * @property {string} color
 * @property {number} weight
 * @property {boolean} [whole] drawn up to its end whatever the moment: another run's
 * @property {number[]} [dash] what tells it from others beside its colour
 * @property {boolean} [faint] it steps back behind the one that is pointed at
 */
/**
 * @typedef {object} Look
 * @property {[number, number]} x the axis' ends
 * @property {[number, number]} y
 * @property {boolean} log
 * @property {Drawn[]} lines the last one on top
 * @property {number | null} cut on the x axis: what is after it is still to come
 * @property {number | null} cursor on the x axis
 * @property {string} [says] what the x axis is there
 * @property {[number, number] | null} marked a part of the x axis that is being chosen
 * @property {(token: string) => string} color
 */

const SIZE = [300, 84]; // pixels, of what has no box: on paper it has one
const EDGE = 3; // pixels that the canvas has around the plot, as the style sheet says: a dot at its edge is whole

/** Draw a chart into a canvas of its box's size. @param {HTMLCanvasElement} canvas @param {Look} look */
export function paint(canvas, look) {
  const ratio = globalThis.devicePixelRatio || 1, [w, h] = sizeOf(canvas), width = (w || SIZE[0]) - 2 * EDGE, height = (h || SIZE[1]) - 2 * EDGE;
  const wide = Math.round((width + 2 * EDGE) * ratio), high = Math.round((height + 2 * EDGE) * ratio);
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), { color } = look;
  const scale = look.log ? Math.log10 : Number;
  const bottom = scale(look.y[0]), across = look.x[1] - look.x[0] || 1, up = scale(look.y[1]) - bottom || 1;
  const x = (/** @type {number} */ at) => ((at - look.x[0]) / across) * width;
  const y = (/** @type {number} */ at) => 1 + (1 - (scale(at) - bottom) / up) * (height - 2);
  context.setTransform(ratio, 0, 0, ratio, EDGE * ratio, EDGE * ratio);
  context.clearRect(-EDGE, -EDGE, width + 2 * EDGE, height + 2 * EDGE);
  const edge = look.cut === null ? width : Math.min(width, Math.max(0, x(look.cut)));
  if (edge < width) {
    context.fillStyle = color("--sunk");
    context.fillRect(edge, 0, width - edge, height);
  }
  context.fillStyle = color("--line");
  for (const at of [0, Math.round(height / 2)]) context.fillRect(0, at, width, 1);
  for (const line of look.lines) {
    if (line.whole || edge >= width) stroke(context, line, line.color, 0, width);
    else {
      stroke(context, line, color("--later"), edge, width);
      stroke(context, line, line.color, 0, edge);
    }
  }
  if (look.marked) {
    context.fillStyle = color("--run");
    context.globalAlpha = 0.18;
    context.fillRect(x(look.marked[0]), 0, x(look.marked[1]) - x(look.marked[0]), height);
    context.globalAlpha = 1;
  }
  const upright = (/** @type {number | null} */ at, /** @type {string} */ token) => {
    if (at === null || x(at) < 0 || x(at) > width) return;
    context.fillStyle = color(token);
    context.fillRect(x(at), 0, 1, height);
  };
  if (edge < width) upright(look.cut, "--past");
  upright(look.cursor, "--ink");
  if (look.says && look.cursor !== null) {
    const wide = context.measureText(look.says).width + 6, left = x(look.cursor) > width / 2 ? x(look.cursor) - wide : x(look.cursor) + 1;
    context.fillStyle = color("--bg");
    context.fillRect(left, 1, wide, 12);
    context.fillStyle = color("--ink-2");
    context.fillText(look.says, left + 3, 10);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Drawn} line
   * @param {string} ink
   * @param {number} from
   * @param {number} to
   */
  function stroke(context, { xs, ys, weight, whole, dash = [], faint }, ink, from, to) {
    context.save();
    context.beginPath();
    context.rect(from - (from ? 0 : EDGE), -EDGE, to - from + (to < width ? 0 : 2 * EDGE), height + 2 * EDGE);
    context.clip();
    context.beginPath();
    /** @type {number[]} points that have no neighbour: dots, not nothing */
    const alone = [];
    /** @type {number[]} where there is a value that is no finite number, or has no place on a logarithmic axis */
    const odd = [];
    let pen = false;
    const place = (/** @type {number} */ n) => x(xs[n]) + y(ys[n]); // no finite number where it has none
    for (let n = 0; n < xs.length; n++) {
      if (!Number.isFinite(place(n))) {
        pen = false;
        if (Number.isFinite(xs[n])) odd.push(n);
        continue;
      }
      if (pen) context.lineTo(x(xs[n]), y(ys[n]));
      else context.moveTo(x(xs[n]), y(ys[n]));
      if (!pen && !Number.isFinite(place(n + 1))) alone.push(n);
      pen = true;
    }
    context.strokeStyle = context.fillStyle = ink;
    context.globalAlpha = faint ? 0.3 : 1;
    context.lineWidth = weight;
    context.lineJoin = "round";
    context.setLineDash(dash);
    context.stroke();
    for (const n of alone) {
      context.beginPath();
      context.arc(x(xs[n]), y(ys[n]), xs.length > 1 ? 2 : EDGE, 0, 2 * Math.PI);
      context.fill();
    }
    if (xs.length === 1 && look.lines.length === 1) context.fillText(value(ys[0]), x(xs[0]) + 2 * EDGE, y(ys[0]) + EDGE);
    if (!whole) {
      context.fillStyle = color("--fail");
      for (const n of odd) mark(context, x(xs[n]), ys[n]);
    }
    context.restore();
  }

  /** NaN at the bottom, the infinities at their ends. @param {CanvasRenderingContext2D} context @param {number} at @param {number} value */
  function mark(context, at, value) {
    const top = value === Infinity ? 0 : height - 5;
    context.fillRect(at - 1, top, 2, 5);
  }
}
