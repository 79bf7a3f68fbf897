// Which lines are wanted: level, the chosen step, what is searched for, and up to which moment; as addresses of the API.
import { ask, one } from "../core/dom.js";
import { iso } from "../core/format.js";
import { placeOf } from "./lines.js";
import { ASKED } from "./rows.js";

/** @typedef {import("../core/types.js").Line} Line */
/** @typedef {import("../core/types.js").State} State */
/** @typedef {{before: string | null, scanned: number, total: number, hits: number}} Searched */
/** @typedef {Searched & {lines: Line[], after: string | null, more: boolean}} Page */

const RANKS = /** @type {Record<string, number>} */ ({ TRACE: 5, DEBUG: 10, INFO: 20, NOTICE: 25, WARNING: 30, WARN: 30, ERROR: 40, CRITICAL: 50, FATAL: 50 });

/** @param {string} [level] */
const rank = (level) => RANKS[(level || "INFO").toUpperCase()] ?? 20;

export class Query {
  /**
   * @param {import("../core/store.js").Store} store
   * @param {import("../core/choice.js").Choice} choice
   * @param {import("../core/address.js").Address} address whose keys `q`, `re` and `level` it holds
   * @param {() => void} changed told when other lines are wanted
   */
  constructor(store, choice, address, changed) {
    this.store = store;
    this.choice = choice;
    this.search = one('#log input[type="search"]');
    this.level = one('[data-do="log-level"]');
    this.button = one('[data-do="log-regex"]');
    const { search, level, button } = this;
    let typing = 0;
    const read = () => {
      search.value = address.get("q");
      level.value = address.get("level");
      button.setAttribute("aria-pressed", String(address.get("re") !== ""));
    };
    const told = () => {
      clearTimeout(typing);
      address.set({ q: this.text, re: this.text && this.regex ? "1" : "", level: level.value });
      changed();
    };
    read();
    address.on("q", () => {
      read();
      changed();
    });
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(told, 250);
    });
    level.addEventListener("change", told);
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!this.regex));
      if (this.text) told();
    });
  }

  get regex() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  /** What is searched for. */
  get text() {
    return this.search.value.trim();
  }

  get filtered() {
    return Boolean(this.text || this.level.value || this.choice.id);
  }

  /** Whether a line of the stream is wanted; what is searched for only the server tells. @param {Line} line */
  wants(line) {
    return rank(line.level) >= (this.level.value ? rank(this.level.value) : 0) && this.choice.covers(line.step ?? "");
  }

  /** How many lines there are, or of the wanted steps and levels. @param {State} state @param {boolean} [wanted] */
  count(state, wanted = false) {
    const least = wanted && this.level.value ? rank(this.level.value) : 0;
    let sum = 0;
    /** @param {string} path @param {State["lines"]} lines */
    const add = (path, lines) => {
      if (!lines || (wanted && !this.choice.covers(path))) return;
      sum += least ? Object.entries(lines.levels ?? {}).reduce((all, [level, count]) => all + (rank(level) >= least ? count : 0), 0) : lines.total;
    };
    add("", state.lines);
    for (const path in state.steps) add(path, state.steps[path].lines);
    return sum;
  }

  /** @param {string} route @param {Record<string, string | number>} [more] */
  address(route, more = {}) {
    const query = new URLSearchParams(), { store, level, text } = this;
    if (level.value) for (const one of Object.keys(RANKS)) if (rank(one) >= rank(level.value)) query.append("level", one);
    if (this.choice.id) query.set("under", this.choice.id);
    if (text) query.set(this.regex ? "regex" : "q", text);
    if (store.past) query.set("until", iso(store.past.at));
    for (const [key, value] of Object.entries(more)) query.set(key, String(value));
    return `/api/v1/runs/${store.run}/${route}?${query}`;
  }

  /** A page of lines. @param {Record<string, string | number>} where @param {AbortSignal} [signal] @returns {Promise<Page>} */
  page(where, signal) {
    return ask(this.address("logs", { width: ASKED, overwritten: "drop", limit: 200, ...where }), signal);
  }

  /** When lines that match were said. @param {string} before @param {AbortSignal} signal @returns {Promise<Searched & {times: number[]}>} */
  hits(before, signal) {
    return ask(this.address("hits", { before }), signal);
  }

  /** The whole text of some lines. @param {Line[]} pieces */
  async whole(pieces) {
    const pages = await Promise.all(pieces.map((piece) => ask(`/api/v1/runs/${this.store.run}/logs?limit=1&around=${placeOf(piece)}`)));
    return pages.map((page) => page.lines[0].text).join("");
  }
}
