// One node of the graph in the page.
import { clone, draw as svg, one, say, set, stand } from "../core/dom.js";
import { name } from "../core/format.js";
import { heat } from "./nodes.js";

/** @typedef {import("../core/types.js").GraphNode} GraphNode */
/** @typedef {import("../core/types.js").Reading} Reading */
/** @typedef {import("../core/types.js").Step} Step */

const TALL = 60; // pixels: so high a node has room for its counts

/** Where a node lies and what it is called. @param {HTMLElement | undefined} found the element that it has already @param {GraphNode} node */
export function placed(found, node) {
  const element = found ?? clone("t-node"), key = [node.label, node.x, node.y, node.w, node.h].join(" ");
  if (element.dataset.place === key) return element;
  element.dataset.place = key;
  element.dataset.step = node.id;
  element.classList.toggle("is-tall", node.h >= TALL);
  for (const side of /** @type {const} */ (["x", "y", "w", "h"])) set(element, `--${side}`, `${node[side]}px`);
  const label = one(".clip", element), text = name(node.label);
  say(label, text);
  label.title = text;
  return element;
}

/**
 * What a node says at the moment.
 * @param {HTMLElement} element
 * @param {GraphNode} node
 * @param {Reading} reading
 * @param {Record<string, Step>} steps
 * @param {{future: boolean, grip: boolean | null, inner: boolean, level: number, nth: number, of: number, retries: number, expected: boolean}} more
 *   `grip`: whether its button folds, null where it has none; `inner`: others lie in it
 */
export function fill(element, node, reading, steps, more) {
  stand(element, reading.state);
  say(one(".dur", element), reading.read);
  for (const part of /** @type {const} */ (["note", "left"])) say(one(`[data-part="${part}"]`, element), reading[part]);
  for (const part of /** @type {const} */ (["failed", "stalled"])) counted(one(`[data-part="${part}"]`, element), reading[part]);
  counted(one('[data-part="retries"]', element), more.retries);
  set(one(".meter", element), "--p", `${((reading.share ?? 0) * 100).toFixed(1)}%`);
  const says = [
    name(node.label), reading.state.toLowerCase(), reading.read, reading.note, reading.failed && `${reading.failed} failed`,
    more.retries && `${more.retries + 1} attempts`, more.expected && "expected from an earlier run",
  ].filter(Boolean).join(", ");
  attribute(element, "aria-label", says);
  attribute(element, "aria-expanded", more.inner ? "true" : more.grip === false ? "false" : null);
  attribute(element, "aria-level", String(more.level));
  attribute(element, "aria-posinset", String(more.nth));
  attribute(element, "aria-setsize", String(more.of));
  element.classList.toggle("is-future", more.future);
  element.classList.toggle("is-expected", more.expected);
  one(".fold", element).hidden = more.grip === null;
  element.classList.toggle("is-open", more.grip === true);
  drawHeat(one(".heat", element), node, steps);
}

/** @param {HTMLElement} part @param {number} number */
function counted(part, number) {
  if (part.hidden !== !number) part.hidden = !number;
  say(one("b", part), String(number));
}

/** @param {HTMLElement} element @param {string} attribute @param {string | null} value */
function attribute(element, attribute, value) {
  if (value === null) element.removeAttribute(attribute);
  else if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}

/** @param {SVGElement & HTMLElement} strip @param {GraphNode} node @param {Record<string, Step>} steps */
function drawHeat(strip, node, steps) {
  if (!node.members?.length) {
    if (!strip.hasAttribute("hidden")) strip.setAttribute("hidden", "");
    return;
  }
  const { width, height, paths } = heat(node, steps), key = JSON.stringify(paths);
  if (strip.dataset.key === key) return;
  strip.dataset.key = key;
  strip.removeAttribute("hidden");
  strip.setAttribute("viewBox", `0 0 ${width} ${height}`);
  strip.setAttribute("preserveAspectRatio", height === 8 ? "none" : "xMinYMin meet");
  set(strip, "--heat-h", `${height}px`);
  strip.replaceChildren(...paths.map(([state, d]) => svg("path", { "data-state": state, d })));
}
