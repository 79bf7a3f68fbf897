// Home and the list of runs: rendered by the server, asked for again when the stream says that a run changed. Links and forms
// of the list change the page in place; without a script they load it.
import { all, one } from "./core/dom.js";
import { closeMenus, menus } from "./core/menus.js";
import { printing } from "./core/print.js";
import { findRuns } from "./find/runs.js";
import { morph } from "./home/morph.js";
import { choose, chosen, dress, mark, see, tick } from "./home/reader.js";
import { watch } from "./stream/link.js";
import { wireSign } from "./stream/wire.js";

const PAUSE = 1000, AGAIN = 5000;
let due = false, busy = false, changes = false, asked = 0, ahead = 0;

/**
 * Show the page that the server has for an address.
 * @param {string} address
 * @param {boolean} moved whether it is another than the one that is shown
 */
async function show(address, moved) {
  const turn = ++asked;
  changes ||= moved;
  const response = await fetch(address, { headers: { accept: "text/html" } });
  const next = new DOMParser().parseFromString(await response.text(), "text/html"), fresh = next.getElementById("home");
  if (turn !== asked) return; // another was asked for since
  if (!fresh) {
    if (moved) location.assign(address); // an error's page
    return;
  }
  dress(fresh);
  morph(one("#home"), fresh);
  if (changes) for (const form of /** @type {HTMLFormElement[]} */ (all("form[data-list]"))) form.reset();
  changes = false;
  mark();
  document.title = next.title;
  one('link[rel="icon"]').href = one('link[rel="icon"]', next).href;
  ahead = Number(fresh.dataset.now) - Date.now() * 1000;
}

async function refresh() {
  due = true;
  if (busy) return;
  busy = true;
  while (due) {
    due = false;
    await show(location.href, false).catch(() => undefined); // the wire says so; what is shown stays
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  busy = false;
}

/** Go to another view of the list. @param {string} address */
function go(address) {
  closeMenus();
  if (new URL(address, location.href).pathname !== location.pathname) return location.assign(address);
  history.pushState(null, "", address);
  show(address, true).catch(() => location.assign(address));
}

/** The address that a form of the list means: what is empty is not in it. @param {HTMLFormElement} form */
function addressOf(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) query.append(name, String(value));
  const text = query.toString(), path = new URL(form.action).pathname;
  return text ? `${path}?${text}` : path;
}

/** @param {HTMLElement} button @param {string} text */
async function copy(button, text) {
  const said = button.firstChild ?? button, before = said.textContent;
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied";
  } catch {
    said.textContent = "Cannot copy here";
  }
  setTimeout(() => (said.textContent = before), 2000);
}

/** @type {Record<string, (button: HTMLElement) => void>} */
const ACTIONS = {
  seen: () => (see(all("[data-failed]").map((row) => row.dataset.failed)), dress(document)),
  "copy-code": (button) => void copy(button, one("code", button.parentElement ?? document).textContent),
  "copy-chosen": (button) => void copy(button, [...chosen].join("\n")),
};

menus();
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = /** @type {HTMLElement | null} */ (event.target.closest("[data-do]"));
  if (button) ACTIONS[button.dataset.do ?? ""]?.(button);
  const link = event.target.closest("a");
  if (!link) return;
  const failed = /** @type {HTMLElement | null} */ (link.closest("[data-failed]"));
  if (failed) see([failed.dataset.failed]);
  const plain = !event.defaultPrevented && !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!plain || !link.closest("#ended, .list") || new URL(link.href).pathname !== location.pathname) return;
  event.preventDefault();
  go(link.href);
});
document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.closest("#home")) return;
  event.preventDefault();
  if (!event.target.matches("#chosen")) return go(addressOf(event.target));
  go(`/runs?${new URLSearchParams([...chosen].map((run) => ["id", run]))}`);
});
document.addEventListener("reset", (event) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.matches("#chosen")) return; // its fields are named id
  event.preventDefault();
  for (const run of [...chosen]) choose(run, false);
  mark();
});
document.addEventListener("change", (event) => {
  if (!(event.target instanceof HTMLInputElement) || !event.target.closest(".pick")) return;
  const boxes = event.target.name ? [event.target] : /** @type {HTMLInputElement[]} */ (all('.pick input[name="id"]'));
  for (const box of boxes) choose(box.value, event.target.checked);
  mark();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const active = document.activeElement, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "/" && !active?.closest("input, select, textarea, .menu[open]")) {
    event.preventDefault();
    one('input[type="search"]').focus();
  } else if (event.key === "Enter" && active?.matches(".pick input")) {
    event.preventDefault(); // it would send the form off
  } else if (step && active?.matches("[data-run] :is(a, input), [data-failed] a")) {
    const rows = all(":is([data-run], [data-failed]):not([hidden])"), at = rows.findIndex((row) => row.contains(active));
    event.preventDefault();
    /** @type {HTMLElement | null | undefined} */ (rows[at + step]?.querySelector(active.tagName))?.focus();
  }
});
addEventListener("popstate", () => show(location.href, true).catch(() => location.reload()));
addEventListener("storage", () => dress(document));

const sign = wireSign();
let position = "", lost = false;
watch("runs", {
  frame(kind, frame) {
    if (kind === "ping" ? frame.position !== position && position : true) void refresh();
    position = frame.position;
    return true; // what is shown comes from the server whole: no frame can be missed
  },
  wire(now) {
    lost = now.status === "lost";
    sign(now);
  },
});
let last = 0;
setInterval(() => {
  if (lost || document.hidden || !document.querySelector(".run-row[data-run]")) return;
  tick(Date.now() * 1000 + ahead);
  if (Date.now() - last > AGAIN) {
    last = Date.now();
    void refresh();
  }
}, 1000);
ahead = Number(one("#home").dataset.now) - Date.now() * 1000;
dress(document);
mark();
if (document.querySelector("form.find")) findRuns();
printing();
