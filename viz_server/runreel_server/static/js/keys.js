// Single keys act only where the focus is on the body or in the timeline, never with a modifier, never where the focused
// element uses the key itself (WCAG 2.1.4). A switch in the list of keys turns them off.
import { one } from "./dom.js";

const STORED = "runreel.keys";

/**
 * @param {Record<string, any>} act
 * @param {(n: number) => void} region
 * @param {{toggle: () => void, find: () => void}} log
 */
export function keys(act, region, log) {
  const off = one('[data-do="keys-off"]');
  try {
    off.checked = localStorage.getItem(STORED) === "off";
  } catch {
    // storage is refused: they are on
  }
  off.addEventListener("change", () => {
    try {
      localStorage.setItem(STORED, off.checked ? "off" : "on");
    } catch {
      // it holds for this page
    }
  });

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const table = {
    ArrowLeft: (event) => act.by(event.shiftKey ? -60 : -5),
    ArrowRight: (event) => act.by(event.shiftKey ? 60 : 5),
    Home: () => act.start(),
    End: () => act.live(),
    e: () => act["error-after"](),
    E: () => act["error-before"](),
    a: () => act["artifact-after"](),
    A: () => act["artifact-before"](),
    l: () => act.live(),
    c: () => act.copy(),
    f: () => log.toggle(),
    "/": () => log.find(),
    "?": () => act.help(),
    1: () => region(0),
    2: () => region(1),
    3: () => region(2),
    4: () => region(3),
  };

  document.addEventListener("keydown", (event) => {
    if (off.checked || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const free = target === document.body || target.closest(".timeline");
    if (!free || target.closest("input, select, textarea, [contenteditable]")) return;
    const run = table[event.key];
    if (!run) return;
    event.preventDefault();
    run(event);
  });
}
