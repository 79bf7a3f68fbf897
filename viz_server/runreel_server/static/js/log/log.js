// The log: some of its lines are loaded, two screens of them are in the page, and the rail stands for all of it.
import { all, keep, kept, make, one, say, tell } from "../core/dom.js";
import { count, plural, stepName } from "../core/format.js";
import { copied } from "../core/toast.js";
import { hand } from "./hand.js";
import { Lines, key, placeOf } from "./lines.js";
import { Query } from "./query.js";
import { rail } from "./rail.js";
import { View } from "./view.js";

/** @typedef {import("../core/types.js").Line} Line */
/** @typedef {{count: number, last: Line[]} | null} Came */

const MOST = 2000, KEPT = 800; // lines: loaded at most, and while following
const SOON = 400; // milliseconds between two looks at what came
const WRAP = "runreel.wrap";

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("../core/choice.js").Choice} choice
 * @param {import("../core/address.js").Address} address
 */
export function log(store, scheduler, choice, address) {
  const region = one("#log"), list = one(".log", region), pill = one(".pill", region), note = one(".log-note", region);
  const follow = one('[data-do="follow"]', region), step = one('[data-do="log-step"]', region), wrap = one('[data-do="wrap"]', region);
  const lines = new Lines(), query = new Query(store, choice, address, () => load()), strip = rail(store, (time) => load(`${time}--0-0`, 0));
  const view = new View(list, lines, {
    run: store.run,
    found: () => (query.regex ? "" : query.text),
    edge: (side) => void grow(side),
    seen: (from, to, all) => strip.see(from, all ? store.moment : to),
  });
  /** @type {Line[]} what came while others were on the way */
  let held = [];
  /** @type {number | null} how many lines match what is searched for, as far as it was searched */
  let matched = null;
  let unseen = 0, missed = false, catching = 0, growing = false, chasing = false;
  /** @type {AbortController | null} of what is being loaded in place of what is there */
  let loading = null;
  /** @type {number | null | undefined} the moment that the lines go up to; undefined before any came */
  let moment;
  let answered = moment; // that of those in the page

  const again = () => {
    view.stale = true;
    scheduler.request("log");
  };

  /** @param {string} text @param {boolean} [bad] whether the server refused what is searched for */
  const told = (text, bad = false) => {
    note.hidden = !text;
    note.classList.toggle("is-bad", bad);
    query.search.setAttribute("aria-invalid", String(bad));
    say(note, text);
  };

  /** @param {boolean} on */
  const setFollowing = (on) => {
    view.following = on;
    if (on) unseen = 0;
    follow.setAttribute("aria-pressed", String(on));
    view.stale = true;
    if (on) view.render();
    scheduler.request("log");
  };

  const draw = () => {
    view.render();
    const { view: state } = store, total = query.count(state) || lines.all.length;
    const some = query.filtered && moment !== undefined, wanted = !some ? null : lines.end && !lines.before ? lines.all.length : query.text ? matched : query.count(state, true);
    tell("lines", !total ? "" : wanted !== null ? `${count(Math.min(wanted, total))} of ${count(total)}` : count(total));
    pill.hidden = store.past !== null || !unseen;
    say(pill, `${plural(unseen, "new line")} ↓`);
    region.classList.toggle("has-rail", total > 3 * view.screen);
    one('[data-empty="log"]', region).hidden = moment === undefined || lines.all.length > 0 || query.filtered;
    view.look();
  };

  const outdated = () => (store.past?.at ?? null) !== moment;
  /** Load lines in place of those that are there: the newest, or those around a place. @param {string} [place] @param {number} [from] where it is to be in view */
  const load = async (place, from = 0.3) => {
    loading?.abort();
    strip.wait();
    const mine = (loading = new AbortController()), { signal } = mine, where = /** @type {Record<string, string>} */ (place ? { around: place } : {});
    moment = store.past?.at ?? null;
    one('[data-do="download"]', region).href = query.address("logs.txt");
    missed = false;
    matched = null;
    held = [];
    /** @type {number[]} */
    let times = [];
    let hits = 0, scanned = 0;
    /** @param {import("./query.js").Searched} found @param {number[]} said */
    const searched = (found, said) => {
      [scanned, hits, times] = [scanned + found.scanned, hits + found.hits, times.concat(said)];
      if (!query.text || place) return;
      matched = hits;
      strip.found(times);
      told(plural(hits, "hit") + (found.before ? ` · searched ${count(Math.min(scanned, found.total))} of ${count(found.total)} lines` : ""));
    };
    try {
      let page = await query.page(where, signal);
      told("");
      answered = moment;
      strip.found([]);
      lines.reset(page.before, page.after, !place || !page.more);
      setFollowing(!place && !store.past && !store.ended);
      for (;;) {
        lines.put(page.lines);
        lines.before = page.before;
        searched(page, page.lines.map((line) => line.time));
        view.stand(place, from);
        if (place || !page.before || lines.all.length >= 2 * view.screen || outdated()) break;
        page = await query.page({ before: page.before }, signal); // a search answers in slices
      }
      if (!lines.all.length && query.filtered) told(query.text || query.level.value ? "No line is like that" : "The chosen step has said nothing");
      strip.go();
      if (missed) soon();
      else if (lines.end) take(held.splice(0));
      for (let { before } = lines; before && query.text && !place && !outdated(); ) {
        const found = await query.hits(before, signal);
        searched(found, found.times);
        before = found.before;
      }
    } catch (error) {
      const { status, message } = /** @type {any} */ (error);
      if (!signal.aborted) told(status === 400 ? message : "The lines could not be loaded", status === 400);
    }
    if (loading === mine) {
      loading = null;
      answered = moment;
      strip.go();
    }
    scheduler.request("log");
  };

  /** Follow the moment while it moves: one question at a time, so that the server has time for the moment itself. */
  const chase = async () => {
    if (chasing) return;
    chasing = true;
    while (outdated()) await load();
    chasing = false;
  };

  /** Load what lies beyond an edge. @param {"before" | "after"} side */
  const grow = async (side) => {
    const cursor = side === "before" ? lines.before : lines.end ? null : lines.last, { turn } = lines;
    if (growing || !cursor || moment === undefined) return;
    growing = true;
    try {
      const page = await query.page({ [side]: cursor });
      if (turn === lines.turn) {
        if (side === "before") lines.earlier(page, MOST);
        else lines.later(page, MOST);
        view.stale = true;
        view.render();
        setTimeout(() => view.look());
      }
    } catch {
      // scrolling again asks again
    }
    growing = false;
  };

  const soon = (wait = SOON) => {
    catching ||= setTimeout(catchUp, wait);
  };

  /** Ask for what came since the last line that is here; meanwhile no other is put behind it. */
  const catchUp = async () => {
    const { turn } = lines;
    let wait = SOON;
    missed = false;
    try {
      const page = store.past || moment === undefined ? null : await query.page({ limit: MOST, ...(lines.last ? { after: lines.last } : { from: 0 }) });
      if (page && turn === lines.turn) {
        if (page.more && view.following) void load();
        else if (!view.following) unseen += page.lines.length;
        if (matched !== null) matched += page.lines.length;
        lines.later(page, view.following ? KEPT : 2 * MOST);
        again();
      }
    } catch {
      missed = true;
      wait *= 5;
    }
    catching = 0;
    if (missed) soon(wait);
    else if (lines.end) take(held.splice(0));
  };

  /** Take in lines that came one behind the other. @param {Line[]} last */
  const take = (last) => {
    if (query.text) return last.length && soon();
    const [first] = lines.before ? lines.all : []; // lines from before it come with their page
    const fresh = lines.put(last.filter((line) => query.wants(line) && (!first || key(line) > key(first))));
    if (view.following) lines.trim(KEPT, true);
    else unseen += fresh;
    again();
  };

  /** @param {Came} came what the stream brought; null: a snapshot, and what lies between is not known */
  const hear = (came) => {
    if (came) strip.grow(came.count, came.last);
    if (store.past) return;
    const gap = came ? came.count - came.last.length : 0, busy = loading || catching || moment === undefined;
    if (busy && came && !gap) held.push(...came.last);
    else if (busy) missed = true;
    else if (!came || (gap && view.following && query.filtered && lines.end)) soon();
    else if (!lines.end || (gap && !view.following)) {
      lines.end = false;
      unseen += came.count;
    } else {
      if (gap) lines.reset(placeOf(came.last[0]), null, true); // what lies between comes when the reader scrolls there
      take(came.last);
    }
    again();
  };

  const changed = () => {
    const known = all("option", step).map((option) => /** @type {HTMLOptionElement} */ (option).value);
    for (const path of [...Object.keys(store.live.steps ?? {}).filter((path) => !path.includes("/")), choice.id]) {
      if (!known.includes(path)) step.append(make("option", { value: path }, stepName(path)));
    }
    step.value = choice.id;
    if (!chasing) scheduler.request("log"); // else it is drawn when the moment's lines are there
  };

  /** @param {string} place the line that the address names */
  const mark = (place) => {
    view.marked = place;
    return load(place);
  };
  const end = () => (lines.end && !store.past && !store.ended ? setFollowing(true) : void load());
  const act = { toggle: () => (view.following ? setFollowing(false) : end()), find: () => query.search.focus() };
  hand(view, {
    ...act,
    end,
    start: () => void load("0--0-0", 0),
    step: (path) => choice.choose(path),
    link: (place) => {
      address.set({ line: place }, true);
      view.marked = place;
      view.render();
      void copied(location.href, "Copied: link to this line", "The address is the link to this line");
    },
    whole: (row) => query.whole(row.pieces),
  });
  const setWrap = (/** @type {boolean} */ on) => {
    wrap.setAttribute("aria-pressed", String(on));
    list.classList.toggle("is-wrapped", on);
    scheduler.request("log");
  };
  wrap.addEventListener("click", () => {
    setWrap(!list.classList.contains("is-wrapped"));
    keep(WRAP, list.classList.contains("is-wrapped") ? "on" : "");
  });
  setWrap(kept(WRAP) === "on");
  list.addEventListener("scroll", () => {
    const end = view.atEnd, hand = list.scrollTop !== view.own; // what the reader does, not what came
    if (hand) view.own = -1; // back to there is the reader's too
    if (hand && view.following && !end) setFollowing(false);
    else if (hand && !view.following && end && lines.end && !store.past && !store.ended) setFollowing(true);
    view.look();
  }, { passive: true });
  follow.addEventListener("click", act.toggle);
  pill.addEventListener("click", end);
  step.addEventListener("change", () => choice.choose(step.value));
  choice.on(() => {
    changed();
    void load();
  });
  address.on("line", (place) => void mark(place));
  store.on(["lines"], hear);
  store.on(["state"], changed);
  store.on(["time"], () => {
    if (moment === undefined || !outdated()) return;
    strip.rest();
    void (store.past ? chase() : load());
  });
  new ResizeObserver(() => scheduler.request("log")).observe(list); // regions share the height, and on a narrow screen tabs
  scheduler.add("log", draw, 0);
  changed();
  void mark(address.get("line")).then(strip.measure); // counting all of a long log takes longer than its end
  /** Go to a line, whatever was searched for. @param {string} place */
  const open = (place) => {
    query.search.value = query.level.value = "";
    address.set({ q: "", re: "", level: "", line: place }, true);
    mark(place);
    list.focus();
  };
  /** @param {string} text */
  const search = (text) => {
    query.search.value = text;
    query.search.dispatchEvent(new Event("input"));
    query.search.focus();
  };
  return { ...act, open, search, shown: () => answered ?? null };
}
