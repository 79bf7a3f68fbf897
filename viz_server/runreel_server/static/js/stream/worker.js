// The worker that all tabs of a browser share.
import { Hub } from "./hub.js";
import { TICK } from "./stream.js";

const BEAT = 1000;

/** Tell of a run's end, where its own tab is frozen: the same tag as the tab's word, so that one of them is shown. @param {string} name @param {string} title @param {string} state */
function notify(name, title, state) {
  try {
    new Notification(`${state.toLowerCase()} · ${title}`, { tag: name.slice("run:".length) });
  } catch {
    // a browser in which only a page, or a service worker, may: the tab tells it when it goes on
  }
}

const scope = /** @type {any} */ (globalThis), hub = new Hub(undefined, notify);

scope.addEventListener("connect", (/** @type {MessageEvent} */ event) => hub.join(event.ports[0]));
scope.addEventListener("online", () => hub.wake());
scope.addEventListener("error", (/** @type {ErrorEvent} */ event) => hub.complain(`${event.message} (${event.filename}:${event.lineno})`));
scope.addEventListener("unhandledrejection", (/** @type {PromiseRejectionEvent} */ event) => hub.complain(String(event.reason)));
setInterval(() => hub.tick(), TICK);
setInterval(() => hub.beat(), BEAT);
