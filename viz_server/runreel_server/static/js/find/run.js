// What the search box of a run's page finds: steps, metrics, artifacts, parameters and tags at the moment that is looked at,
// and lines of the log, for which the server looks.
import { ask, one } from "../core/dom.js";
import { clock, iso, param, size, stepName, value } from "../core/format.js";
import { findBox, quiet } from "./box.js";

/** @typedef {import("./box.js").Found} Found */

const MOST = 6, SHORTEST = 2; // results of a kind; characters that lines are searched for

/**
 * The best of what has a text in it: what begins with it first.
 * @param {string} text
 * @param {Found[]} some
 */
export function like(text, some) {
  const what = text.toLowerCase(), found = [];
  for (const one of some) {
    const label = one.label.toLowerCase(), at = label.indexOf(what);
    if (at >= 0) found.push({ one, rank: at === 0 || label[at - 1] === "/" ? 0 : 1 });
  }
  return found.sort((a, b) => a.rank - b.rank).slice(0, MOST).map(({ one }) => one);
}

/**
 * @param {import("../core/store.js").Store} store
 * @param {{step: (path: string) => void, metric: (key: string) => void, line: (place: string, step: string) => void, lines: (text: string) => void}} go
 */
export function findInRun(store, go) {
  return findBox(async (text, show, signal) => {
    const { view, past } = store, then = past ? `?at=${iso(past.at)}` : "", sheet = () => one('[data-do="params"]').click();
    const pairs = (/** @type {Record<string, unknown> | undefined} */ of) => Object.entries(of ?? {}).map(([key, one]) => ({ label: `${key} = ${param(one)}`, go: sheet }));
    const groups = [
      { title: "Steps", found: like(text, Object.entries(view.steps ?? {}).map(([path, { state }]) => ({ label: stepName(path), note: state.toLowerCase(), state, go: () => go.step(path) }))) },
      {
        title: "Metrics",
        found: like(text, Object.entries(view.series ?? {}).flatMap(([path, series]) =>
          Object.entries(series).map(([metric, { last }]) => ({ label: `${path && `${stepName(path)}/`}${metric}`, note: value(last), go: () => go.metric(`${path}:${metric}`) })))),
      },
      { title: "Artifacts", found: like(text, Object.values(view.artifacts ?? {}).map((one) => ({ label: one.name || one.id, note: `${one.type ?? ""} ${one.size ? size(one.size) : ""}`, go: `/artifacts/${encodeURIComponent(one.id)}${then}` }))) },
      { title: "Parameters and tags", found: like(text, [...pairs(view.params), ...pairs(view.tags)]) },
    ];
    if (text.length < SHORTEST) return show(groups);
    /** @type {Found[]} */
    const log = [{ label: `Search the log for “${text}”`, go: () => go.lines(text) }];
    groups.push({ title: "Log", found: log });
    show(groups, false);
    if (!(await quiet(signal))) return;
    try {
      const query = new URLSearchParams({ q: text, limit: String(MOST), width: "200", ...(past && { until: iso(past.at) }) });
      const { lines } = await ask(`/api/v1/runs/${store.run}/logs?${query}`, signal);
      for (const one of lines) log.unshift({ label: one.text, note: `${stepName(one.step ?? "")} ${clock(one.time)}`, go: () => go.line(one.cursor, one.step ?? "") });
    } catch {
      // it can still be searched where the log is
    }
    show(groups);
  });
}
