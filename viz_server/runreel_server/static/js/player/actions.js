// What the player's buttons and keys do.
import { all, one, say } from "../core/dom.js";
import { count, iso, moment } from "../core/format.js";
import { copied, toast } from "../core/toast.js";

const KINDS = /** @type {const} */ (["error", "artifact", "state", "gap"]);
const SLOW = 0.8; // of the chosen speed: less is said

/** A speed. @param {number} factor */
const times = (factor) => `${factor < 10 ? Math.round(factor * 10) / 10 : count(Math.round(factor))}×`;

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("./rewind.js").Rewind} rewind
 * @param {import("./play.js").Play} play
 * @param {import("./marks.js").Marks} marks
 * @param {{zoom: (way: 1 | -1) => void, fit: () => void}} view
 */
export function actions(store, rewind, play, marks, view) {
  const button = one('[data-do="play"]'), choices = all("[data-speed]"), auto = one('[data-speed="auto"]'), pace = one('[data-out="pace"]');

  /** Go there by hand: what plays stops. @param {number} at */
  const go = (at) => {
    play.stop();
    rewind.go(at);
  };

  /** @param {import("./marks.js").Kind} kind @param {1 | -1} way */
  const jump = async (kind, way) => {
    try {
      const at = await marks.next(kind, way, rewind.here);
      if (at !== null) go(at);
      else toast(`No ${kind === "state" ? "change" : kind} ${way > 0 ? "after" : "before"} this`);
    } catch {
      toast("The server did not answer");
    }
  };

  const copy = async () => {
    const link = new URL(location.href);
    link.searchParams.set("at", iso(rewind.here));
    await copied(link.href.replaceAll("%3A", ":").replaceAll("%2F", "/"), `Copied: link to ${moment(rewind.here, store.present)}`, "Copying was refused");
  };

  /** @type {Record<string, () => void>} */
  const acts = {
    play: () => play.toggle(),
    start: () => go(store.start),
    live: () => {
      play.stop();
      rewind.live();
    },
    copy: () => void copy(),
    help: () => one("#keys").showModal(),
    "zoom-in": () => view.zoom(1),
    "zoom-out": () => view.zoom(-1),
    "zoom-fit": () => view.fit(),
    faster: () => play.set(play.times * 2),
    slower: () => play.set(play.times / 2),
  };
  for (const kind of KINDS) {
    acts[`${kind}-before`] = () => void jump(kind, -1);
    acts[`${kind}-after`] = () => void jump(kind, 1);
  }
  document.addEventListener("click", (event) => {
    const pressed = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-do], [data-speed]")) : null;
    const { do: what, speed } = pressed?.dataset ?? {};
    if (speed) return play.set(speed === "auto" || speed === "max" ? speed : Number(speed));
    const act = acts[what ?? ""];
    if (!act) return;
    event.preventDefault();
    act();
  });

  /** What the transport says of playing. */
  const told = () => {
    const icon = play.playing ? "pause" : "play";
    button.setAttribute("aria-label", play.playing ? "Pause" : "Play");
    one("use", button).setAttribute("href", `#i-${icon}`);
    const chosen = choices.find((choice) => choice.dataset.speed === String(play.speed)), slow = play.playing && play.share < SLOW;
    for (const choice of choices) choice.setAttribute("aria-pressed", String(choice === chosen));
    say(auto, `auto ${times(play.timesOf("auto"))}`);
    say(pace, slow ? `now ${times(play.times * play.share)}` : chosen ? "" : times(play.times));
    pace.title = slow ? `Answers are slow: the playhead waits, so that what is shown keeps up with it. Chosen: ${times(play.times)}` : "";
  };
  told();
  store.on(["state"], told);

  return { ...acts, told, by: (/** @type {number} */ seconds) => go(rewind.here + seconds * 1e6) };
}
