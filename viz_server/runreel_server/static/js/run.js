// The run page: one store, one stream, a module a region.
import { actions } from "./player/actions.js";
import { artifacts } from "./artifacts/artifacts.js";
import { charts } from "./charts/charts.js";
import { enlarge } from "./charts/enlarge.js";
import { Address } from "./core/address.js";
import { Choice } from "./core/choice.js";
import { Cursor } from "./core/cursor.js";
import { one } from "./core/dom.js";
import { utc } from "./core/format.js";
import { menus } from "./core/menus.js";
import { printing } from "./core/print.js";
import { choosing, graph } from "./graph/graph.js";
import { field } from "./find/field.js";
import { facts } from "./head/facts.js";
import { head } from "./head/head.js";
import { keys } from "./player/keys.js";
import { lanes } from "./player/lanes.js";
import { log } from "./log/log.js";
import { notice } from "./head/notice.js";
import { sheets } from "./head/sheets.js";
import { tab } from "./head/tab.js";
import { Marks } from "./player/marks.js";
import { Play } from "./player/play.js";
import { Rewind } from "./player/rewind.js";
import { strip } from "./player/strip.js";
import { Window } from "./player/window.js";
import { Scheduler } from "./core/scheduler.js";
import { Store } from "./core/store.js";
import { watch } from "./stream/link.js";
import { tabs } from "./core/tabs.js";
import { timeline } from "./player/timeline.js";
import { wireSign } from "./stream/wire.js";

const TICK = 500, REST = 1000, PATIENCE = 700; // milliseconds; without a stream the page asks after so long

// exported for whoever looks into the page from outside
const data = JSON.parse(one("#page-data").textContent);
export const store = new Store(data);
export const scheduler = new Scheduler();
const address = new Address(), cursor = new Cursor(), choice = new Choice(address, () => store.graph.nodes);
export const rewind = new Rewind(store, address);
const part = new Window(store);
const play = new Play(store, rewind, () => told()), marks = new Marks(store, () => scheduler.request("lanes"));

head(store, scheduler);
tab(store);
const { bring } = graph(store, scheduler, address, choice);
const view = timeline(store, scheduler, rewind, play, part, cursor);
strip(store, scheduler, part);
lanes(store, scheduler, marks, part);
const metrics = charts(store, scheduler, { address, choice, cursor }, (panel, options) => void enlarge(store, panel, options));
const pictures = artifacts(store, scheduler, choice, address);
facts(store, scheduler);
sheets(store, choice);
const lines = log(store, scheduler, choice, address);
play.regions.push(lines.shown);
const acts = actions(store, rewind, play, marks, view);
const told = acts.told;
const region = tabs(), find = field(store, {
  step: (path) => {
    if (path !== choice.id) choice.choose(path);
    region(0);
    bring(path)?.focus();
  },
  metric: metrics.open,
  line: (place, step) => {
    if (!choice.covers(step)) choice.choose("");
    region(2);
    lines.open(place);
  },
  lines: (text) => {
    region(2);
    lines.search(text);
  },
});
menus();
keys(acts, region, { toggle: lines.toggle, find });
choosing(choice);

const sign = wireSign(() => store.live.events);
store.on(["wire"], () => sign(store.wire));
scheduler.requestAll();

const link = watch(`run:${store.run}`, {
  frame: (kind, frame) => store.apply(kind, frame),
  wire: (wire) => store.setWire(wire),
}, data.here);
notice(store, link);

setTimeout(store.begin, PATIENCE);
// Who comes to a run that has ended comes to look back; of one that goes on, a hand near the player says so.
void store.begun.then(() => setTimeout(() => store.ended && !document.hidden && void rewind.prepare(), REST));
printing(() => `Run ${store.run}, ${store.view.state} at ${utc(store.moment)}. `, () => scheduler.all(), () => Promise.all([metrics.ready(), pictures.ready()]));

// Time itself moves the page: elapsed, left, silence, the axis' end.
setInterval(() => {
  if (!document.hidden && !store.past && !store.ended && store.wire.status !== "lost") store.emit("time");
}, TICK);

if (store.ended && store.live.state === "FAILED") {
  const first = one('[data-read="wrong"]').dataset.step || Object.entries(store.live.steps ?? {}).find(([, step]) => step.state === "FAILED")?.[0];
  if (first && !choice.id) choice.turn(first, true); // not in the address: it is where the page opens, nobody chose it
}
