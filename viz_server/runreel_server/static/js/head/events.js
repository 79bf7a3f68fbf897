// The raw events of a run, for those who want to see them: read from the server's stream as far as they are looked at.
import { make, one, say } from "../core/dom.js";
import { clock, count, micros, name, stepName, visible } from "../core/format.js";

/** @typedef {{id: string, type: string, time: string, subject?: string, session?: string, seq?: number, data?: unknown}} Event */

const PAGE = 200; // events that are shown before somebody asks for more
const SHORT = 160; // characters of an event in one line

/** Lines of a stream of bytes, as they come. @param {ReadableStream<Uint8Array>} body */
export async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      yield* parts;
    }
    if (rest) yield rest;
  } finally {
    await reader.cancel();
  }
}

/** @param {import("../core/store.js").Store} store */
export function events(store) {
  const sheet = one("#events"), list = one("ol", sheet), note = one('[data-out="events-note"]', sheet), more = one('[data-do="more-events"]', sheet);
  const type = one("select", sheet), text = one('input[type="search"]', sheet), until = () => store.past?.at ?? Infinity;
  /** @type {AsyncGenerator<string> | null} */
  let source = null;
  let read = 0, shown = 0, asked = 0;

  /** @param {Event} event */
  const wanted = (event, raw = "") => {
    const when = micros(event.time);
    if (when !== null && when > until()) return false;
    const what = text.value.trim().toLowerCase();
    return !what || raw.toLowerCase().includes(what);
  };

  /** @param {Event} event */
  const row = (event) => {
    const data = JSON.stringify(event.data ?? {}), brief = data.length > SHORT ? `${data.slice(0, SHORT)}…` : data;
    const whole = make("pre", {});
    const item = make("details", {}, make("summary", {},
      make("time", {}, clock(micros(event.time), 3)), make("b", {}, name(event.type.replace(/^runreel\./, ""))),
      make("span", { class: "bdi" }, stepName(event.subject ?? "")), make("code", { class: "clip" }, name(brief))), whole);
    item.addEventListener("toggle", () => say(whole, visible(JSON.stringify(event, null, 2))), { once: true });
    return make("li", {}, item);
  };

  /** Read on until a page of what is wanted is shown. */
  const go = async () => {
    try {
      await page();
    } catch (error) {
      source = null;
      say(note, `${count(shown)} shown; then reading broke off: ${error instanceof Error ? error.message : error}`);
    }
  };

  const page = async () => {
    const mine = asked, end = shown + PAGE;
    more.hidden = true;
    while (source && mine === asked && shown < end) {
      const { value, done } = await source.next();
      if (mine !== asked) return;
      if (done) {
        source = null;
        break;
      }
      if (!value) continue;
      read += 1;
      const event = /** @type {Event} */ (JSON.parse(value));
      if (!Array.from(type.options).some((/** @type {HTMLOptionElement} */ option) => option.value === event.type)) {
        type.append(make("option", { value: event.type }, event.type.replace(/^runreel\./, "")));
      }
      if (!wanted(event, value)) continue;
      shown += 1;
      list.append(row(event));
    }
    more.hidden = source === null;
    say(note, `${count(shown)} shown, ${count(read)}${source && !type.value ? ` of ${count(store.live.events ?? read)}` : ""} read`);
  };

  const load = async () => {
    const mine = (asked += 1);
    void source?.return(undefined);
    source = null;
    read = shown = 0;
    list.replaceChildren();
    say(note, "loading");
    try {
      const answer = await fetch(`/api/v1/runs/${store.run}/events${type.value ? `?type=${encodeURIComponent(type.value)}` : ""}`);
      if (!answer.ok || !answer.body) throw new Error(String(answer.status));
      if (mine !== asked) return void answer.body.cancel();
      source = lines(answer.body);
      await go();
    } catch (error) {
      if (mine === asked) say(note, `could not be loaded: ${error instanceof Error ? error.message : error}`);
    }
  };

  let typing = 0;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(load, 250);
  });
  type.addEventListener("change", load);
  more.addEventListener("click", () => void go());
  sheet.addEventListener("close", () => {
    asked += 1;
    void source?.return(undefined);
    source = null;
  });
  return () => {
    sheet.showModal();
    void load();
  };
}
