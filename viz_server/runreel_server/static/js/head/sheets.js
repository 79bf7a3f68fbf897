// The buttons of the head's sheets: all about the run, and its raw events. What fills one is loaded when it is first asked for.
import { one, say } from "../core/dom.js";

/** @param {import("../core/store.js").Store} store @param {import("../core/choice.js").Choice} choice */
export function sheets(store, choice) {
  for (const [name, out] of [["params", "params"], ["events", "events-note"]]) {
    /** @type {Promise<() => void> | null} */
    let loading = null;
    one(`[data-do="${name}"]`).addEventListener("click", async () => {
      try {
        loading ??= import(`${document.body.dataset.static}/js/head/${name}.js`).then((made) => made[name](store, choice));
        (await loading)();
      } catch (error) {
        loading = null;
        one(`#${name}`).showModal();
        say(one(`[data-out="${out}"]`), `could not be loaded: ${error instanceof Error ? error.message : error}`);
      }
    });
  }
}
