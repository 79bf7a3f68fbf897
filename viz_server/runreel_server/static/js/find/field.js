// The search box of a run's page. What looks is loaded when the box first has the focus.
import { one } from "../core/dom.js";

/**
 * @param {import("../core/store.js").Store} store
 * @param {Parameters<typeof import("./run.js").findInRun>[1]} go
 * @returns {() => void} goes there
 */
export function field(store, go) {
  const form = one("form.find"), input = one("input", form);
  let asked = false, early = false;
  const enter = (/** @type {KeyboardEvent} */ event) => (early ||= event.key === "Enter");
  input.addEventListener("keydown", enter);
  input.addEventListener("focus", () => {
    if (asked) return;
    asked = true;
    void import(`${document.body.dataset.static}/js/find/run.js`).then(({ findInRun }) => {
      input.removeEventListener("keydown", enter);
      findInRun(store, go);
      if (early) input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" })); // it was pressed while this was loaded
    }, () => (asked = false));
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
  return () => input.focus();
}
