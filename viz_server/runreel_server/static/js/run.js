// The run page: one store, one stream, a module a region.
import { actions } from "./actions.js";
import { artifacts } from "./artifacts.js";
import { charts } from "./charts.js";
import { one } from "./dom.js";
import { graph, select, selecting } from "./graph.js";
import { head } from "./head.js";
import { keys } from "./keys.js";
import { lanes } from "./lanes.js";
import { log } from "./log.js";
import { params } from "./params.js";
import { Rewind } from "./rewind.js";
import { Scheduler } from "./scheduler.js";
import { Store } from "./store.js";
import { followVisible } from "./stream.js";
import { tabs } from "./tabs.js";
import { timeline } from "./timeline.js";
import { showWire } from "./wire.js";

const TICK = 500, PATIENCE = 700; // milliseconds; without a stream the page asks after so long

const store = new Store(JSON.parse(one("#page-data").textContent));
const scheduler = new Scheduler();
const rewind = new Rewind(store);

head(store, scheduler);
graph(store, scheduler);
timeline(store, scheduler, rewind);
lanes(store, scheduler);
charts(store, scheduler, (chart) => void import("./enlarge.js").then((module) => module.enlarge(store, chart)));
artifacts(store, scheduler);
params(store);
const lines = log(store, scheduler);
keys(actions(store, rewind), tabs(), lines);
selecting((id) => lines.show(store.live.steps?.[id] ? id : ""));

const wire = () => showWire(store.wire.status, store.clock() - store.wire.since, store.live.events ?? null);
store.on(["wire"], wire);
scheduler.requestAll();

followVisible(`/api/v1/runs/${store.run}/stream`, {
  frame: (kind, frame) => store.apply(kind, frame),
  lost: () => store.setWire("lost"),
});

setTimeout(store.begin, PATIENCE);

// Time itself moves the page: elapsed, left, silence, the axis' end.
setInterval(() => {
  if (document.hidden || store.past) return;
  if (store.wire.status === "lost") wire();
  else if (!store.ended) store.emit("time");
}, TICK);

if (store.ended && store.live.state === "FAILED") {
  const first = one('[data-read="wrong"]').dataset.step || Object.entries(store.live.steps ?? {}).find(([, step]) => step.state === "FAILED")?.[0];
  if (first) {
    select(first);
    lines.show(first);
  }
}
