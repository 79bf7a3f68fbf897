// What is known of a run beside its steps: a line of it in the head, and all of it in one sheet.
import { all, make, one, say, tell } from "../core/dom.js";
import { name, param, plural, stepName } from "../core/format.js";
import { about } from "../core/readings.js";

const TAGS = 4, PARAMS = 5; // that the head shows, as the server does
const STEPS = 20; // whose own the sheet shows, of a chosen group

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("../core/choice.js").Choice} choice
 */
export function params(store, scheduler, choice) {
  const list = one("dl.params"), more = one('[data-do="params"]'), crumbs = all(".crumbs li");
  let shown = "";

  const draw = () => {
    const { view } = store, tags = sorted(view.tags), given = sorted(view.params);
    tell("about", about(view));
    if (view.pipeline) {
      for (const title of [one(".run-id h1 .clip"), crumbs.at(-1)?.firstElementChild ?? null]) say(title, name(view.pipeline));
    }
    /** @type {[string, unknown, string][]} */
    const facts = [];
    for (const [key, value] of tags.slice(0, TAGS)) facts.push([key, value, " is-tag"]);
    for (const [key, value] of given.slice(0, PARAMS)) facts.push([key, value, ""]);
    const now = JSON.stringify(facts);
    if (now === shown) return;
    shown = now;
    for (const old of all(".fact", list)) old.remove();
    list.prepend(...facts.map(([key, value, kind]) => make("div", { class: `fact${kind}` },
      make("dt", { class: "bdi" }, name(key)), make("dd", { class: "bdi" }, param(value)))));
  };
  scheduler.add("facts", draw, 1);
  store.on(["state"], () => scheduler.request("facts"));

  const dialog = one("#params"), body = one('[data-out="params"]', dialog);
  const fill = () => {
    if (!dialog.open) return;
    const { view } = store, { packages, ...environment } = view.environment ?? {}, error = view.error ? { [view.error.type || "error"]: view.error.message ?? "" } : {};
    const found = section("Packages", /** @type {Record<string, unknown>} */ (packages ?? {})), open = Boolean(body.querySelector("details")?.open);
    const steps = Object.entries(view.steps ?? {}).filter(([path]) => choice.id && choice.covers(path)).slice(0, STEPS);
    body.replaceChildren(
      ...section("Run", { id: store.run, workspace: view.workspace, experiment: view.experiment, owner: view.owner }),
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
  more.addEventListener("click", () => {
    dialog.showModal();
    fill();
  });
  store.on(["state", "time"], fill);
}

/** What a patch has brought stands at the end. @param {Record<string, unknown> | undefined} values */
const sorted = (values) => Object.entries(values ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));

/** @param {string} title @param {Record<string, unknown> | undefined} entries those that say nothing are left out */
function section(title, entries) {
  const pairs = Object.entries(entries ?? {}).filter(([, value]) => value !== undefined && value !== "");
  if (!pairs.length) return [];
  const list = make("dl", { class: "facts" });
  for (const [key, value] of pairs) list.append(make("dt", { class: "bdi" }, name(key)), make("dd", { class: "bdi" }, param(value)));
  return [make("h3", {}, title), list];
}
