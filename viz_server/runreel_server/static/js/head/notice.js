// A notification when the run ends, for whoever asks for it. The permission is asked for on that click only.
import { one } from "../core/dom.js";
import { name } from "../core/format.js";
import { headReading } from "../core/readings.js";

const KEPT = "runreel.notify", MOST = 200;

/** @returns {string[]} the runs whose end is asked for in this browser */
function asked() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** @param {string} run @param {boolean} wanted */
function ask(run, wanted) {
  try {
    localStorage.setItem(KEPT, JSON.stringify([...asked().filter((one) => one !== run), ...(wanted ? [run] : [])].slice(-MOST)));
  } catch {
    // storage is refused: it cannot be remembered, and the button says so by staying off
  }
}

/** @param {import("../core/store.js").Store} store @param {import("../stream/link.js").Link} link */
export function notice(store, link) {
  const button = one('[data-do="notify"]');
  if (typeof Notification !== "function" || !isSecureContext) return;
  let ended = store.ended;

  const show = () => {
    button.hidden = store.ended;
    const blocked = Notification.permission === "denied";
    button.disabled = blocked;
    button.textContent = blocked ? "Notifications are blocked in this browser" : "Tell me when it ends";
    const wanted = !blocked && asked().includes(store.run);
    button.setAttribute("aria-pressed", String(wanted));
    link.wish(wanted && !store.ended ? name(store.live.pipeline || "run") : "");
  };
  const end = () => {
    if (!asked().includes(store.run)) return;
    ask(store.run, false);
    const { live, present } = store, reading = headReading(live, present);
    const trouble = reading.wrong.state ? [reading.wrong.text, reading.wrong.note] : [];
    const body = [`after ${reading.elapsed}`, ...trouble].filter(Boolean).join(", ");
    try {
      const made = new Notification(`${reading.tab} · ${name(live.pipeline || "run")}`, { body, tag: store.run });
      made.onclick = () => {
        focus();
        made.close();
      };
    } catch {
      // a browser that only lets service workers notify: the title says it
    }
  };

  button.addEventListener("click", async () => {
    const wanted = !asked().includes(store.run);
    if (wanted && Notification.permission === "default") await Notification.requestPermission();
    ask(store.run, wanted && Notification.permission === "granted");
    show();
  });
  addEventListener("storage", show);
  store.on(["state"], () => {
    if (ended === store.ended) return;
    ended = store.ended;
    if (ended) end();
    show();
  });
  if (ended) ask(store.run, false);
  show();
}
