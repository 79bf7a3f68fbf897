// One chart, large: the dialog, at once. What draws in it is loaded when the first one is opened.
import { load, one, say } from "../core/dom.js";

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("./panel.js").Panel} panel
 * @param {import("./options.js").Chosen & {zoom: import("./panel.js").Zoom}} options
 */
export async function enlarge(store, panel, options) {
  const dialog = one("#enlarged"), figure = one('[data-out="figure"]', dialog), note = one('[data-out="enlarged-note"]', dialog);
  say(one("#enlarged-title"), panel.label);
  say(note, "loading");
  figure.replaceChildren();
  dialog.showModal();
  try {
    const { draw } = await load("charts/figure");
    await draw(store, panel, options, { dialog, figure, note });
  } catch (error) {
    say(note, `could not be loaded: ${error instanceof Error ? error.message : error}`);
  }
  dialog.addEventListener("close", () => /** @type {any} */ (globalThis).Plotly?.purge(figure), { once: true });
}
