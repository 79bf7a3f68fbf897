// The player: one time; every region is a function of it. Drag the playhead, click the ruler, or take the keys.
import { color } from "./colors.js";
import { all, ask, make, one, say, set, tell } from "./dom.js";
import { clock, count, iso, span } from "./format.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];
const SHORTEST = 0.01; // seconds that the whole width stands for, at least
const LABEL = 74; // pixels that a label of the ruler takes
const DENSITY_EVERY = 5000;

/**
 * @param {import("./store.js").Store} store
 * @param {import("./scheduler.js").Scheduler} scheduler
 * @param {import("./rewind.js").Rewind} rewind
 */
export function timeline(store, scheduler, rewind) {
  const region = one(".timeline"), slider = one(".playhead", region), layer = one(".head-layer", region);
  const ruler = one(".ruler", region), grid = one(".lane-grid", region), activity = one(".activity", region);
  /** @type {{events: number[], errors: number[], from: number, to: number} | null} */
  let density = null;
  let rulerKey = "";

  const draw = () => {
    const seconds = Math.max(SHORTEST, store.since(store.end)), at = rewind.wish ?? store.moment;
    const t = store.ended && at >= store.end ? seconds : Math.min(seconds, Math.max(0, store.since(at)));
    const past = rewind.wish !== null || store.past !== null, ended = store.ended, lost = store.wire.status === "lost";
    document.body.classList.toggle("is-past", past);
    set(region, "--span", seconds.toFixed(3));
    set(region, "--end", seconds.toFixed(3));
    set(region, "--t", t.toFixed(3));
    slider.setAttribute("aria-valuemax", String(Math.round(seconds)));
    slider.setAttribute("aria-valuenow", String(Math.round(t)));
    slider.setAttribute("aria-valuetext", clock(at) + (past || ended ? "" : ", live"));
    tell("clock", clock(at));
    tell("offset", `+${span(t)}`);
    tell("ago", span(seconds - t));
    tell("return", ended ? "Back to the end" : "Back to live");
    tell("flag", past || ended || lost ? clock(at) : "LIVE");
    tell("mode", past ? (ended ? "Back to the end" : "Back to live") : ended ? "Ended" : lost ? "Waiting" : "Live");
    drawRuler(seconds, t);
  };

  /** @param {number} seconds @param {number} t */
  const drawRuler = (seconds, t) => {
    const width = ruler.clientWidth || 1, step = STEPS.find((one) => (one / seconds) * width >= LABEL) ?? 1_209_600;
    const zone = new Date(store.start / 1000).getTimezoneOffset() * 60;
    const begun = store.start / 1e6 - zone, first = Math.ceil(begun / step) * step - begun;
    const key = `${step}:${first}:${Math.floor((seconds - first) / step)}`;
    if (key !== rulerKey) {
      rulerKey = key;
      const marks = [];
      for (let at = first; at <= seconds; at += step) marks.push(at);
      const text = (/** @type {number} */ at) => clock(store.start + at * 1e6).slice(0, step % 60 ? 8 : 5);
      ruler.replaceChildren(...marks.map((at) => make("span", { style: `--s:${at}` }, text(at))));
      grid.replaceChildren(...marks.map((at) => make("i", { style: `--s:${at}` })));
    }
    for (const label of all("span", ruler)) { // labels under the flag give way to it, and none runs over the edge
      const at = Number(label.style.getPropertyValue("--s")), off = ((at - t) / seconds) * width;
      const hidden = (off > -LABEL && off < 36) || (at / seconds) * width > width - 34;
      label.style.color = hidden ? "transparent" : "";
    }
  };

  const drawActivity = () => {
    const width = activity.clientWidth, height = activity.clientHeight, ratio = devicePixelRatio || 1;
    if (!width || !density) return;
    activity.width = width * ratio;
    activity.height = height * ratio;
    const context = /** @type {CanvasRenderingContext2D} */ (activity.getContext("2d"));
    const { events, errors, from, to } = density;
    const highest = Math.max(1, ...events), reach = ((to - from) / Math.max(1, store.end - store.start)) * width * ratio;
    const left = ((from - store.start) / Math.max(1, store.end - store.start)) * width * ratio, pitch = reach / events.length;
    events.forEach((number, n) => {
      if (!number) return;
      const tall = Math.max(ratio, (number / highest) * activity.height);
      context.fillStyle = color(errors[n] ? "--fail" : "--ink-3");
      context.globalAlpha = errors[n] ? 1 : 0.75;
      const top = errors[n] ? 0 : activity.height - tall;
      context.fillRect(left + n * pitch, top, Math.max(ratio, pitch - ratio / 2), activity.height - top);
    });
  };

  const measure = async () => {
    const width = Math.min(600, Math.max(60, Math.round(activity.clientWidth / 3)));
    const { start, end } = store;
    const range = `width=${width}&from=${encodeURIComponent(iso(start))}&to=${encodeURIComponent(iso(end))}`;
    try {
      const [events, errors] = await Promise.all(
        ["events", "errors"].map((of) => ask(`/api/v1/runs/${store.run}/density?of=${of}&${range}`)),
      );
      density = { events: events.total ?? [], errors: errors.total ?? [], from: start, to: end };
      const total = density.events.reduce((sum, number) => sum + number, 0), seconds = Math.max(1, store.since(end));
      say(one('[data-out="rate"]', region), total ? `${count(total / seconds)} a second` : "");
      scheduler.request("activity");
    } catch {
      // no strip: the lanes say what happened
    }
  };

  /** @param {PointerEvent} event */
  const point = (event) => {
    const box = layer.getBoundingClientRect();
    rewind.to(store.start + Math.max(0, (event.clientX - box.left) / box.width) * (store.end - store.start));
  };

  slider.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    slider.setPointerCapture(event.pointerId);
    slider.onpointermove = point;
  });
  for (const end of ["pointerup", "pointercancel"]) slider.addEventListener(end, () => (slider.onpointermove = null));
  one(".reel-top", region).addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.target instanceof Element && event.target.closest(".ruler, .activity")) point(event);
  });
  one(".lanes", region).addEventListener("click", (/** @type {PointerEvent} */ event) => {
    if (event.target instanceof Element && event.target.closest(".track") && !event.target.closest(".tick:not(.is-error)")) {
      event.stopPropagation();
      point(event);
    }
  });

  rewind.onWish = () => scheduler.request("timeline");
  scheduler.add("timeline", draw, 0);
  scheduler.add("activity", drawActivity, 1);
  store.on(["state", "time", "wire"], () => {
    scheduler.request("timeline");
    scheduler.request("activity");
  });
  addEventListener("resize", () => {
    scheduler.request("timeline");
    scheduler.request("activity");
  });
  addEventListener("runreel:theme", () => scheduler.request("activity"));
  void measure();
  const timer = setInterval(() => {
    if (!document.hidden && store.wire.status !== "lost") void measure();
    if (store.ended) clearInterval(timer);
  }, DENSITY_EVERY);
}

/** Show a moment on the timeline without going there. @param {number | null} seconds since the run's start */
export function ghost(seconds) {
  const region = one(".timeline");
  one(".head-layer", region).classList.toggle("has-cursor", seconds !== null);
  if (seconds !== null) set(region, "--hover-t", seconds.toFixed(3));
}
