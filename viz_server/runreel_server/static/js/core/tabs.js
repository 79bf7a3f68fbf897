// On a narrow screen the regions are tabs.
import { all, one } from "./dom.js";

export function tabs() {
  const list = one(".pane-tabs"), buttons = all('[role="tab"]', list);
  /** @param {HTMLElement} tab */
  const open = (tab) => {
    for (const one of buttons) {
      const mine = one === tab;
      one.setAttribute("aria-selected", String(mine));
      one.tabIndex = mine ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls") ?? "")?.classList.toggle("is-open", mine);
    }
    dispatchEvent(new Event("resize"));
  };
  for (const tab of buttons) tab.addEventListener("click", () => open(tab));
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    if (step === undefined || at < 0) return;
    const next = buttons[(at + step + buttons.length) % buttons.length];
    open(next);
    next.focus();
    event.preventDefault();
  });
  /** Go to a region: its tab on a narrow screen, and the focus, on what it shows where that takes it, else on itself. @param {number} n */
  return (n) => {
    const tab = buttons[n];
    if (!tab) return;
    if (list.offsetParent !== null) open(tab);
    const region = one(`#${tab.getAttribute("aria-controls")}`);
    const inside = [...all('[tabindex="0"]', region), ...all(".pane-body :is(a, button)", region)].find((one) => one.checkVisibility());
    if (!inside) region.tabIndex = -1;
    region.scrollIntoView({ block: "nearest" });
    (inside ?? region).focus();
  };
}
