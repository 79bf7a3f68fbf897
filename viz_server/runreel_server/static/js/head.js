// The run's head: read-outs, title, and the way: one line of its steps.
import { all, one, say, set, stand, tell } from "./dom.js";
import { micros, name } from "./format.js";
import { byState, nodeReadings, standing } from "./nodes.js";
import { headReading, stepReadings } from "./readings.js";

/** @param {import("./store.js").Store} store @param {import("./scheduler.js").Scheduler} scheduler */
export function head(store, scheduler) {
  const region = one(".run-head"), way = one(".way");
  let said = store.live.state;

  const draw = () => {
    const { view, moment } = store;
    const reading = headReading(view, stepReadings(view, moment), moment, store.past !== null);
    const id = one(".run-id", region);
    stand(id, reading.state);
    say(one(".state-word", id), reading.word);
    for (const [out, text, note] of [
      ["percent", reading.percent, reading.steps],
      ["elapsed", reading.elapsed, reading.median],
      ["left", reading.left, reading.ends],
      ["wrong", reading.wrong.text, reading.wrong.note],
      ["record", reading.record.text, reading.record.note],
    ]) {
      tell(out, text);
      const small = one(`[data-out="${out}-note"]`, region);
      say(small, note);
      if (small.title !== note) small.title = note;
    }
    stand(one('[data-read="wrong"]', region), reading.wrong.state);
    one('[data-read="wrong"]', region).dataset.step = reading.wrong.step ?? "";
    stand(one('[data-read="record"]', region), reading.record.state);
    tell("tasks", reading.tasks);
    const going = reading.state === "RUNNING" ? `${reading.word} ${reading.percent}` : reading.word;
    const title = `${going} – ${name(view.pipeline || "run")} – runreel`;
    if (document.title !== title) document.title = title;
    way.setAttribute("aria-valuenow", String(Math.floor(reading.share * 100)));
    if (store.live.state !== said) {
      said = store.live.state;
      tell("said", `The run ${reading.word.toLowerCase()}${reading.wrong.step ? `: ${reading.wrong.text}` : ""}`);
    }
    document.body.classList.toggle("is-ended", store.ended);
  };

  const drawWay = () => {
    const steps = store.live.steps ?? {}, readings = nodeReadings(store.graph, store.view, store.moment);
    const shown = byState(store.graph, store.live, readings).filter((node) => readings[node.id].state !== "SKIPPED").map((node) => {
      const { step } = standing(node, steps), begun = micros(step.started), ended = micros(step.finished);
      return { node, weight: begun !== null && ended !== null ? (ended - begun) / 1e6 : step.expected ?? null };
    });
    const known = shown.map((item) => item.weight ?? 0).filter(Boolean);
    const usual = known.length ? known.reduce((sum, weight) => sum + weight, 0) / known.length : 1;
    const pieces = new Map(all("i", way).map((piece) => [piece.dataset.step, piece]));
    way.replaceChildren(...shown.map(({ node, weight }) => {
      const reading = readings[node.id], piece = pieces.get(node.id) ?? document.createElement("i");
      const going = reading.state === "RUNNING" || reading.state === "STALLED";
      piece.dataset.step = node.id;
      piece.dataset.state = reading.state;
      piece.title = name(node.label);
      set(piece, "--w", Math.max(weight ?? usual, usual / 50).toFixed(1));
      set(piece, "--p", `${reading.state === "PENDING" ? 0 : going ? ((reading.share ?? 0) * 100).toFixed(1) : 100}%`);
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
