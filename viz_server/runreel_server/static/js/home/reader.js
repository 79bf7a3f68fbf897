// What only the reader's browser knows: which failures were seen, which runs are chosen, the zone that times are read in.
import { all, keep, kept, say } from "../core/dom.js";
import { guess, micros, span } from "../core/format.js";
import { secondsLeft } from "../core/readings.js";
import { zoned } from "../core/times.js";

const SEEN = "runreel.seen", CHOSEN = "runreel.chosen", MOST = 2000;

const session = () => sessionStorage;

/** @param {string | null} ids @returns {Set<string>} */
function read(ids) {
  try {
    return new Set(JSON.parse(ids ?? "[]"));
  } catch {
    return new Set();
  }
}

/** @param {Set<string>} ids */
const written = (ids) => JSON.stringify([...ids].slice(-MOST));

/** The runs that are chosen, on this page and on others of the list. */
export const chosen = read(kept(CHOSEN, session));

/** @param {string} run @param {boolean} now */
export function choose(run, now) {
  now ? chosen.add(run) : chosen.delete(run);
  keep(CHOSEN, written(chosen), session);
}

/** Note failures as seen. @param {(string | undefined)[]} runs */
export function see(runs) {
  keep(SEEN, written(new Set([...read(kept(SEEN)), ...runs.flatMap((run) => run ?? [])])));
}

/** Show in a page of the server what the reader's browser knows. @param {ParentNode} page */
export function dress(page) {
  const known = read(kept(SEEN)), failed = all("[data-failed]", page), now = Date.now() * 1000;
  const section = /** @type {HTMLElement | null} */ (page.querySelector("#failed")), fresh = failed.filter((row) => !known.has(row.dataset.failed ?? ""));
  const shown = new Set(fresh.slice(0, Number(section?.dataset.most)));
  for (const row of failed) row.hidden = !shown.has(row);
  if (section) section.hidden = !fresh.length;
  zoned(page, now);
  for (const button of all('[data-do^="copy-"], [data-do="pick-all"]', page)) button.hidden = false;
}

/** Say how many are chosen, and mark them. */
export function mark() {
  const boxes = /** @type {HTMLInputElement[]} */ (all('.pick input[name="id"]'));
  for (const box of boxes) box.checked = chosen.has(box.value);
  for (const pick of /** @type {HTMLInputElement[]} */ (all('[data-do="pick-all"]'))) {
    pick.checked = boxes.length > 0 && boxes.every((box) => box.checked);
    pick.indeterminate = !pick.checked && boxes.some((box) => box.checked);
  }
  for (const bulk of all(".bulk")) bulk.classList.toggle("is-shown", chosen.size > 0);
  for (const out of all('[data-out="chosen"]')) say(out, `${chosen.size} chosen`);
}

/** Let the spans of what runs go on between two answers. @param {number} now in microseconds, by the server's clock */
export function tick(now) {
  for (const one of all("[data-since]")) {
    const since = micros(one.dataset.since);
    if (since !== null) say(one, span((now - since) / 1e6));
  }
  for (const one of all("[data-until]")) {
    const left = secondsLeft(one.dataset.until, now);
    if (left !== null) say(one, guess(left));
  }
}
