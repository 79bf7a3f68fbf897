// What joins a tab to the live stream: the worker that all tabs of the browser share; where there is none, a stream of its
// own while the tab is seen.
import { Stream, TICK } from "./stream.js";

const LISTEN = 1000, DEAF = 5000; // the worker says something each second: if it does not, another is asked for

/**
 * @typedef {object} Listener
 * @property {(kind: string, frame: import("../core/types.js").Frame) => boolean} frame false: it does not fit, a snapshot is needed
 * @property {(wire: import("./wire.js").Wire) => void} wire
 */

/** @typedef {{position: string, token: string}} Here where a state is, so that the stream goes on from it */

/** @typedef {{wish: (title: string) => void}} Link `wish`: have the worker tell of the end where this tab cannot; empty: not any more */

/** Watch something for as long as the page is there. @returns {Link} @param {string} name `run:ID` or `runs` @param {Listener} listener @param {Here} [here] what the page has of it already */
export function watch(name, listener, here) {
  if (typeof SharedWorker === "function") return share(name, ears(listener), here);
  own(name, ears(listener), here);
  return { wish: () => {} };
}

/** @param {string} name @param {Listener} listener @param {Here} [here] until something was heard @returns {Link} */
function share(name, listener, here) {
  let heard = Date.now(), wished = "";
  /** @type {MessagePort | null} */
  let port = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  let failed = false;

  const leave = () => {
    port?.postMessage({ bye: true });
    port?.close();
    port = null;
  };
  const fail = () => { // refused, or not there: a page that outlived the server's version
    if (failed) return;
    failed = true;
    leave();
    clearInterval(timer);
    own(name, listener, here);
  };
  const join = () => {
    if (failed) return; // it has a stream of its own, also when it comes back from the browser's cache
    leave();
    heard = Date.now();
    let spoken = false;
    /** @type {SharedWorker} */
    let worker;
    try {
      worker = new SharedWorker(`${document.body.dataset.static}/js/stream/worker.js`, { type: "module", name: "runreel" });
    } catch {
      return fail();
    }
    worker.onerror = () => {
      if (!spoken) fail();
    };
    const mine = port = worker.port;
    mine.onmessage = ({ data }) => {
      heard = Date.now();
      spoken = true;
      if (data.frame) here = undefined;
      try {
        if (!take(data)) mine.postMessage({ watch: [name] });
      } finally {
        mine.postMessage({ heard: true });
      }
    };
    mine.postMessage({ watch: [name], here, wish: wished || undefined });
  };

  /** @param {{frame?: [string, any], wire?: import("./wire.js").Wire, trouble?: string}} message */
  const take = ({ frame, wire, trouble }) => {
    if (trouble) console.error(`the stream's worker: ${trouble}`);
    if (wire) listener.wire(wire);
    return !frame || listener.frame(...frame);
  };

  timer = setInterval(() => {
    if (!port || Date.now() - heard < DEAF) return;
    listener.wire({ status: "lost", since: heard, reason: "" });
    join();
  }, LISTEN);
  const wake = () => port?.postMessage({ wake: true });
  document.addEventListener("visibilitychange", () => document.hidden || wake());
  addEventListener("online", wake);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", ({ persisted }) => persisted && join());
  join();
  return {
    wish: (title) => {
      if (title === wished) return;
      wished = title;
      port?.postMessage({ wish: title });
    },
  };
}

/** @param {string} name @param {Listener} listener @param {Here} [here] */
function own(name, listener, here) {
  const stream = new Stream({
    frame: listener.frame,
    lost: (since, reason) => listener.wire({ status: "lost", since, reason }),
    back: () => listener.wire(well()),
  });
  stream.token = here?.token ?? "";
  const look = () => stream.watch(document.hidden ? [] : [name]);
  document.addEventListener("visibilitychange", () => {
    look();
    stream.wake();
  });
  addEventListener("online", () => stream.wake());
  addEventListener("pagehide", () => stream.watch([]));
  addEventListener("pageshow", look);
  setInterval(() => stream.tick(), TICK);
  look();
}

/** @returns {import("./wire.js").Wire} */
const well = () => ({ status: "ok", since: Date.now(), reason: "" });

/**
 * What a listener is told: the wire's state once, and nothing of a run that is not there but that.
 * @param {Listener} listener
 * @returns {Listener}
 */
function ears(listener) {
  let gone = false, told = "";
  /** @type {Listener["wire"]} */
  const wire = (now) => {
    if (told !== (told = now.status + now.reason)) listener.wire(now);
  };
  return {
    wire,
    frame(kind, frame) {
      if (kind === "gone") wire({ status: "lost", since: Date.now(), reason: frame.reason ?? "" });
      if (kind === "gone" || (gone && kind === "ping")) return (gone = true); // its pings only say that the stream lives
      gone = false;
      wire(well());
      return listener.frame(kind, frame);
    },
  };
}
