// The times of a page of the server, said in the zone of who reads it.
import { all, say } from "./dom.js";
import { clock, micros, moment } from "./format.js";

/** @param {ParentNode} page @param {number} now in microseconds */
export function zoned(page, now) {
  for (const time of all("time[data-form]", page)) {
    const at = micros(time.getAttribute("datetime")), said = moment(at, now), { form } = time.dataset;
    say(time, form === "clock" ? clock(at) : form === "moment" ? said : said.slice(0, -3));
  }
}
