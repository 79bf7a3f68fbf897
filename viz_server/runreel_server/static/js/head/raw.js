// The button of the raw events. What reads and shows them is loaded when they are first asked for.
import { one, say } from "../core/dom.js";

/** @param {import("../core/store.js").Store} store */
export function raw(store) {
  /** @type {Promise<() => void> | null} */
  let loading = null;
  one('[data-do="events"]').addEventListener("click", async () => {
    try {
      loading ??= import(`${document.body.dataset.static}/js/head/events.js`).then(({ events }) => events(store));
      (await loading)();
    } catch (error) {
      loading = null;
      one("#events").showModal();
      say(one('[data-out="events-note"]'), `could not be loaded: ${error instanceof Error ? error.message : error}`);
    }
  });
}
