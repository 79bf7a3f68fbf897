// What the search box of home finds: runs by name, id, pipeline, experiment, owner, tag; the server looks.
import { ask } from "../core/dom.js";
import { micros, moment, short } from "../core/format.js";
import { findBox, quiet } from "./box.js";

const MOST = 8;

export const findRuns = () => findBox(async (text, show, signal) => {
  show([], false);
  if (!(await quiet(signal))) return;
  const query = new URLSearchParams({ q: text, limit: String(MOST) });
  const { runs, total } = await ask(`/api/v1/runs?${query}`, signal).catch(() => ({ runs: [], total: 0 }));
  const found = runs.map((/** @type {any} */ one) => {
    const at = micros(one.started);
    return { label: `${one.pipeline} ${short(one.id)}`, note: `${one.state.toLowerCase()} ${at === null ? "" : moment(at, Date.now() * 1000)}`, state: one.state, go: `/runs/${one.id}` };
  });
  if (total > MOST) found.push({ label: `All ${total} runs like “${text}”`, go: `/runs?${new URLSearchParams({ q: text })}` });
  show([{ title: "Runs", found }]);
});
