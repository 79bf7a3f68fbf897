// The strip "events a second": the whole run always, errors in it, and the part of it that the lanes show.
import { color } from "../core/colors.js";
import { ask, one, say, sizeOf } from "../core/dom.js";
import { iso, value } from "../core/format.js";

const AGAIN = 5000; // milliseconds between two looks while a run goes on

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("./window.js").Window} part
 */
export function strip(store, scheduler, part) {
  const region = one(".timeline"), canvas = one(".activity", region), brush = one(".brush", region);
  /** @type {{events: number[], errors: number[], from: number, to: number} | null} */
  let density = null;

  const draw = () => {
    const [width, height] = sizeOf(canvas), ratio = devicePixelRatio || 1;
    brush.hidden = !part.zoomed;
    if (part.zoomed) {
      brush.style.left = `${((part.from / part.whole) * 100).toFixed(2)}%`;
      brush.style.width = `${((part.span / part.whole) * 100).toFixed(2)}%`;
    }
    if (!width || !density) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { events, errors, from, to } = density, span = Math.max(1, store.end - store.start);
    const highest = Math.max(1, ...events), reach = ((to - from) / span) * width * ratio;
    const left = ((from - store.start) / span) * width * ratio, pitch = reach / events.length;
    events.forEach((number, n) => {
      if (!number) return;
      const tall = Math.max(ratio, (number / highest) * canvas.height);
      context.fillStyle = color(errors[n] ? "--fail" : "--ink-3");
      context.globalAlpha = errors[n] ? 1 : 0.75;
      const top = errors[n] ? 0 : canvas.height - tall;
      context.fillRect(left + n * pitch, top, Math.max(ratio, pitch - ratio / 2), canvas.height - top);
    });
  };

  const measure = async () => {
    const width = Math.min(600, Math.max(60, Math.round(canvas.clientWidth / 3)));
    const { start, end } = store;
    const range = `width=${width}&from=${encodeURIComponent(iso(start))}&to=${encodeURIComponent(iso(end))}`;
    try {
      const [events, errors] = await Promise.all(
        ["events", "errors"].map((of) => ask(`/api/v1/runs/${store.run}/density?of=${of}&${range}`)),
      );
      density = { events: events.total ?? [], errors: errors.total ?? [], from: start, to: end };
      const total = density.events.reduce((sum, number) => sum + number, 0), seconds = Math.max(1, store.since(end));
      say(one('[data-out="rate"]', region), total ? `${value(total / seconds)} on average` : "");
      scheduler.request("activity");
    } catch {
      // no strip: the lanes say what happened
    }
  };

  const again = () => scheduler.request("activity");
  scheduler.add("activity", draw, 1);
  store.on(["state", "time", "wire"], again);
  addEventListener("resize", again);
  addEventListener("runreel:theme", again);
  void measure();
  const timer = setInterval(() => {
    if (!document.hidden && store.wire.status !== "lost") void measure();
    if (store.ended) clearInterval(timer);
  }, AGAIN);
}
