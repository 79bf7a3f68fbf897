// Home and the list of runs: rendered by the server, fetched again when the stream says that a run changed.
import { all, one } from "./dom.js";
import { followVisible } from "./stream.js";
import { showWire } from "./wire.js";

const PAUSE = 1000, SEEN = "runreel.seen";
let due = false, busy = false, since = Date.now();

/** @returns {Set<string>} the failed runs that this reader has seen */
function seen() {
  try {
    return new Set(JSON.parse(localStorage.getItem(SEEN) ?? "[]"));
  } catch {
    return new Set();
  }
}

function hideSeen() {
  const known = seen(), rows = all("[data-failed]");
  for (const row of rows) row.hidden = known.has(row.dataset.failed ?? "");
  const section = document.getElementById("failed");
  if (section) section.hidden = rows.every((row) => row.hidden);
}

async function refresh() {
  due = true;
  if (busy) return;
  busy = true;
  while (due) {
    due = false;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" } });
      if (response.ok) put(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // the wire says so; what is shown stays
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  busy = false;
}

/** Put the new page's content in place of the old, and the focus where it was. @param {Document} next */
function put(next) {
  const fresh = next.getElementById("home"), old = one("#home"), active = document.activeElement;
  if (!fresh || fresh.innerHTML === old.innerHTML || (active && active.closest("#home") && active.matches("input, select"))) return;
  const href = active instanceof HTMLAnchorElement && active.closest("#home") ? active.getAttribute("href") : null;
  old.replaceWith(document.adoptNode(fresh));
  document.title = next.title;
  hideSeen();
  if (href) /** @type {HTMLElement | undefined} */ (all("#home a").find((link) => link.getAttribute("href") === href))?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest('[data-do="seen"]')) return;
  const known = [...seen(), ...all("[data-failed]").map((row) => row.dataset.failed ?? "")];
  try {
    localStorage.setItem(SEEN, JSON.stringify(known.slice(-2000)));
  } catch {
    // it is asked again next time
  }
  hideSeen();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  one('input[type="search"]').focus();
});

/** @type {"opening" | "ok" | "lost"} */
let status = "opening";
/** @param {"opening" | "ok" | "lost"} next */
function wire(next) {
  if (next !== status) since = Date.now();
  status = next;
  showWire(status, Date.now() - since);
}
let position = "";
followVisible("/api/v1/stream?watch=runs", {
  frame(kind, frame) {
    wire("ok");
    if (kind === "ping" ? frame.position !== position && position : true) void refresh();
    position = frame.position;
    return true; // what is shown comes from the server whole: no frame can be missed
  },
  lost: () => wire("lost"),
});
setInterval(() => {
  if (status === "lost") wire("lost");
  else if (!document.hidden && document.querySelector(".run-row[data-state='RUNNING']")) void refresh();
}, 5000);
hideSeen();
