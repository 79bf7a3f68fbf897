// The metrics: small multiples on canvas, their points from the server's tiles and then from the stream.
import { color } from "./colors.js";
import { all, arrange, ask, clone, one, say, tell } from "./dom.js";
import { count, decoded, micros, name, stepName, value } from "./format.js";
import { axis, bounds, Curve, paint } from "./curve.js";
import { ghost } from "./timeline.js";

/** @typedef {import("./types.js").Columns} Columns */
/** @typedef {{key: string, label: string, path: string, name: string, element: HTMLElement, curve: Curve}} Chart */

const BATCH = 16, WIDTH = 300, PAUSE = 3000;

/**
 * @param {import("./store.js").Store} store
 * @param {import("./scheduler.js").Scheduler} scheduler
 * @param {(chart: {key: string, label: string}) => void} enlarge
 */
export function charts(store, scheduler, enlarge) {
  const region = one("#metrics"), box = one(".charts", region), select = one('[data-do="axis"]', region);
  /** @type {Map<string, Chart>} */
  const shown = new Map();
  const first = new Map(all(".chart", box).map((element) => [element.dataset.key ?? "", element]));
  /** @type {Set<string>} */
  const wanted = new Set();
  let asking = false, rest = 0;
  /** @type {number | null} a moment, in microseconds */
  let cursor = null;

  const list = () => {
    for (const [path, series] of Object.entries(store.live.series ?? {})) {
      for (const metric of Object.keys(series)) {
        const key = `${path}:${metric}`;
        if (!shown.has(key)) add(key, path, metric);
      }
    }
    order();
    one('[data-empty="metrics"]', region).hidden = shown.size > 0;
    tell("metrics", shown.size ? count(shown.size) : "");
  };

  /** @param {string} key @param {string} path @param {string} metric */
  const add = (key, path, metric) => {
    const element = first.get(key) ?? clone("t-chart"), label = (path ? `${stepName(path)}/` : "") + name(metric);
    const chart = { key, label, path, name: metric, element, curve: new Curve() };
    element.dataset.key = key;
    const caption = one(".clip", element);
    say(caption, label);
    caption.title = label;
    one(".chart-open", element).setAttribute("aria-label", `Enlarge ${label}`);
    one(".chart-open", element).addEventListener("click", () => enlarge(chart));
    shown.set(key, chart);
    scheduler.add(element, () => draw(chart), 2);
    scheduler.request(element);
  };

  /** What runs comes first, then what began last: charts move only when a step begins or ends. */
  const order = () => {
    const placed = [...shown.values()].map((chart) => {
      const step = chart.path ? store.live.steps?.[chart.path] : store.live;
      return { chart, going: step?.state === "RUNNING" || step?.state === "STALLED", begun: micros(step?.started) ?? 0 };
    });
    placed.sort((a, b) => Number(b.going) - Number(a.going) || b.begun - a.begun);
    arrange(box, placed.map(({ chart }) => chart.element));
  };

  /** @param {Chart} chart */
  const draw = (chart) => {
    const { element, curve } = chart;
    if (!curve.loaded) want(chart.key);
    const step = chart.path ? store.live.steps?.[chart.path] : store.live;
    const seen = (chart.path ? store.view.steps?.[chart.path] : store.view)?.state ?? "PENDING";
    element.dataset.state = seen;
    const series = store.view.series?.[chart.path]?.[chart.name];
    const byTime = select.value === "time", going = step?.state === "RUNNING" && !store.ended;
    const xs = byTime ? curve.time : curve.at, y = bounds(curve.value);
    const last = xs.length ? xs[xs.length - 1] : 1;
    /** @type {[number, number]} */
    const x = byTime ? [curve.time[0] ?? store.start, going ? Math.max(store.end, last) : last] : [xs[0] ?? 0, last];
    const place = (/** @type {number | null} */ moment) => {
      if (moment === null || byTime) return moment;
      const n = curve.time.findLastIndex((time) => time <= moment);
      return n < 0 ? x[0] : curve.at[n];
    };
    const inside = cursor !== null && curve.time.length > 0 && cursor >= curve.time[0] && cursor <= Math.min(store.moment, curve.time[curve.time.length - 1]);
    const output = one("output", element);
    if (cursor !== null) say(output, inside ? value(curve.valueAt(/** @type {number} */ (cursor))) : "–");
    else say(output, value(series?.last ?? null));
    const [high, low] = all("small", element);
    say(high, curve.time.length ? axis(y[1]) : "");
    say(low, curve.time.length ? axis(y[0]) : "");
    const canvas = one("canvas", element);
    const label = `${chart.label}: last ${value(series?.last ?? null)}, lowest ${value(series?.min ?? null)}, highest ${value(series?.max ?? null)}${curve.trend()}`;
    if (canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
    paint(canvas, {
      x, y, xs, ys: curve.value, cut: store.past ? place(store.past.at) : null, cursor: inside ? place(cursor) : null,
      running: seen === "RUNNING", color,
    });
  };

  /** Ask for the points of what came into view, many series at once. @param {string} key */
  const want = (key) => {
    wanted.add(key);
    if (asking || Date.now() < rest) return;
    asking = true;
    void store.begun.then(async () => {
      while (wanted.size) {
        const keys = [...wanted].slice(0, BATCH);
        keys.forEach((one) => wanted.delete(one));
        const query = keys.map((one) => `key=${encodeURIComponent(one)}`).join("&");
        try {
          const answer = /** @type {Record<string, Columns>} */ (await ask(`/api/v1/runs/${store.run}/series?${query}&x=time&width=${WIDTH}`));
          for (const one of keys) {
            const chart = shown.get(one);
            chart?.curve.load(answer[one] ?? { at: [], time: [], value: [] });
            if (chart) scheduler.request(chart.element);
          }
        } catch {
          rest = Date.now() + PAUSE;
          break; // what is in view asks again when it is drawn after that
        }
      }
      asking = false;
    });
  };

  const redraw = () => {
    for (const { element } of shown.values()) scheduler.request(element);
  };

  /** @param {number | null} moment */
  const point = (moment) => {
    if (moment === cursor) return;
    cursor = moment;
    box.classList.toggle("has-cursor", moment !== null);
    ghost(moment === null ? null : store.since(moment));
    redraw();
  };
  box.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const element = event.target instanceof Element ? event.target.closest(".chart") : null;
    const chart = element && shown.get(/** @type {HTMLElement} */ (element).dataset.key ?? "");
    if (!element || !chart || !chart.curve.time.length || select.value !== "time") return point(null);
    const plot = one(".plot", element).getBoundingClientRect(), { time } = chart.curve;
    const going = store.live.steps?.[chart.path]?.state === "RUNNING" && !store.ended;
    const to = going ? Math.max(store.end, time[time.length - 1]) : time[time.length - 1];
    point(Math.round(time[0] + Math.min(1, Math.max(0, (event.clientX - plot.left) / plot.width)) * (to - time[0])));
  });
  box.addEventListener("pointerleave", () => point(null));

  select.addEventListener("change", redraw);
  addEventListener("resize", redraw);
  addEventListener("runreel:theme", redraw);
  scheduler.add("charts", list, 1);
  store.on(["state"], () => {
    scheduler.request("charts");
    redraw();
  });
  store.on(["time"], redraw);
  store.on(["points"], (/** @type {Record<string, Columns> | null} */ points) => {
    if (points === null) for (const { curve } of shown.values()) curve.loaded = false;
    else for (const [key, columns] of Object.entries(points)) (shown.get(key) ?? shown.get(decodedKey(key)))?.curve.append(columns);
  });
  list();
}

/** A key with its series' name decoded: a name may come percent-encoded, as a path does. @param {string} key */
function decodedKey(key) {
  const colon = key.indexOf(":") + 1;
  return key.slice(0, colon) + decoded(key.slice(colon));
}
