// The artifacts: of the chosen step what it used and what it made; newest first, those with a picture as cards, the others as
// rows. Pictures are made when in view.
import { all, arrange, clone, make, one, say, tell } from "../core/dom.js";
import { clock, count, iso, micros, name, param, sizeOf, stepName } from "../core/format.js";
import { ENDED } from "../core/readings.js";
import { scope } from "../core/scope.js";
import { ICONS, picturing } from "./pictures.js";

/** @typedef {import("../core/types.js").Artifact} Artifact */
/** @typedef {import("../core/types.js").Input} Input */

const CARDS = new Set([...Object.keys(ICONS).filter((type) => type !== "Model"), "Table"]);
const PAGE = Math.ceil(screen.height / 26), NEAR = 400; // artifacts: as many as can be in view; pixels

/** What it is, and when it was made, which has room always. @param {Artifact} given */
function says(given) {
  const kind = given.type || "Artifact", parts = [name(kind.endsWith("ClassificationMetrics") ? "Classification" : kind), sizeOf(given), given.version ? `v${given.version}` : ""];
  return [parts.filter(Boolean).join(" · "), given.created ? `· ${clock(micros(given.created))}` : ""];
}

/** Why an artifact is not there, or not all of it; the server's `pages/run_page.py` says the same. @param {Artifact} given @param {boolean} over whether its run has ended */
function fault({ state, reason }, over) {
  if (state === "failed" || state === "incomplete") return `${state}${reason ? `: ${param(reason)}` : ""}`;
  return state === "pending" ? (over ? "missing: its bytes have not come" : "on its way") : "";
}

/**
 * @param {import("../core/store.js").Store} store
 * @param {import("../core/scheduler.js").Scheduler} scheduler
 * @param {import("../core/choice.js").Choice} choice
 * @param {import("../core/address.js").Address} address
 */
export function artifacts(store, scheduler, choice, address) {
  const region = one("#artifacts"), box = one(".artifacts", region), rows = one(".artifact-rows", box), type = one('[data-do="artifact-type"]', region), filter = one('[data-do="artifact"]', region);
  const used = one(".used", region), scoped = scope(region, choice);
  /** @type {Map<string, HTMLElement>} */
  const cards = new Map(all(".artifact", box).map((card) => [card.dataset.artifact ?? "", card]));
  /** @type {Map<string, string>} which picture a card has */
  const pictured = new Map();
  /** @type {Map<string, Promise<void>>} those that were asked for */
  const pictures = new Map();
  let kind = address.get("type"); // of which there may be none (yet)
  let limit = PAGE; // so many of them are in the page; more when the reader comes near the end

  const draw = () => {
    const outputs = Object.values(store.view.artifacts ?? {});
    const everything = Object.keys(store.live.artifacts ?? {}).length;
    const order = outputs.map((one, n) => ({ one, n, at: one.created ?? "" })).sort((a, b) => (a.at === b.at ? b.n - a.n : a.at < b.at ? 1 : -1)).map((item) => item.one);
    const known = new Set(Array.from(type.options, (/** @type {HTMLOptionElement} */ option) => option.value));
    for (const wish of [kind, ...order.map((one) => one.type || "Artifact")]) {
      if (wish && !known.has(wish)) type.append(make("option", { value: wish }, name(wish)));
      known.add(wish);
    }
    type.value = kind;
    const wanted = filter.value.trim().toLowerCase(), like = (/** @type {Artifact} */ one) => !wanted || [one.name || one.id, one.type || "Artifact", stepName(one.step ?? "")].some((text) => text.toLowerCase().includes(wanted));
    const shown = scoped(order.filter((one) => (!kind || (one.type || "Artifact") === kind) && like(one)), (one) => choice.covers(one.step ?? ""));
    const users = usersOf(), elements = shown.slice(0, limit).map((one) => ({ one, card: cardOf(one, one.id, users) }));
    arrange(rows, elements.filter(({ one }) => !CARDS.has(one.type || "")).map(({ card }) => card));
    arrange(box, [...elements.filter(({ one }) => CARDS.has(one.type || "")).map(({ card }) => card), rows]);
    one('[data-empty="artifacts"]', region).hidden = order.length > 0;
    one('[data-out="no-artifact"]', region).hidden = !order.length || shown.length > 0;
    tell("no-artifact", wanted || kind ? "No artifact is like that" : "The chosen step has made none");
    tell("artifacts", !everything ? "" : shown.length < everything ? `${count(shown.length)} of ${count(everything)}` : count(everything));
    drawUsed(users);
  };

  /** Which steps use an artifact, by its id. */
  const usersOf = () => {
    /** @type {Map<string, string[]>} */
    const users = new Map();
    for (const [path, step] of Object.entries(store.view.steps ?? {})) {
      for (const { artifact } of step.inputs ?? []) if (artifact) users.set(artifact, [...(users.get(artifact) ?? []), path]);
    }
    return users;
  };

  /** What the chosen step uses; where none is chosen, what the run itself does. @param {Map<string, string[]>} users */
  const drawUsed = (users) => {
    const { view } = store, steps = choice.id ? Object.entries(view.steps ?? {}).filter(([path]) => choice.covers(path)).map(([, step]) => step) : [];
    /** @type {Map<string, Input>} */
    const inputs = new Map();
    for (const step of choice.id ? steps : [view]) for (const input of step.inputs ?? []) inputs.set(input.artifact || `${input.uri}/${input.step}/${input.name}`, input);
    used.hidden = !inputs.size;
    arrange(one(".artifact-rows", used), [...inputs].slice(0, PAGE).map(([key, input]) => {
      const known = view.artifacts?.[input.artifact ?? ""];
      return cardOf(known ?? { id: input.artifact ?? "", name: input.name || input.uri || input.artifact || "" }, `of ${key}`, users, known ? undefined : input);
    }));
    say(one("span", used), inputs.size > PAGE ? `${PAGE} of ${count(inputs.size)}` : "");
  };

  /** @param {Artifact} given @param {string} key @param {Map<string, string[]>} users @param {Input} [wish] what is said of an input that this run has not made */
  const cardOf = (given, key, users, wish) => {
    const card = cards.get(key) ?? clone("t-artifact"), kind = given.type || "Artifact", wide = key !== given.id || !CARDS.has(kind);
    const why = wish ? (wish.uri || given.id ? "" : "not made yet") : fault(given, ENDED.has(store.view.state));
    cards.set(key, card);
    card.dataset.artifact = given.id;
    card.dataset.type = name(kind);
    card.dataset.state = why && why !== "on its way" ? "STALLED" : "";
    card.classList.toggle("is-wide", wide);
    const link = one("a.name", card), href = `/artifacts/${encodeURIComponent(given.id)}`, get = one("a.get", card);
    if (given.id) link.href = href + (store.past ? `?at=${iso(store.past.at)}` : "");
    one(".icon use", link).setAttribute("href", `#i-${ICONS[kind] ?? "Dataset"}`);
    const label = one(".clip", link), text = name(given.name || given.id), by = given.step ? ` by ${stepName(given.step)}` : "";
    say(label, text);
    label.title = text;
    get.hidden = Boolean(wish) || !given.size || !given.sha256 || Boolean(why && given.state !== "incomplete");
    get.href = `${href}/content?as=download`;
    get.setAttribute("aria-label", `Download ${text}`);
    const [small, reason] = all("small", card);
    const [what, when] = !wish ? says(given) : [wish.uri ? (wish.name ? name(wish.uri) : "by reference") : given.id ? "of another run" : wish.step ? `of ${stepName(wish.step)}` : "", ""];
    [what, when].forEach((part, n) => say(small.children[n], part));
    small.title = wish ? what : `${what} ${when}${by}${(users.get(given.id) ?? []).map((path, n) => `${n ? "," : "; used by"} ${stepName(path)}`).join("")}${given.sha256 ? `; sha256 ${given.sha256}` : ""}`;
    say(reason, why);
    reason.title = why;
    const picture = wide ? "" : `${given.state}:${given.size}`;
    if (picture && pictured.get(given.id) !== picture) {
      pictured.set(given.id, picture);
      pictures.delete(given.id);
      scheduler.remove(card);
      scheduler.add(card, () => {
        if (!pictures.has(given.id)) pictures.set(given.id, picturing(given, one(".thumb", card)));
      }, 2);
      scheduler.request(card);
    }
    return card;
  };

  const body = one(".pane-body", region);
  body.addEventListener("scroll", () => {
    if (body.scrollHeight - body.scrollTop - body.clientHeight > NEAR || box.querySelectorAll(".artifact").length < limit) return;
    limit += PAGE;
    scheduler.request("artifacts");
  }, { passive: true });
  filter.value = address.get("artifact");
  for (const chosen of [type, filter]) {
    chosen.addEventListener("input", () => {
      kind = type.value;
      address.set({ artifact: filter.value.trim(), type: kind });
      scheduler.request("artifacts");
    });
  }
  choice.on(() => scheduler.request("artifacts"));
  scheduler.add("artifacts", draw, 1);
  store.on(["state", "time"], () => scheduler.request("artifacts"));
  scheduler.request("artifacts");
  return { ready: () => Promise.all(pictures.values()) };
}
