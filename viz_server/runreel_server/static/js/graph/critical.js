// The critical path, on request: the chain of steps that decides how long the run takes, from the server.
import { ask, one, say } from "../core/dom.js";
import { iso, plural, span } from "../core/format.js";
import { ENDED } from "../core/readings.js";
import { pathsOf } from "./nodes.js";

const AGAIN = 3000; // milliseconds between two questions while the run goes on
const GUESSED = "What has ended counts with the time that it took, what runs with what it took and should have left, what is to come with what it took in earlier runs: a guess, which falls where steps turn out quicker";

/**
 * @param {import("../core/store.js").Store} store
 * @param {() => void} changed
 * @returns {{of: (id: string, members: import("../core/types.js").Cell[] | undefined) => boolean}}
 */
export function critical(store, changed) {
  const button = one('[data-do="critical"]'), note = one('[data-out="critical"]');
  /** @type {Set<string>} */
  let path = new Set();
  let last = 0, asking = false, guessed = false;
  /** @type {number | null | undefined} the moment that was last asked about */
  let moment;
  const on = () => button.getAttribute("aria-pressed") === "true", wanted = () => store.past?.at ?? null;

  /** One question at a time: while the moment moves, those that it has left behind are not asked. */
  const load = async () => {
    if (asking) return;
    asking = true;
    do {
      moment = wanted();
      last = store.clock();
      guessed = !ENDED.has(store.view.state);
      try {
        const answer = /** @type {{steps: string[], seconds: number}} */ (await ask(`/api/v1/runs/${store.run}/critical${moment === null ? "" : `?at=${encodeURIComponent(iso(moment))}`}`));
        path = new Set(answer.steps);
        say(note, answer.steps.length ? `${plural(answer.steps.length, "step")}, ${guessed ? "≈ " : ""}${span(answer.seconds)}` : "no step yet");
        note.title = guessed ? GUESSED : "";
        changed();
      } catch {
        say(note, "could not be loaded");
      }
    } while (on() && wanted() !== moment);
    asking = false;
  };

  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(!on()));
    note.hidden = !on();
    changed();
    if (on()) void load();
  });
  store.on(["state", "time"], () => {
    if (on() && (wanted() !== moment || (guessed && !store.past && (store.ended || store.clock() - last > AGAIN)))) void load();
  });
  return {
    of: (id, members) => on() && path.size > 0 && (path.has(id) || Boolean(members?.some((cell) => pathsOf(cell).some((one) => path.has(one))))),
  };
}
