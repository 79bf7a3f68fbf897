// What the player's buttons and keys do.
import { all, one, tell } from "./dom.js";
import { clock, count, iso, micros } from "./format.js";

/**
 * @param {import("./store.js").Store} store
 * @param {import("./rewind.js").Rewind} rewind
 */
export function actions(store, rewind) {
  const here = () => rewind.wish ?? store.moment;

  /** Moments worth a jump, sorted. @param {"error" | "artifact"} kind */
  const marks = (kind) => {
    const times = kind === "error"
      ? Object.values(store.live.steps ?? {}).flatMap((step) => (step.attempts?.length ? step.attempts : [step])).filter((one) => one.state === "FAILED").map((one) => micros(one.finished))
      : Object.values(store.live.artifacts ?? {}).filter((one) => one.role !== "input").map((one) => micros(one.created));
    return times.filter((time) => time !== null).sort((a, b) => a - b);
  };

  /** @param {"error" | "artifact"} kind @param {1 | -1} way */
  const jump = (kind, way) => {
    const times = marks(kind), now = here();
    const next = way > 0 ? times.find((time) => time > now + 500) : times.findLast((time) => time < now - 500);
    if (next !== undefined) rewind.to(next + 1000); // a millisecond on, so that it has happened
  };

  const copy = async () => {
    const link = `${location.origin}/runs/${store.run}?at=${iso(here())}`;
    try {
      await navigator.clipboard.writeText(link);
      tell("copy", `Copied, at ${clock(here())}`);
    } catch {
      tell("copy", "Copying was refused");
    }
    setTimeout(() => tell("copy", "Copy link to this moment"), 2500);
  };

  /** @type {Record<string, () => void>} */
  const acts = {
    start: () => rewind.to(store.start),
    live: () => rewind.live(),
    copy: () => void copy(),
    "error-before": () => jump("error", -1),
    "error-after": () => jump("error", 1),
    "artifact-before": () => jump("artifact", -1),
    "artifact-after": () => jump("artifact", 1),
    help: () => one("#keys").showModal(),
  };
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-do]")) : null;
    const act = button && acts[button.dataset.do ?? ""];
    if (!act) return;
    event.preventDefault();
    act();
  });

  const tally = () => {
    for (const [kind, out, word] of /** @type {const} */ ([["error", "errors", "error"], ["artifact", "made", "artifact"]])) {
      const number = marks(kind).length;
      tell(out, `${count(number)} ${word}${number === 1 ? "" : "s"}`);
      for (const choice of all(`[data-marks="${kind}"]`)) choice.hidden = !number;
    }
  };
  store.on(["state"], tally);
  tally();

  return { ...acts, by: (/** @type {number} */ seconds) => rewind.to(here() + seconds * 1e6) };
}
