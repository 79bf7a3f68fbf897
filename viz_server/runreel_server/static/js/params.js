// All about a run in one sheet: parameters, tags, environment, what went wrong.
import { make, one } from "./dom.js";
import { name, param } from "./format.js";

/** @param {import("./store.js").Store} store */
export function params(store) {
  const dialog = one("#params"), body = one('[data-out="params"]', dialog);
  one('[data-do="params"]').addEventListener("click", () => {
    const { view } = store, error = view.error ? { [view.error.type || "error"]: view.error.message ?? "" } : {};
    body.replaceChildren(
      ...section("Run", { id: store.run }),
      ...section("Error", error),
      ...section("Parameters", view.params ?? {}),
      ...section("Tags", view.tags ?? {}),
      ...section("Environment", view.environment ?? {}),
    );
    dialog.showModal();
  });
}

/** @param {string} title @param {Record<string, unknown>} entries */
function section(title, entries) {
  const pairs = Object.entries(entries);
  if (!pairs.length) return [];
  const list = make("dl", { class: "facts" });
  for (const [key, value] of pairs) list.append(make("dt", { class: "bdi" }, name(key)), make("dd", { class: "bdi" }, param(value)));
  return [make("h3", {}, title), list];
}
