// What is known of a run beside its steps, as far as the head has room for it. All of it is in the sheet of `params.js`.
import { all, make, one, say } from "../core/dom.js";
import { moment, name, param, utc } from "../core/format.js";
import { about } from "../core/readings.js";

const TAGS = 4, PARAMS = 5; // that the head shows, as the server does

/** @param {import("../core/store.js").Store} store @param {import("../core/scheduler.js").Scheduler} scheduler */
export function facts(store, scheduler) {
  const list = one("dl.params"), crumbs = all(".crumbs li"), line = one('[data-out="about"]');
  let shown = "";

  const draw = () => {
    const { view } = store, tags = sorted(view.tags), given = sorted(view.params);
    say(line, about(view, (time) => moment(time, store.present)));
    line.title = about(view, utc);
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
}

/** What a patch has brought stands at the end. @param {Record<string, unknown> | undefined} values */
const sorted = (values) => Object.entries(values ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
