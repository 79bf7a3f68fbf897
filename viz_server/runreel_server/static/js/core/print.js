// A page on paper: stamped, in the light theme, and all of it is drawn, also what was never in view.
import { tell } from "./dom.js";
import { utc } from "./format.js";

const PATIENCE = 5000; // milliseconds that the print key waits for what is not loaded yet

/**
 * @param {() => string} [says] what the page shows, and of when
 * @param {() => void} [draw] draws all of it now, and asks for what it lacks
 * @param {() => Promise<unknown>} [ready] settles when what was asked for is there
 */
export function printing(says = () => "", draw = () => {}, ready = async () => {}) {
  const root = document.documentElement, turn = () => {
    dispatchEvent(new Event("runreel:theme"));
    draw();
  };
  /** @type {string | undefined} */
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    tell("stamp", `${says()}Printed ${utc(Date.now() * 1000)} from ${location.href}`);
    turn();
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    turn();
  });

  const load = async () => {
    draw();
    await Promise.race([ready(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    draw();
  };
  // nothing waits in `beforeprint`: the key does, and so does who sets the medium before he prints
  matchMedia("print").addEventListener("change", ({ matches }) => void (matches && load()));
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "p" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    void load().then(() => print());
  });
}
