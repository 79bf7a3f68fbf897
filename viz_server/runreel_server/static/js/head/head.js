// The run's head: read-outs, and the way: one line of its steps.
import { all, arrange, one, say, set, stand, tell } from "../core/dom.js";
import { STOPPED } from "../core/done.js";
import { iso } from "../core/format.js";
import { columns } from "../graph/nodes.js";
import { headReading } from "../core/readings.js";

/** @param {import("../core/store.js").Store} store @param {import("../core/scheduler.js").Scheduler} scheduler */
export function head(store, scheduler) {
  const region = one(".run-head"), way = one(".way");
  let said = store.live.state;
  /** @type {import("../core/done.js").Piece[]} */
  let shown = [];

  const draw = () => {
    const { view, moment } = store;
    const reading = headReading(view, moment, store.past !== null, store.present);
    shown = reading.way;
    const id = one(".run-id", region);
    stand(id, reading.state);
    say(one(".state-word", id), reading.word);
    for (const [out, text, note, whole = note] of [
      ["percent", reading.percent, reading.steps, reading.planned || reading.steps],
      ["elapsed", reading.elapsed, reading.median],
      ["left", reading.left, reading.ends, reading.why],
      ["wrong", reading.wrong.text, reading.wrong.note, reading.wrong.whole ?? reading.wrong.note],
      ["record", reading.record.text, reading.record.note, reading.record.whole],
    ]) {
      tell(out, text);
      const small = one(`[data-out="${out}-note"]`, region);
      say(small, note);
      if (small.title !== whole) small.title = whole;
    }
    const { state, step, artifact } = reading.wrong, trouble = one('[data-read="wrong"]', region), link = one("a", trouble);
    stand(trouble, state);
    trouble.dataset.step = step ?? "";
    if (artifact) link.href = `/artifacts/${artifact}${store.past ? `?at=${iso(moment)}` : ""}`;
    else link.removeAttribute("href");
    stand(one('[data-read="record"]', region), reading.record.state);
    tell("tasks", reading.tasks);
    if (reading.share === null) way.removeAttribute("aria-valuenow");
    else way.setAttribute("aria-valuenow", String(Math.floor(reading.share * 100)));
    if (store.live.state !== said) {
      said = store.live.state;
      tell("said", `The run ${reading.word.toLowerCase()}${reading.wrong.step ? `: ${reading.wrong.text}` : ""}`);
    }
    document.body.classList.toggle("is-ended", store.ended);
  };

  const drawWay = () => {
    const pieces = new Map(all("i", way).map((piece) => [piece.dataset.step, piece]));
    arrange(way, columns(shown).map(({ path: id, label, state, weight, share }) => {
      const piece = pieces.get(id) ?? document.createElement("i");
      piece.dataset.step = id;
      stand(piece, state);
      if (piece.title !== label) piece.title = label;
      set(piece, "--w", weight.toFixed(6));
      set(piece, "--p", `${STOPPED.has(state) ? 100 : (share * 100).toFixed(1)}%`);
      return piece;
    }));
  };

  scheduler.add("head", draw, 0);
  scheduler.add("way", drawWay, 1);
  store.on(["state", "time", "graph"], () => {
    scheduler.request("head");
    scheduler.request("way");
  });
}
