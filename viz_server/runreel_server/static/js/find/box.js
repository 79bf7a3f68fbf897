// The search box of the top bar: a combobox over results in groups (ARIA: list autocomplete, the first one selected).
import { all, make, one, say } from "../core/dom.js";
import { name, plural } from "../core/format.js";

/** @typedef {{label: string, note?: string, state?: string, go: string | (() => void)}} Found an address to go to, or what to do */
/** @typedef {{title: string, found: Found[]}} Group */
/** @typedef {(text: string, show: (groups: Group[], done?: boolean) => void, signal: AbortSignal) => void} Search */

const PAUSE = 150; // milliseconds

/** Wait until the reader types no more; answers whether this text is still the one. @param {AbortSignal} signal */
export async function quiet(signal) {
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
  return !signal.aborted;
}

/** @param {Search} search called at each text; shows at once what is there, and more as often as it finds more */
export function findBox(search) {
  const form = one("form.find"), input = one("input", form), popup = one(".found", form), list = one('[role="listbox"]', popup), note = one('[role="status"]', popup);
  /** @type {(() => void)[]} */
  let acts = [];
  let at = 0, control = new AbortController();

  const close = () => {
    control.abort(); // what is found from now on is for nobody
    acts = [];
    popup.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  /** @param {number} next */
  const select = (next) => {
    at = acts.length ? (next + acts.length) % acts.length : 0;
    all('[role="option"]', list).forEach((option, n) => {
      option.setAttribute("aria-selected", String(n === at));
      if (n !== at) return;
      option.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", option.id);
    });
  };

  /** @param {number} n */
  const take = (n) => {
    const act = acts[n];
    close();
    input.value = "";
    input.blur();
    act();
  };

  /** @param {Group[]} groups @param {boolean} done */
  const show = (groups, done) => {
    acts = [];
    list.replaceChildren(...groups.filter(({ found }) => found.length).map(({ title, found }, g) => make("div", { role: "group", "aria-labelledby": `found-of-${g}` },
      make("p", { id: `found-of-${g}`, role: "presentation", class: "quiet" }, title),
      ...found.map(({ label, note: more = "", state = "", go }) => {
        acts.push(typeof go === "string" ? () => location.assign(go) : go);
        const n = acts.length - 1, option = make("div", { role: "option", id: `found-${n}`, "data-state": state }, make("span", { class: "clip bdi" }, name(label)), make("small", { class: "quiet clip bdi" }, name(more)));
        option.addEventListener("click", () => take(n));
        return option;
      }))));
    list.hidden = !acts.length;
    say(note, acts.length ? plural(acts.length, "result") : done ? `Nothing like “${name(input.value.trim())}”` : "Looking");
    popup.hidden = false;
    input.setAttribute("aria-expanded", "true");
    select(at < acts.length ? at : 0);
  };

  const look = () => {
    control.abort();
    const { signal } = (control = new AbortController()), text = input.value.trim();
    at = 0;
    if (!text) return close();
    search(text, (groups, done = true) => signal.aborted || show(groups, done), signal);
  };

  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && !popup.hidden) select(at + step);
    else if (event.key === "Enter" && acts.length) take(at);
    else if (event.key === "Escape" && !popup.hidden) close();
    else return;
    event.preventDefault();
  });
  popup.addEventListener("mousedown", (/** @type {Event} */ event) => event.preventDefault()); // the focus stays where the text is
  form.addEventListener("focusout", close);
  if (document.activeElement === input) look(); // it was typed in while this was loaded
}
