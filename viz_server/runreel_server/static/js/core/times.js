// The times of a page of the server, said in the zone of who reads it.
import { all, say } from "./dom.js";
import { micros, moment } from "./format.js";

/** @param {ParentNode} page @param {number} now in microseconds */
export function zoned(page, now) {
  for (const time of all("time[data-form]", page)) {
    const said = moment(micros(time.getAttribute("datetime")), now);
    say(time, time.dataset.form === "moment" ? said : said.slice(0, -3));
  }
}
