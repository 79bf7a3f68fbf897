// The live stream: one EventSource, made anew whenever an error leaves it closed or it falls silent.

const SILENT = 6000; // milliseconds without a frame; the server sends one a second
const FIRST = 500, LONGEST = 15_000;

/**
 * @typedef {object} Stream
 * @property {() => void} close
 */

/**
 * Follow a stream until it is closed.
 * @param {string} url
 * @param {object} handlers
 * @param {(kind: string, frame: import("./types.js").Frame) => boolean} handlers.frame false: it does not fit, take a snapshot
 * @param {() => void} handlers.lost
 * @param {object} [parts] replaced in tests
 * @param {(url: string) => EventSource} [parts.open]
 * @param {(act: () => void, milliseconds: number) => any} [parts.later]
 * @param {(timer: any) => void} [parts.cancel]
 * @param {() => number} [parts.random]
 * @returns {Stream}
 */
export function follow(url, handlers, parts = {}) {
  const open = parts.open ?? ((address) => new EventSource(address));
  const later = parts.later ?? ((act, milliseconds) => setTimeout(act, milliseconds));
  const cancel = parts.cancel ?? ((timer) => clearTimeout(timer));
  const random = parts.random ?? Math.random;
  /** @type {EventSource | null} */
  let source = null;
  let token = "", failures = 0, closed = false;
  /** @type {any} */
  let timer = null;
  /** @type {any} */
  let watchdog = null;

  const stop = () => {
    source?.close();
    source = null;
    cancel(timer);
    cancel(watchdog);
  };

  const watch = () => {
    cancel(watchdog);
    watchdog = later(() => {
      handlers.lost();
      again();
    }, SILENT);
  };

  /** @param {number} [wait] */
  const again = (wait) => {
    stop();
    if (closed) return;
    const backoff = Math.min(LONGEST, FIRST * 2 ** failures) * (0.5 + random() / 2); // spread, so that not all come at once
    failures += 1;
    timer = later(start, wait ?? backoff);
  };

  const start = () => {
    if (closed) return;
    const address = token ? `${url}${url.includes("?") ? "&" : "?"}after=${encodeURIComponent(token)}` : url;
    const made = open(address);
    source = made;
    watch();
    for (const kind of ["snapshot", "delta", "ping"]) {
      made.addEventListener(kind, (event) => {
        if (made !== source) return;
        const message = /** @type {MessageEvent} */ (event);
        failures = 0;
        watch();
        if (message.lastEventId) token = message.lastEventId;
        if (!handlers.frame(kind, JSON.parse(message.data))) {
          token = ""; // the server answers a stream without one with a snapshot
          again(0);
        }
      });
    }
    made.addEventListener("bye", (event) => {
      if (made !== source) return;
      const { retry_ms } = JSON.parse(/** @type {MessageEvent} */ (event).data);
      handlers.lost();
      again(retry_ms ?? FIRST);
    });
    made.addEventListener("error", () => {
      if (made !== source) return;
      handlers.lost();
      if (made.readyState === 2) again(); // closed for good: the browser does not come back by itself
    });
  };

  start();
  return {
    close() {
      closed = true;
      stop();
    },
  };
}

/**
 * Follow a stream while the page is seen: a hidden tab holds none of the browser's few connections.
 * @param {string} url
 * @param {Parameters<typeof follow>[1]} handlers
 */
export function followVisible(url, handlers) {
  /** @type {Stream | null} */
  let stream = null;
  const look = () => {
    if (document.hidden) {
      stream?.close();
      stream = null;
    } else stream ??= follow(url, handlers);
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", () => stream?.close());
  look();
}
