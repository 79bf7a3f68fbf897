// The rail: the whole log as one strip, its errors and the hits of a search in it, and the part that is in view. It scrolls.
import { ask, one, set } from "../core/dom.js";
import { clock, iso } from "../core/format.js";

const WIDTH = 400, HEIGHT = 996, AGAIN = 10_000, LEAST = 20; // buckets; units of the drawing; milliseconds; pixels of the thumb
const REST = 300; // milliseconds at a moment until the rail is that moment's
const MOST = 4 * WIDTH; // buckets, however long the run goes on after it was measured

/** Where a moment stands: by how many lines of the log come before it. */
export class Scale {
  /** @param {number[]} counts lines in each of as many equal spans of time @param {number} from microseconds since 1970 @param {number} to the same */
  constructor(counts, from, to) {
    this.from = from;
    this.pitch = Math.max(1, to - from) / counts.length;
    /** @type {number[]} how many lines there are up to each edge */
    this.edges = [0];
    for (const count of counts) this.edges.push(this.total + count);
  }

  get total() {
    return this.edges[this.edges.length - 1];
  }

  /** Lines that came after it was measured. @param {number} count @param {number} now */
  grow(count, now) {
    while (now - this.from > MOST * this.pitch) this.join();
    while (this.from + (this.edges.length - 1) * this.pitch < now) this.edges.push(this.total);
    this.edges[this.edges.length - 1] += count;
  }

  /** Each two buckets become one. */
  join() {
    const { edges, total } = this;
    this.edges = edges.filter((_, n) => n % 2 === 0);
    if (edges.length % 2 === 0) this.edges.push(total);
    this.pitch *= 2;
  }

  /** From 0 to 1: how much of the log comes before a moment. @param {number} time */
  place(time) {
    const { edges } = this, x = Math.min(edges.length - 1, Math.max(0, (time - this.from) / this.pitch)), n = Math.floor(x);
    return (edges[n] + ((edges[n + 1] ?? 0) - edges[n]) * (x - n)) / (this.total || 1);
  }

  /** The moment before which such a part of the log lies. @param {number} share from 0 to 1 */
  moment(share) {
    const { edges } = this, wanted = share * this.total, n = Math.max(1, edges.findIndex((edge) => edge >= wanted && edge > 0));
    return Math.round(this.from + (n - 1 + (wanted - edges[n - 1]) / (edges[n] - edges[n - 1] || 1)) * this.pitch);
  }
}

/** Moments, of very many no more than the drawing tells apart. @param {number[]} times @returns {number[]} */
export function thinned(times) {
  if (times.length <= MOST) return times;
  const down = [...times].sort((a, b) => b - a), span = down[0] - down[down.length - 1];
  const pitch = 2 ** Math.ceil(Math.log2(span / HEIGHT || 1)); // buckets lie in those of the next time: no gap opens between them
  return [...new Map(down.map((time) => [Math.floor(time / pitch), time])).values()];
}

/**
 * @param {import("../core/store.js").Store} store
 * @param {(time: number) => void} jump told where the reader wants to be
 */
export function rail(store, jump) {
  const strip = one("#log .rail"), thumb = one("i", strip);
  let scale = new Scale([0], 0, 1), known = false, due = false, measured = Infinity, held = false, resting = 0, seen = [0, 0];
  /** @type {AbortController | null} of what is being counted */
  let counting = null;
  /** @type {Record<string, number[]>} */
  const marks = { errors: [], hits: [] };

  /** @param {number} share @param {number} height */
  const put = (share, height) => {
    set(thumb, "--y", `${(share * (strip.clientHeight - height)).toFixed(1)}px`);
    set(thumb, "--h", `${height.toFixed(1)}px`);
    strip.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  };
  const draw = () => {
    for (const [kind, times] of Object.entries(marks)) {
      const places = new Set(times.map((time) => Math.round(scale.place(time) * HEIGHT)));
      one(`.rail-${kind}`, strip).setAttribute("d", Array.from(places, (y) => `M0 ${y + 2}h14`).join(""));
    }
    if (held) return;
    const [top, bottom] = seen.map((time) => scale.place(time)), size = bottom - top;
    put(size < 1 ? top / (1 - size) : 0, Math.max(LEAST, size * strip.clientHeight));
  };

  /** Count all lines, then the errors: one after the other, so that they are never many beside the lines themselves. */
  const measure = async () => {
    counting?.abort();
    const mine = (counting = new AbortController()), from = store.start, to = Math.max(from, store.moment), range = new URLSearchParams({ width: String(WIDTH), from: iso(from), to: iso(to) });
    /** @param {string} of @returns {Promise<number[]>} */
    const counted = async (of) => (await ask(`/api/v1/runs/${store.run}/density?of=${of}&${range}`, mine.signal)).total;
    measured = store.clock();
    due = false;
    try {
      scale = new Scale(await counted("lines"), from, to);
      known = true;
      draw();
      const pitch = scale.pitch, bad = await counted("errors");
      marks.errors = bad.flatMap((count, n) => (count ? [from + (n + 0.5) * pitch] : []));
      draw();
    } catch {
      // without it the list scrolls as any other
    }
    if (counting === mine) counting = null;
  };

  /** What is being counted is of another moment: this one is counted where it lasts. */
  const rest = () => {
    counting?.abort();
    counting = null;
    due = false;
    clearTimeout(resting);
    resting = setTimeout(() => (store.playing ? rest() : void measure()), REST);
  };

  /** @param {PointerEvent} event */
  const point = (event) => {
    const box = strip.getBoundingClientRect(), tall = thumb.offsetHeight;
    const share = Math.min(1, Math.max(0, (event.clientY - box.top - tall / 2) / (box.height - tall)));
    put(share, tall);
    jump(scale.moment(share));
  };
  strip.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    held = scale.total > 0;
    if (!held) return;
    strip.setPointerCapture(event.pointerId);
    point(event);
  });
  strip.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const { top, height } = strip.getBoundingClientRect();
    strip.title = scale.total ? clock(scale.moment(Math.min(1, Math.max(0, (event.clientY - top) / height)))) : "";
    if (held) point(event);
  });
  strip.addEventListener("lostpointercapture", () => (held = false));
  new ResizeObserver(draw).observe(strip);

  return {
    measure,
    rest,
    /** Lines are asked for: they come first. */
    wait: () => {
      due ||= counting !== null;
      counting?.abort();
      counting = null;
    },
    /** They are there. */
    go: () => void (due && measure()),
    /** What is in view, from the moment of its first line to that of its last. @param {number[]} times */
    see: (...times) => {
      seen = times;
      draw();
    },
    /** Where lines match. @param {number[]} times */
    found: (times) => {
      marks.hits = times;
      draw();
    },
    /** Lines that the stream brought. @param {number} count @param {import("../core/types.js").Line[]} last */
    grow: (count, last) => {
      if (known) scale.grow(count, Math.max(...last.map((line) => line.time)));
      marks.errors = thinned([...marks.errors, ...last.filter((line) => /^(error|critical)$/i.test(line.level ?? "")).map((line) => line.time)]);
      if (!counting && (!known || count > last.length) && store.clock() - measured > AGAIN) void measure();
    },
  };
}
