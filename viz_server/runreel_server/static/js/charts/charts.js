// The metrics: small multiples on canvas, in an order of their own, drawn when they are in view.
import { all, arrange, load, muteClick, one, sizeOf, tell } from "../core/dom.js";
import { count, decoded, micros, name } from "../core/format.js";
import { scope } from "../core/scope.js";
import { below, Curve } from "./curve.js";
import { Options } from "./options.js";
import { labelOf, Panel } from "./panel.js";
import { Points } from "./points.js";

/** @typedef {import("../core/types.js").Columns} Columns */
/** @typedef {import("./panel.js").Series} Series */

const SLACK = 6; // pixels: so little movement is a click
const VALUE = 66; // pixels beside a name, for the value
const PAGE = 48; // so many charts are in the page, and as many more whenever the last of them comes into view

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {{address: import("../core/address.js").Address, choice: import("../core/choice.js").Choice, cursor: import("../core/cursor.js").Cursor}} shared
 * @param {(panel: Panel, options: import("./options.js").Chosen & {zoom: import("./panel.js").Zoom}) => void} enlarge
 */
export function charts(store, scheduler, { address, choice, cursor }, enlarge) {
  const region = one("#metrics"), box = one(".charts", region), reset = one('[data-do="zoom-charts"]', region), scoped = scope(region, choice);
  /** @type {Map<string, Series>} */
  const known = new Map();
  /** @type {Map<string, Panel>} */
  const panels = new Map();
  const made = new Map(all(".chart", box).map((element) => [element.dataset.key ?? "", element]));
  /** @type {import("./panel.js").Zoom} */
  let zoom = null;
  /** @type {[number, number] | null} */
  let marked = null;
  let grouped = false, limit = PAGE;
  /** @type {import("./panel.js").More} */
  const more = {};
  /** @type {Panel | null} that is pointed at */
  let pointed = null;
  /** @type {number | null} pointed at, where the axis is of indices */
  let index = null;
  let entitled = 0; // the width of the charts whose names were made to fit; 0: others have come
  /** @type {Panel | undefined} after which there are more */
  let last;

  const options = new Options(address, store.live.pipeline ?? "", () => {
    arrive();
    if (options.now.x !== shown) setZoom(null);
    shown = options.now.x;
    list();
    redraw();
  });
  let shown = options.now.x;
  const points = new Points(store, (key, columns) => {
    known.get(key)?.curve.load(columns);
    redraw();
  });

  /** @param {import("./panel.js").Zoom} next */
  const setZoom = (next) => {
    zoom = next;
    delete more.detail;
    reset.hidden = next === null;
    if (next) bring("detail", ({ Detail }) => (zoom === next ? new Detail(store, options.now.x, next, redraw) : more.detail));
  };

  const regroup = () => {
    grouped = options.now.group;
    box.classList.toggle("is-grouped", grouped);
    for (const panel of panels.values()) leave(panel);
    panels.clear();
    for (const series of known.values()) put(series);
  };

  /** What the options ask for. */
  const arrive = () => {
    if (options.now.group !== grouped) regroup();
    if (grouped && !more.together) bring("together", ({ Together }) => new Together(choice));
    if (options.now.last && !more.before) bring("before", ({ Before }) => new Before(store, redraw));
  };

  /** Load what only some charts need; without it they are plainer. @param {keyof import("./panel.js").More} part @param {(module: any) => any} made */
  const bring = (part, made) => void load(`charts/${part}`).then((module) => {
    more[part] = made(module);
    redraw();
  }, () => {});

  /** @param {Series} series */
  const put = (series) => {
    const id = grouped ? `*:${series.name}` : series.key, label = grouped ? name(series.name) : labelOf(series.path, series.name);
    let panel = panels.get(id);
    if (!panel) panels.set(id, (panel = new Panel(id, label)));
    panel.series.push(series);
    if (panel.element) scheduler.request(panel.element);
  };

  /** @param {Panel} panel */
  const elementOf = (panel) => {
    if (panel.element) return panel.element;
    entitled = 0;
    const element = panel.enter(grouped ? undefined : made.get(panel.id));
    // each canvas with something in it is a layer of its own to the browser, also where it is not seen
    scheduler.add(element, (whole) => draw(panel, element, whole), 2, () => {
      if (!matchMedia("print").matches) one("canvas", element).width = 0;
    });
    scheduler.request(element);
    return element;
  };

  /** @param {Panel} panel */
  const leave = (panel) => {
    if (!panel.element) return;
    scheduler.remove(panel.element);
    panel.element = null;
    entitled = 0;
  };

  /** @type {string | null} of which present the list is */
  let listed = null;

  const list = () => {
    listed = store.position;
    for (const [path, series] of Object.entries(store.live.series ?? {})) {
      for (const metric of Object.keys(series)) {
        const key = `${path}:${metric}`;
        if (known.has(key)) continue;
        const one = { key, path, name: metric, curve: new Curve() };
        known.set(key, one);
        put(one);
      }
    }
    const filter = options.now.filter.toLowerCase();
    const like = [...panels.values()].filter(({ series }) => !filter || series.some((one) => labelOf(one.path, one.name).toLowerCase().includes(filter)));
    const wanted = scoped(like, (panel) => panel.series.some(({ path }) => choice.covers(path)));
    const ordered = order(wanted), shown = new Set(ordered.slice(0, limit));
    for (const panel of panels.values()) if (!shown.has(panel)) leave(panel);
    arrange(box, [...shown].map(elementOf));
    last = ordered.length > limit ? ordered[limit - 1] : undefined;
    if (last?.element) scheduler.request(last.element);
    one('[data-empty="metrics"]', region).hidden = panels.size > 0;
    one('[data-none="metrics"]', region).hidden = !panels.size || like.length > 0;
    tell("metrics", panels.size ? (wanted.length < panels.size ? `${count(wanted.length)} of ${count(panels.size)}` : count(panels.size)) : "");
  };

  /** Pinned ones as they were pinned; then what runs, then what began last: charts move only when a step begins or ends. @param {Panel[]} some */
  const order = (some) => {
    const placed = some.map((panel) => {
      const steps = panel.series.map(({ path }) => (path ? store.live.steps?.[path] : store.live)), pin = options.pins.indexOf(panel.label);
      return {
        panel, pin: pin < 0 ? Infinity : pin,
        going: steps.some((step) => step?.state === "RUNNING" || step?.state === "STALLED"),
        begun: Math.max(...steps.map((step) => micros(step?.started) ?? 0)),
      };
    });
    placed.sort((a, b) => (a.pin === b.pin ? 0 : a.pin - b.pin) || Number(b.going) - Number(a.going) || b.begun - a.begun);
    return placed.map(({ panel }) => panel);
  };

  /** Names that have room, of which no two are the same. @param {number} width of a chart */
  const entitle = (width) => {
    entitled = width;
    const captions = [...panels.values()].flatMap(({ element }) => (element ? one(".clip", element) : []));
    more.names?.shorten(captions, width - VALUE);
    if (!more.names && captions.some((caption) => caption.scrollWidth > width - VALUE)) bring("names", (module) => ((entitled = 0), module));
  };

  /** @param {Panel} panel @param {HTMLElement} element @param {boolean} [whole] */
  const draw = (panel, element, whole) => {
    if (panel === last && !whole) {
      limit += PAGE;
      last = undefined;
      scheduler.request("charts");
    }
    for (const { key, curve } of panel.series) if (!curve.loaded) points.want(key);
    const [width] = sizeOf(element);
    if (width && Math.abs(width - entitled) > 1) entitle(width); // columns of a third of a pixel are now one wider, now not
    panel.draw(element, store, options.now, { moment: cursor.moment, index, pointed: panel === pointed, zoom, marked, pinned: options.pins.includes(panel.label), more });
  };

  const redraw = () => {
    for (const { element } of panels.values()) if (element) scheduler.request(element);
  };

  /** @param {Event} event @returns {Panel | undefined} */
  const under = (event) => panels.get((event.target instanceof Element && event.target.closest(".chart")?.getAttribute("data-key")) || "");

  /** The place on the x axis of a pointer. @param {Panel} panel @param {PointerEvent} event */
  const at = (panel, event) => {
    const plot = one(".plot", panel.element ?? box).getBoundingClientRect(), [from, to] = panel.ends(store, options.now.x, zoom);
    return from + Math.min(1, Math.max(0, (event.clientX - plot.left) / plot.width)) * (to - from);
  };

  const unpoint = () => {
    pointed = index = null;
    more.together?.leave();
    cursor.point(null);
  };

  cursor.on((moment) => {
    box.classList.toggle("has-cursor", moment !== null);
    redraw();
  });
  box.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const panel = under(event), by = options.now.x, curve = panel?.series.find(({ curve }) => curve.time.length)?.curve;
    if (!panel || !curve) return unpoint();
    let x = at(panel, event);
    if (curve.time.length === 1 && panel.series.length === 1) [x] = panel.xs(curve, by, store.start);
    pointed = panel;
    index = by === "at" ? x : null;
    more.together?.point(panel, event, x, options.now, store);
    cursor.point(Math.round(by === "time" ? x : by === "at" ? curve.time[Math.max(0, below(curve.at, x))] : store.start + x * 1e6));
    redraw(); // the same moment may be pointed at by another index, or nearer to another line
  });
  box.addEventListener("pointerleave", unpoint);
  box.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    const panel = under(event), button = event.target instanceof Element && event.target.closest(".chart-open");
    if (!panel || !button || event.button !== 0 || event.pointerType !== "mouse") return;
    const begun = event.clientX, from = at(panel, event);
    const move = (/** @type {PointerEvent} */ next) => {
      if (!marked && Math.abs(next.clientX - begun) < SLACK) return;
      const to = at(panel, next);
      marked = [Math.min(from, to), Math.max(from, to)];
      redraw();
    };
    const end = () => {
      removeEventListener("pointermove", move);
      if (!marked) return;
      muteClick(); // a drag opens nothing
      if (marked[1] > marked[0]) setZoom({ from: marked[0], to: marked[1] });
      marked = null;
      redraw();
    };
    addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, end, { once: true });
  });
  box.addEventListener("click", (/** @type {Event} */ event) => {
    const panel = under(event);
    if (!panel || !(event.target instanceof Element)) return;
    if (event.target.closest(".chart-pin")) options.pin(panel.label);
    else enlarge(panel, { ...options.now, zoom });
  });
  reset.addEventListener("click", () => {
    setZoom(null);
    redraw();
  });

  addEventListener("resize", redraw);
  addEventListener("runreel:theme", redraw);
  scheduler.add("charts", list, 1);
  choice.on(() => {
    list();
    redraw();
  });
  store.on(["state"], () => {
    if (!listed || listed !== store.position) scheduler.request("charts"); // it is the present's, whatever moment is looked at
    redraw();
  });
  store.on(["time"], redraw);
  store.on(["clock"], () => {
    for (const series of known.values()) series.curve = new Curve(); // those points lie where they were not said
  });
  store.on(["points"], (/** @type {Record<string, Columns> | null} */ came) => {
    if (came === null) for (const { curve } of known.values()) curve.loaded = false;
    else for (const [key, columns] of Object.entries(came)) (known.get(key) ?? known.get(decodedKey(key)))?.curve.append(columns);
  });
  arrive();
  list();
  /** Open the chart of a series. @param {string} key */
  const open = (key) => {
    const panel = [...panels.values()].find(({ series }) => series.some((one) => one.key === key));
    if (panel) enlarge(panel, { ...options.now, zoom });
  };
  return { open, ready: () => Promise.all([points.loading, more.before?.points.loading]) };
}

/** A key with its series' name decoded: a name may come percent-encoded, as a path does. @param {string} key */
function decodedKey(key) {
  const colon = key.indexOf(":") + 1;
  return key.slice(0, colon) + decoded(key.slice(colon));
}
