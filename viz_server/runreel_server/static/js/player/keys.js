// Single keys act wherever the focus is, but never with a modifier, never where text is entered or chosen, and never where the
// focused element uses the key itself. A switch in the list of keys turns them off (WCAG 2.1.4).
import { keep, kept, one } from "../core/dom.js";

const STORED = "runreel.keys";

/**
 * @param {Record<string, any>} act
 * @param {(n: number) => void} region
 * @param {{toggle: () => void, find: () => void}} log
 */
export function keys(act, region, log) {
  const off = one('[data-do="keys-off"]');
  off.checked = kept(STORED) === "off";
  off.addEventListener("change", () => keep(STORED, off.checked ? "off" : "on"));

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const table = {
    " ": () => act.play(),
    ">": () => act.faster(),
    "<": () => act.slower(),
    "+": () => act["zoom-in"](),
    "-": () => act["zoom-out"](),
    0: () => act["zoom-fit"](),
    ArrowLeft: (event) => act.by(event.shiftKey ? -60 : -5),
    ArrowRight: (event) => act.by(event.shiftKey ? 60 : 5),
    Home: () => act.start(),
    End: () => act.live(),
    e: () => act["error-after"](),
    E: () => act["error-before"](),
    a: () => act["artifact-after"](),
    A: () => act["artifact-before"](),
    s: () => act["state-after"](),
    S: () => act["state-before"](),
    g: () => act["gap-after"](),
    G: () => act["gap-before"](),
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
    if (document.querySelector("dialog[open]") || target.closest("input, select, textarea, [contenteditable], .menu[open]")) return;
    const run = table[event.key];
    if (!run || uses(target, event)) return;
    event.preventDefault();
    run(event);
  });
}

/**
 * Whether the focused element uses the key itself: Space presses a button, the arrows walk the tree, the lanes and the tabs,
 * and what scrolls does so by all of them.
 * @param {HTMLElement} target @param {KeyboardEvent} event
 */
function uses(target, { key, shiftKey }) {
  if (!/^( |Arrow.*|Home|End)$/.test(key)) return false;
  if (key === " " && target.closest("button, a, summary")) return true;
  if (target.closest(".node, .lanes")) return key !== " " && !shiftKey;
  return Boolean(target.closest(".pane-body, .log-wrap, .pane-tabs"));
}
