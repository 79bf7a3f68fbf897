// The log: the live tail, or the lines up to the moment; by level, step and search; a bounded number of them in the page.
import { all, ask, make, one, say, tell } from "./dom.js";
import { clock, count, iso, micros, name, stepName } from "./format.js";

/** @typedef {import("./types.js").Line} Line */
/** @typedef {{lines: Line[], before?: string | null, after?: string | null, total?: number | null, scanned?: number | null, hits?: number | null}} Answer */

const MOST = 600, PAGE = 200, NEAR = 24;
const RANKS = { TRACE: 5, DEBUG: 10, INFO: 20, NOTICE: 25, WARNING: 30, WARN: 30, ERROR: 40, CRITICAL: 50, FATAL: 50 };
const TASKS = 400; // steps that one request names
const ENOUGH = 40; // lines that fill the region: so many are looked for, slice by slice

/** @param {string | undefined} level */
const rank = (level) => RANKS[/** @type {keyof RANKS} */ (level ?? "INFO")] ?? 20;

/** @param {import("./store.js").Store} store @param {import("./scheduler.js").Scheduler} scheduler */
export function log(store, scheduler) {
  const region = one("#log"), list = one(".log", region), pill = one(".pill", region), follow = one('[data-do="follow"]', region);
  const search = one('input[type="search"]', region), level = one('[data-do="log-level"]', region), step = one('[data-do="log-step"]', region);
  /** @type {Line[]} lines that came and are not in the page yet */
  let waiting = [];
  /** @type {string | null} */
  let before = null;
  let total = 0, unseen = 0, loading = false, asked = 0, following = true, answered = false, busy = false;
  /** @type {number | null | undefined} the moment that the lines go up to; undefined before any came */
  let moment;

  /** @param {string} [cursor] of the older ones */
  const address = (cursor) => {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (cursor) query.set("before", cursor);
    if (level.value) for (const one of Object.keys(RANKS)) if (rank(one) >= rank(level.value)) query.append("level", one);
    if (step.value) for (const path of within(step.value).slice(0, TASKS)) query.append("step", path);
    if (search.value.trim()) query.set("q", search.value.trim());
    if (store.past) query.set("until", iso(store.past.at));
    return `/api/v1/runs/${store.run}/logs?${query}`;
  };

  /** A step and all that lie in it. @param {string} path */
  const within = (path) => [path, ...Object.keys(store.live.steps ?? {}).filter((one) => one.startsWith(`${path}/`))];

  /** @param {Line} line */
  const wanted = (line) => {
    if (level.value && rank(line.level) < rank(level.value)) return false;
    const path = line.step ?? "";
    if (step.value && path !== step.value && !path.startsWith(`${step.value}/`)) return false;
    const text = search.value.trim().toLowerCase();
    return !text || line.text.toLowerCase().includes(text);
  };

  /** @param {Line} line */
  const row = (line) => {
    const path = line.step ?? "", said = line.level && line.level !== "INFO" ? make("b", {}, line.level) : null;
    const text = make("span", {}, ...(said ? [said, " "] : []), ...marked(line.text, search.value.trim()));
    const where = make("a", path ? { href: "#log", "data-log-step": path, title: stepName(path) } : {}, stepName(path));
    return make("li", { "data-level": line.level ?? "INFO" }, make("time", {}, clock(micros(line.time), 3)), where, text);
  };

  const toEnd = () => {
    list.scrollTop = list.scrollHeight;
  };

  /** The newest lines that are wanted, from the server. */
  const load = async () => {
    const mine = (asked += 1);
    busy = true; // what comes meanwhile waits, or it would be wiped
    moment = store.past?.at ?? null;
    waiting = [];
    unseen = 0;
    try {
      await store.begun;
      let answer = /** @type {Answer} */ (await ask(address()));
      if (mine !== asked) return;
      answered = true;
      total = answer.total ?? total;
      list.replaceChildren(...answer.lines.map(row));
      const newest = answer.lines;
      let scanned = answer.scanned ?? 0;
      while (answer.before && list.childElementCount < ENOUGH) { // a search answers in slices
        list.replaceChildren(note(`searched ${count(scanned)}${total ? ` of ${count(total)}` : ""}`), ...all("li:not(.is-gap)", list));
        answer = /** @type {Answer} */ (await ask(address(answer.before)));
        if (mine !== asked) return;
        scanned += answer.scanned ?? 0;
        list.querySelector(".is-gap")?.after(...answer.lines.map(row));
      }
      before = answer.before ?? null;
      waiting = waiting.filter((line) => !line.session || !newest.some((one) => one.session === line.session && one.seq === line.seq));
      const tasks = step.value ? within(step.value).length - TASKS : 0;
      for (const gap of all(".is-gap", list)) gap.remove();
      if (tasks > 0) list.prepend(note(`of the first ${count(TASKS)} steps in ${stepName(step.value)}; ${count(tasks)} more are not shown`));
      if (!list.childElementCount && (search.value.trim() || level.value || step.value)) list.prepend(note("no line is like that"));
      setFollowing(store.past === null && !store.ended);
      toEnd();
    } catch {
      if (mine === asked && !list.childElementCount) list.replaceChildren(note("the lines could not be loaded"));
    }
    if (mine === asked) busy = false;
    scheduler.request("log");
  };

  /** Older lines, when the reader comes to the top. */
  const older = async () => {
    if (loading || !before) return;
    loading = true;
    const mine = asked;
    try {
      const answer = /** @type {Answer} */ (await ask(address(before)));
      if (mine === asked) {
        const height = list.scrollHeight - list.scrollTop;
        list.prepend(...answer.lines.map(row));
        list.scrollTop = list.scrollHeight - height;
        before = answer.before ?? null;
        while (list.childElementCount > MOST) { // what is cut off below comes back with the pill
          list.lastElementChild?.remove();
          setFollowing(false);
        }
      }
    } catch {
      // scrolling again asks again
    }
    loading = false;
  };

  /** @param {boolean} on */
  const setFollowing = (on) => {
    following = on;
    follow.setAttribute("aria-pressed", String(on));
    scheduler.request("log");
  };

  const draw = () => {
    const past = store.past !== null;
    const said = linesOf(store.view) || total;
    tell("lines", said ? count(said) : "");
    if (following && !past && !busy && waiting.length) {
      list.append(...waiting.splice(0).map(row));
      while (list.childElementCount > MOST) list.firstElementChild?.remove();
      unseen = 0;
      toEnd();
    }
    pill.hidden = past || following || !unseen;
    say(pill, `${count(unseen)} new ${unseen === 1 ? "line" : "lines"} ↓`);
    one('[data-empty="log"]', region).hidden = !answered || list.childElementCount > 0 || Boolean(search.value || step.value || level.value);
  };

  const steps = () => {
    const known = new Set(Array.from(step.options, (/** @type {HTMLOptionElement} */ option) => option.value));
    for (const path of Object.keys(store.live.steps ?? {})) {
      if (!path.includes("/") && !known.has(path)) step.append(make("option", { value: path }, stepName(path)));
    }
  };

  store.on(["lines"], (/** @type {{count: number, last: Line[]} | null} */ came) => {
    if (came === null) { // a snapshot: what lies between is not known
      if (!store.past && answered) void load();
      return;
    }
    total += came.count;
    if (!store.past) {
      const some = came.last.filter(wanted), gap = came.count - came.last.length;
      unseen += some.length + Math.max(0, gap);
      waiting.push(...(gap > 0 && following ? [{ time: came.last[0]?.time ?? 0, text: `… ${count(gap)} lines came at once; scroll up to load them`, level: "DEBUG" }] : []), ...some);
      if (waiting.length > MOST) waiting = waiting.slice(-MOST);
    }
    scheduler.request("log");
  });
  store.on(["time"], () => {
    if (moment !== undefined && (store.past?.at ?? null) !== moment) void load();
  });
  store.on(["state"], () => {
    steps();
    scheduler.request("log");
  });

  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(load, 200);
  });
  for (const choice of [level, step]) choice.addEventListener("change", load);
  follow.addEventListener("click", () => (following ? setFollowing(false) : void load()));
  pill.addEventListener("click", load);
  list.addEventListener("scroll", () => {
    const end = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    if (following && !end) setFollowing(false);
    if (list.scrollTop < 200) void older();
  }, { passive: true });
  list.addEventListener("click", (/** @type {Event} */ event) => {
    const link = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-log-step]")) : null;
    if (!link) return;
    event.preventDefault();
    show(link.dataset.logStep ?? "");
  });

  /** Only the lines of one step, or all with "". @param {string} path */
  const show = (path) => {
    if (path && !all("option", step).some((option) => /** @type {HTMLOptionElement} */ (option).value === path)) {
      step.append(make("option", { value: path }, stepName(path)));
    }
    step.value = path;
    void load();
  };

  new ResizeObserver(() => following && toEnd()).observe(list); // regions share the height: another one grew, or its tab was opened
  scheduler.add("log", draw, 0);
  steps();
  void load();
  return { show, toggle: () => follow.click(), find: () => search.focus() };
}

/** How many lines there are in all. @param {import("./types.js").State} state */
function linesOf(state) {
  const steps = Object.values(state.steps ?? {}).reduce((sum, step) => sum + (step.lines?.total ?? 0), 0);
  return steps + (state.lines?.total ?? 0);
}

/** @param {string} text */
const note = (text) => make("li", { class: "is-gap" }, make("time"), make("a"), make("span", {}, name(text)));

/** A text with what was searched for marked. @param {string} text @param {string} found @returns {(Node | string)[]} */
function marked(text, found) {
  if (!found) return [text];
  /** @type {(Node | string)[]} */
  const parts = [];
  const low = text.toLowerCase(), what = found.toLowerCase();
  let at = 0;
  for (let next = low.indexOf(what); next >= 0; next = low.indexOf(what, at)) {
    parts.push(text.slice(at, next), make("mark", {}, text.slice(next, next + what.length)));
    at = next + what.length;
  }
  return [...parts, text.slice(at)];
}
