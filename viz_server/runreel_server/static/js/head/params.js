// The sheet that has all that is known of a run beside its steps. It is loaded when it is first asked for.
import { make, one } from "../core/dom.js";
import { micros, moment, name, param, plural, stepName, utc } from "../core/format.js";

const STEPS = 20; // whose own the sheet shows, of a chosen group

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/choice.js").Choice} choice
 * @returns {() => void} opens it
 */
export function params(store, choice) {
  const dialog = one("#params"), body = one('[data-out="params"]', dialog);
  const fill = () => {
    if (!dialog.open) return;
    /** @param {unknown} time */
    const when = (time) => (time ? `${moment(micros(time), store.present)} (${utc(micros(time))})` : "");
    const { view } = store, { packages, ...environment } = view.environment ?? {}, error = view.error ? { [view.error.type || "error"]: view.error.message ?? "" } : {};
    const found = section("Packages", /** @type {Record<string, unknown>} */ (packages ?? {})), open = Boolean(body.querySelector("details")?.open);
    const steps = Object.entries(view.steps ?? {}).filter(([path]) => choice.id && choice.covers(path)).slice(0, STEPS);
    body.replaceChildren(
      ...section("Run", { id: store.run, started: when(view.started), ended: when(view.finished), workspace: view.workspace, experiment: view.experiment, owner: view.owner }),
      ...section("Error", error),
      ...section("Parameters", view.params),
      ...section("Tags", view.tags),
      ...steps.flatMap(([path, step]) => [...section(`Parameters of step ${stepName(path)}`, step.params), ...section(`Tags of step ${stepName(path)}`, step.tags)]),
      ...section("Environment", environment),
    );
    if (found.length) {
      const list = make("details", open ? { open: "" } : {}, make("summary", {}, plural(Object.keys(packages ?? {}).length, "package")), found[1]);
      body.append(list);
    }
  };
  store.on(["state", "time"], fill);
  return () => {
    dialog.showModal();
    fill();
  };
}

/** @param {string} title @param {Record<string, unknown> | undefined} entries those that say nothing are left out */
function section(title, entries) {
  const pairs = Object.entries(entries ?? {}).filter(([, value]) => value !== undefined && value !== "");
  if (!pairs.length) return [];
  const list = make("dl", { class: "facts" });
  for (const [key, value] of pairs) list.append(make("dt", { class: "bdi" }, name(key)), make("dd", { class: "bdi" }, param(value)));
  return [make("h3", {}, title), list];
}
