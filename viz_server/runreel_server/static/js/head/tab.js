// The browser's tab: title and icon say how the run is, also where the tab is in the background and nothing is drawn.
import { one } from "../core/dom.js";
import { name } from "../core/format.js";
import { headReading } from "../core/readings.js";

const PACE = 1000;
// The one icon that cannot be had from the server when it is needed.
const RING = '<circle cx="8" cy="8" r="6" fill="none" stroke="#9a55c4" stroke-width="2" stroke-dasharray="3.5 2.8"/>';
const LOST = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${RING}</svg>`)}`;

/** @param {import("../core/store.js").Store} store */
export function tab(store) {
  const icon = one('link[rel="icon"]');
  let drawn = 0, said = "";

  const draw = () => {
    const { live, present } = store, lost = store.wire.status === "lost" && !store.ended;
    drawn = Date.now();
    said = live.state + lost;
    const reading = headReading(live, present);
    const title = `${lost ? "? " : ""}${reading.tab} · ${name(live.pipeline || "run")}`;
    if (document.title !== title) document.title = title;
    const href = lost ? LOST : new URL(`${document.body.dataset.static}/icon/${reading.icon}.svg`, location.href).href;
    if (icon.href !== href) icon.href = href;
  };
  const look = () => {
    const news = said !== store.live.state + (store.wire.status === "lost" && !store.ended);
    if (news || (!store.ended && Date.now() - drawn >= PACE)) draw();
  };
  store.on(["state", "wire"], look);
  setInterval(look, PACE); // time moves it too, and what came too soon after the last
}
