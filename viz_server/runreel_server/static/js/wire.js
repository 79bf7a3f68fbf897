// The wire: whether the page hears the server; where it is cut, since when and from where it goes on.
import { one, tell } from "./dom.js";
import { count } from "./format.js";

/** @param {number} milliseconds */
const ago = (milliseconds) => {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
};

/**
 * @param {"opening" | "ok" | "lost" | "ended"} status
 * @param {number} since milliseconds that it has been so
 * @param {number | null} [events] how many events the page has
 */
export function showWire(status, since, events = null) {
  const wire = one(".wire");
  wire.hidden = status === "opening";
  wire.dataset.wire = status;
  document.body.classList.toggle("is-lost", status === "lost");
  if (status === "lost") {
    tell("wire", `connection lost ${ago(since)} ago`);
    tell("wire-more", `, trying again${events === null ? "" : `; it goes on from event ${count(events)}`}`);
  } else {
    tell("wire", status === "ended" ? "stored" : "connected");
    tell("wire-more", "");
  }
}

