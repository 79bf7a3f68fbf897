// The player: one time; every region is a function of it. Drag the playhead, click the ruler, or take the keys.
import { all, muteClick, one, set, tell } from "../core/dom.js";
import { clock, moment, span, utc } from "../core/format.js";
import { drawRuler, yieldTo } from "./ruler.js";

const ZOOM = 1.5, SLOW = 0.0015;
const SLACK = 4; // pixels: so little movement is a click

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("./rewind.js").Rewind} rewind
 * @param {import("./play.js").Play} play
 * @param {import("./window.js").Window} part
 * @param {import("../core/cursor.js").Cursor} cursor
 */
export function timeline(store, scheduler, rewind, play, part, cursor) {
  const region = one(".timeline"), slider = one(".playhead", region), layer = one(".head-layer", region);
  const ruler = one(".ruler", region), grid = one(".lane-grid", region), reel = one(".reel", region);
  const clocks = all('b:is([data-out="clock"], [data-out="moment"])');
  let dragging = false;

  /** Where the playhead stands, in seconds. */
  const standing = () => {
    const at = Math.min(play.playing ? play.at : rewind.here, store.end), whole = part.whole;
    return { at, t: store.ended && at >= store.end ? whole : Math.min(whole, Math.max(0, store.since(at))) };
  };

  /** Only the playhead: it follows the hand at every frame. */
  const place = () => {
    const { at, t } = standing();
    if (play.playing) part.hold(t);
    set(layer, "--t", t.toFixed(3));
    set(region, "--from", part.from.toFixed(3));
    layer.classList.toggle("is-outside", part.share(t) < 0 || part.share(t) > 1.0001);
    const past = rewind.wish !== null || store.past !== null || play.playing;
    tell("clock", clock(at));
    tell("moment", moment(at, store.present));
    for (const one of clocks) one.title = utc(at);
    tell("offset", `+${span(t)}`);
    tell("flag", past || store.ended || store.wire.status === "lost" ? clock(at) : "LIVE");
  };

  const draw = () => {
    const { at, t } = standing(), past = rewind.wish !== null || store.past !== null, ended = store.ended, lost = store.wire.status === "lost";
    document.body.classList.toggle("is-past", past);
    set(region, "--span", part.span.toFixed(3));
    set(region, "--end", part.whole.toFixed(3));
    place();
    slider.setAttribute("aria-valuemax", String(Math.round(part.whole)));
    slider.setAttribute("aria-valuenow", String(Math.round(t)));
    slider.setAttribute("aria-valuetext", clock(at) + (past || ended ? "" : ", live"));
    const edge = ended ? "the end" : "now";
    tell("ago", at < store.start ? "before its start" : at < store.end ? `${span(part.whole - t)} before ${edge}` : edge);
    tell("return", ended ? "Back to the end" : "Back to live");
    tell("mode", past ? (ended ? "Back to the end" : "Back to live") : ended ? "Ended" : lost ? "Waiting" : "Live");
    drawRuler(ruler, grid, { start: store.start, from: part.from, span: part.span, key: "" });
    yieldTo(ruler, part, t);
  };

  /** The share of the width at which a pointer is. @param {{clientX: number}} event */
  const share = (event) => {
    const box = layer.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };

  /** @param {PointerEvent} event @param {HTMLElement} holder */
  const drag = (event, holder) => {
    if (event.button !== 0) return;
    event.preventDefault();
    slider.focus({ preventScroll: true });
    holder.setPointerCapture(event.pointerId);
    dragging = true;
    rewind.onTaken();
    /** @param {PointerEvent} next */
    const move = (next) => {
      if (!dragging) return;
      rewind.to(store.start + part.at(share(next)) * 1e6, part.zoomed && !part.part?.stuck ? 0 : undefined);
    };
    holder.onpointermove = move;
    const end = () => {
      dragging = false;
      holder.onpointermove = null;
      rewind.settle();
    };
    for (const name of ["pointerup", "pointercancel"]) holder.addEventListener(name, end, { once: true });
    if (holder !== slider) move(event);
  };

  for (const near of ["pointerenter", "focusin"]) region.addEventListener(near, () => void rewind.prepare(), { once: true });
  slider.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => drag(event, slider));
  ruler.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => drag(event, ruler));
  one(".strip", region).addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (!part.zoomed) return drag(event, one(".strip", region));
    part.show(share(event) * part.whole - part.span / 2, part.span); // the strip has the whole run: it moves the window
    again();
  });
  one(".lanes", region).addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (!part.zoomed || event.button !== 0 || event.pointerType !== "mouse" || (event.target instanceof Element && event.target.closest("a"))) return;
    const begun = event.clientX, from = part.from;
    let moved = false;
    /** @param {PointerEvent} next */
    const move = (next) => {
      const way = next.clientX - begun;
      if (!moved && Math.abs(way) < SLACK) return;
      moved = true;
      part.show(from - (way / layer.clientWidth) * part.span, part.span);
      again();
    };
    const end = () => {
      removeEventListener("pointermove", move);
      if (moved) muteClick(); // it goes nowhere and chooses nothing
    };
    addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, end, { once: true });
  });
  one(".lanes", region).addEventListener("click", (/** @type {PointerEvent} */ event) => {
    if (event.target instanceof Element && event.target.closest(".track") && !event.target.closest("a")) {
      event.stopPropagation();
      rewind.onTaken();
      rewind.go(store.start + part.at(share(event)) * 1e6);
    }
  });
  reel.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    const above = event.target instanceof Element && event.target.closest(".reel-top");
    if (event.ctrlKey || event.metaKey || (above && !event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX))) {
      event.preventDefault();
      part.zoom(Math.exp(event.deltaY * SLOW), share(event));
      again();
    } else if (part.zoomed && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
      event.preventDefault();
      part.pan(((event.deltaX || event.deltaY) / layer.clientWidth) * part.span);
      again();
    }
  }, { passive: false });

  const again = () => {
    for (const task of ["timeline", "activity", "lanes"]) scheduler.request(task);
  };
  cursor.on((moment) => {
    layer.classList.toggle("has-cursor", moment !== null);
    if (moment !== null) set(region, "--hover-t", store.since(moment).toFixed(3));
  });
  rewind.onWish = () => {
    place();
    if (!document.body.classList.contains("is-past")) scheduler.request("timeline"); // else with the moment's state
  };
  scheduler.add("timeline", draw, 0);
  store.on(["state", "time", "wire"], () => scheduler.request("timeline"));
  addEventListener("resize", () => scheduler.request("timeline"));
  return {
    /** @param {1 | -1} way */
    zoom: (way) => {
      const here = part.share(standing().t);
      part.zoom(way > 0 ? 1 / ZOOM : ZOOM, here >= 0 && here <= 1 ? here : 0.5);
      again();
    },
    fit: () => {
      part.fit();
      again();
    },
  };
}
