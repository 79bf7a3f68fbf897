// The critical path, on request: the chain of steps that decides how long the run takes, from the server.
import { ask, one, say } from "../core/dom.js";
import { iso, span } from "../core/format.js";
import { pathsOf } from "./nodes.js";

const AGAIN = 3000; // milliseconds between two questions while the run goes on

/**
 * @param {import("../core/store.js").Store} store
 * @param {() => void} changed
 * @returns {{of: (id: string, members: import("../core/types.js").Cell[] | undefined) => boolean}}
 */
export function critical(store, changed) {
  const button = one('[data-do="critical"]'), note = one('[data-out="critical"]');
  /** @type {Set<string>} */
  let path = new Set();
  let asked = 0, last = 0;
  const on = () => button.getAttribute("aria-pressed") === "true";

  const load = async () => {
    const mine = (asked += 1), at = store.past ? `?at=${encodeURIComponent(iso(store.past.at))}` : "";
    last = store.clock();
    try {
      const answer = /** @type {{steps: string[], seconds: number}} */ (await ask(`/api/v1/runs/${store.run}/critical${at}`));
      if (mine !== asked || !on()) return;
      path = new Set(answer.steps);
      say(note, answer.steps.length ? `${answer.steps.length} steps, ${span(answer.seconds)}` : "no step yet");
      changed();
    } catch {
      if (mine === asked) say(note, "could not be loaded");
    }
  };

  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(!on()));
    note.hidden = !on();
    path = new Set();
    changed();
    if (on()) void load();
  });
  store.on(["state", "time"], () => {
    if (on() && (store.past || (!store.ended && store.clock() - last > AGAIN))) void load();
  });
  return {
    of: (id, members) => path.size > 0 && (path.has(id) || Boolean(members?.some((cell) => pathsOf(cell).some((one) => path.has(one))))),
  };
}
