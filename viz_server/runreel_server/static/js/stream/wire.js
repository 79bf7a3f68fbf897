// The wire: whether the page hears the server; where it is cut, since when and from where it goes on.
import { one, tell } from "../core/dom.js";
import { count } from "../core/format.js";

const TICK = 500;

/**
 * @typedef {object} Wire
 * @property {"opening" | "ok" | "lost"} status
 * @property {number} since milliseconds since 1970; where it is cut, when the last was heard
 * @property {string} reason what the server said of it
 */

/** @param {number} milliseconds */
const ago = (milliseconds) => {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  return seconds < 100 ? `${seconds} s` : seconds < 6000 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
};

/**
 * The page's word about the wire.
 * @param {() => number | null | undefined} [events] how many events the page has
 * @returns {(wire: Wire) => void} shows how it is
 */
export function wireSign(events = () => null) {
  const sign = one(".wire");
  /** @type {Wire} */
  let now = { status: "opening", since: 0, reason: "" };
  const draw = () => {
    const { status, since, reason } = now, lost = status === "lost", had = events();
    sign.hidden = status === "opening";
    sign.dataset.wire = status;
    document.body.classList.toggle("is-lost", lost);
    tell("wire", lost ? `connection lost ${ago(Date.now() - since)} ago` : "connected");
    const from = typeof had === "number" ? `; it goes on from event ${count(had)}` : "";
    tell("wire-more", lost ? `${reason ? `: ${reason}` : ""}, trying again${from}` : "");
  };
  setInterval(() => now.status === "lost" && !document.hidden && draw(), TICK);
  return (wire) => {
    now = wire;
    draw();
  };
}
