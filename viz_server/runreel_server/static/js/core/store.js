// The one store: the live state, the moment that is looked at, and who wants to know when they change.
import { iso, micros } from "./format.js";
import { merge } from "./patch.js";
import { ENDED } from "./readings.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Graph} Graph */
/** @typedef {"state" | "time" | "graph" | "points" | "lines" | "clock" | "wire"} Kind */
/** @typedef {{run: string, at: string | null, now: number, state: State, past: State | null, graph: Graph, here?: import("../stream/link.js").Here}} PageData */
/** @typedef {import("../stream/wire.js").Wire} Wire */

/**
 * Whether steps came, or came to have other parents, so that the graph is another.
 * @param {Record<string, import("./types.js").Step>} old
 * @param {Record<string, import("./types.js").Step | null>} next
 */
function reshaped(old, next) {
  return Object.entries(next).some(([path, step]) =>
    !Object.hasOwn(old, path) || step === null || (step.parents !== undefined && step.parents.join() !== (old[path].parents ?? []).join()));
}

/**
 * Whether a session's clock offset is another one, so that all that it said lies elsewhere in time.
 * @param {State} old
 * @param {Partial<State> | undefined} next
 */
function shifted(old, next) {
  return Object.entries(next?.sessions ?? {}).some(([id, session]) => session && (session.offset ?? 0) !== (old.sessions?.[id]?.offset ?? 0));
}

export class Store {
  /** @param {PageData} data @param {() => number} [clock] milliseconds since 1970 here */
  constructor(data, clock = Date.now) {
    this.run = data.run;
    /** Of a page of the past only the run's own fields are the present's until the stream brings all. @type {State} */
    this.live = data.past ? { ...data.past, ...data.state } : data.state;
    this.graph = data.graph;
    /** @type {string | null} */
    this.position = data.here?.position ?? null;
    /** @type {{at: number, state: State} | null} what is looked at, where that is not now */
    this.past = data.at && data.past ? { at: micros(data.at) ?? data.now, state: data.past } : null;
    /** Whether the moment moves by itself: what only matters where it rests need not be asked for. */
    this.playing = false;
    /** @type {Wire} */
    this.wire = { status: "opening", since: clock(), reason: "" };
    this.clock = clock;
    this.offset = data.now / 1000 - clock(); // of the server's clock from this one, in milliseconds
    /** @type {Map<Kind, ((detail?: any) => void)[]>} */
    this.listeners = new Map();
    this.begin = () => {};
    /** Settled by the first frame: what is asked for after it misses nothing that the stream brings. */
    this.begun = new Promise((resolve) => (this.begin = () => resolve(undefined)));
  }

  /** @param {Kind[]} kinds @param {(detail?: any) => void} listener */
  on(kinds, listener) {
    for (const kind of kinds) this.listeners.set(kind, [...(this.listeners.get(kind) ?? []), listener]);
  }

  /** @param {Kind} kind @param {any} [detail] */
  emit(kind, detail) {
    for (const listener of this.listeners.get(kind) ?? []) listener(detail);
  }

  /** The state that the page shows. */
  get view() {
    return this.past ? this.past.state : this.live;
  }

  get ended() {
    return ENDED.has(this.live.state);
  }

  /** The server's present, in microseconds; it stands still while the wire is cut. */
  get present() {
    const here = this.wire.status === "lost" ? this.wire.since : this.clock();
    return Math.round((here + this.offset) * 1000);
  }

  /** Where the run begins and where it is now or ended, in microseconds. */
  get start() {
    return micros(this.live.started) ?? this.present;
  }

  get end() {
    const finished = this.ended ? micros(this.live.finished) : null;
    return Math.max(finished ?? this.present, this.start);
  }

  /** The moment that is looked at, in microseconds. */
  get moment() {
    return this.past ? this.past.at : this.end;
  }

  /** Seconds since the start. @param {number | null} time */
  since(time) {
    return time === null ? 0 : (time - this.start) / 1e6;
  }

  /** The address of what is shown. @param {boolean} [moment] with the moment, also where that is now */
  href(moment = this.past !== null) {
    return `/runs/${this.run}${moment ? `?at=${iso(this.moment)}` : ""}`;
  }

  /** @param {{at: number, state: State} | null} past */
  look(past) {
    this.past = past;
    this.emit("time");
    this.emit("state");
  }

  /** @param {Wire} wire */
  setWire(wire) {
    this.wire = wire;
    this.emit("wire");
  }

  /**
   * Take in a frame of the stream.
   * @param {string} kind snapshot, delta or ping
   * @param {Frame} frame
   * @returns {boolean} whether it could be applied; if not, a snapshot is needed
   */
  apply(kind, frame) {
    if (kind === "ping") {
      const now = micros(frame.now);
      if (now !== null) this.offset = now / 1000 - this.clock();
      if (frame.position === this.position) this.begin();
      return this.position === null || frame.position === this.position;
    }
    if (kind === "delta" && frame.from !== this.position) return false;
    const grown = reshaped(this.live.steps ?? {}, (kind === "snapshot" ? frame.state : frame.patch)?.steps ?? {});
    const moved = shifted(this.live, kind === "snapshot" ? frame.state : frame.patch);
    this.live = kind === "snapshot" ? frame.state : merge(this.live, frame.patch ?? {});
    this.position = frame.position;
    this.begin();
    if (grown) this.emit("graph", "stale");
    if (moved) this.emit("clock");
    if (kind === "snapshot" || moved) { // what was between is not known: points and lines are asked for anew
      this.emit("points", null);
      this.emit("lines", null);
    }
    if (frame.points) this.emit("points", frame.points);
    if (frame.lines) this.emit("lines", frame.lines);
    this.emit("state");
    return true;
  }
}
