// Small tools on the page's elements. Text is only ever set as text.

/**
 * The first element that matches, which the templates are sure to have.
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {any}
 */
export function one(selector, within = document) {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** @param {string} selector @param {ParentNode} [within] @returns {HTMLElement[]} */
export const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

/** Set an element's text where it differs. @param {Element | null} element @param {string} text */
export function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Which elements have a `data-out`: they are the template's, and looking for them at each frame costs a walk through the page. @type {Map<string, HTMLElement[]>} */
const outs = new Map();

/** Set the text of every element with this `data-out`. @param {string} out @param {string} text */
export function tell(out, text) {
  let found = outs.get(out);
  if (!found) outs.set(out, (found = all(`[data-out="${out}"]`)));
  for (const element of found) say(element, text);
}

/** Set a state, and the icon that goes with it. @param {HTMLElement | SVGElement} element @param {string} state */
export function stand(element, state) {
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  const use = element.querySelector(".icon use");
  if (state) use?.setAttribute("href", `#i-${state}`);
}

/** Set a CSS variable where it differs. @param {HTMLElement} element @param {string} name @param {string | number} value */
export function set(element, name, value) {
  const text = String(value);
  if (element.style.getPropertyValue(name) !== text) element.style.setProperty(name, text);
}

/** @type {WeakMap<Element, [number, number]>} */
const sizes = new WeakMap();
const watcher = typeof ResizeObserver === "undefined" ? null : new ResizeObserver((entries) => {
  for (const { target } of entries) sizes.set(target, [target.clientWidth, target.clientHeight]);
});

/** An element's inner width and height: asking for them after each change would have the browser lay out the page each time. @param {Element} element @returns {[number, number]} */
export function sizeOf(element) {
  let size = sizes.get(element);
  if (!size) {
    sizes.set(element, (size = [element.clientWidth, element.clientHeight]));
    watcher?.observe(element);
  }
  return size;
}

/** A copy of what a template holds. @param {string} template @returns {any} */
export function clone(template) {
  const found = one(`#${template}`).content.firstElementChild.cloneNode(true);
  return found;
}

/**
 * An element with attributes and children; strings are text.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes. @param {string} tag @param {Record<string, string>} [attributes] */
export function draw(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * Let the children of `parent` be exactly `wanted`, in order, moving as few as it takes.
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of Array.from(parent.children)) if (!keep.has(child)) child.remove();
  wanted.forEach((child, n) => {
    if (parent.children[n] !== child) parent.insertBefore(child, parent.children[n] ?? null);
  });
}

/**
 * The answer of the API as JSON; an error has the `status` and says what the server said.
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
export async function ask(url, signal) {
  const response = await fetch(url, { signal, headers: { accept: "application/json" } });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail ?? `${url}: ${response.status}`), { status: response.status });
  }
  return response.json();
}

/** A script that is loaded when it is needed. @param {string} name @returns {Promise<any>} */
export const load = (name) => import(`${document.body.dataset.static}/js/${name}.js`);

const local = () => localStorage; // a function, as a browser that blocks a site's data throws where it is only named
/** @type {Map<string, string>} what this browser refused to keep: it holds for this page */
const refused = new Map();

/** What this browser keeps under a name; null where it keeps nothing. @param {string} name @param {() => Storage} [storage] */
export function kept(name, storage = local) {
  try {
    return refused.get(name) ?? storage().getItem(name);
  } catch {
    return null;
  }
}

/** Have this browser keep something. @param {string} name @param {string} value @param {() => Storage} [storage] */
export function keep(name, value, storage = local) {
  try {
    storage().setItem(name, value);
    refused.delete(name);
  } catch {
    refused.set(name, value);
  }
}

/** Keep one tab stop among the items of a list, and move it with the arrow keys. @param {HTMLElement} list @param {string} items */
export function rove(list, items) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const found = all(items, list), at = found.findIndex((item) => item.contains(document.activeElement));
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    let next = step === undefined ? null : found[at + step];
    if (event.key === "Home") next = found[0];
    if (event.key === "End") next = found[found.length - 1];
    if (step === undefined && !next) return;
    event.preventDefault();
    event.stopPropagation();
    next?.focus();
  });
  list.addEventListener("focusin", (event) => {
    for (const item of all(items, list)) item.tabIndex = item === event.target ? 0 : -1;
  });
}

/** Make sure that one item can be reached by Tab. @param {HTMLElement} list @param {string} items */
export function reachable(list, items) {
  if (list.querySelector(`${items}[tabindex="0"]`)) return;
  const first = /** @type {HTMLElement | null} */ (list.querySelector(items));
  if (first) first.tabIndex = 0;
}

/** Let nobody hear the click that ends a drag; where none comes, the next one is heard again. */
export function muteClick() {
  const mute = (/** @type {Event} */ click) => click.stopPropagation();
  addEventListener("click", mute, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", mute, { capture: true }), 0);
}
