// A row of the log: the lines that are one (pieces of a long text, a traceback), and the elements that show them.
import { make } from "../core/dom.js";
import { clock, count, fits, iso, plural, stepName } from "../core/format.js";
import { placeOf } from "./lines.js";
import { parts } from "./text.js";
import { BEGINS as TRACE, point } from "./trace.js";

/** @typedef {import("../core/types.js").Line} Line */
/** @typedef {{line: Line, under: Line[], pieces: Line[], trace: boolean}} Row */

const BEGINS = /^Traceback \(most recent call last\):/m;
const CHAINS = /^(?:During handling of the above exception|The above exception was the direct cause)/;
const WIDTH = 1000, TALL = 12; // characters of a text, and lines of it, that are shown at first
const STEP = 14, PLAIN = /^[ -~\n]*$/; // characters of a step's name that surely fit, and those that are as wide as any other
export const ASKED = 8000; // characters that are asked for: most tracebacks, to their last line

/**
 * The rows that lines are shown as. A traceback that came line by line is the row of its last line, the others `under` it.
 * What a carriage return ends is overwritten by the next line of its source.
 * @param {readonly Line[]} lines in order
 * @returns {Row[]}
 */
export function rows(lines) {
  /** @type {Set<Row>} */
  const found = new Set();
  /** @typedef {{row?: Row, trace: Row[], ended: boolean, gap?: Row}} Heard */
  /** @type {Map<string, Heard>} what each source said last */
  const heard = new Map();
  for (const line of lines) {
    const { text } = line, source = [line.session, line.step, line.stream].join();
    const last = heard.get(source) ?? /** @type {Heard} */ ({ trace: [], ended: true });
    heard.set(source, last);
    if (last.row?.pieces.at(-1)?.more) {
      last.row.pieces.push(line);
      continue;
    }
    if (last.row?.line.text.endsWith("\r")) found.delete(last.row);
    /** @type {Row} */
    const row = (last.row = { line, under: [], pieces: [line], trace: TRACE.test(text) && text.includes("\n") });
    found.add(row);
    const said = text.trim() !== "";
    if (last.ended && CHAINS.test(text)) last.ended = false; // a chained traceback: the fold goes on
    else if (last.ended && last.trace.length && !said && !last.gap) {
      last.gap = row;
      continue;
    } else if (last.ended) {
      last.trace = [];
      last.gap = undefined;
      if (row.trace || !BEGINS.test(text)) continue;
      last.ended = false;
    } else if (said && !/^\s/.test(text) && !CHAINS.test(text) && !BEGINS.test(text)) last.ended = true;
    if (last.gap) last.trace.push(last.gap);
    last.gap = undefined;
    if (last.ended) {
      row.trace = true;
      for (const one of last.trace) {
        row.under.push(...one.under, ...one.pieces);
        found.delete(one);
      }
      last.trace = [];
      last.trace.push(row);
    } else last.trace.push(row);
  }
  return [...found];
}

/**
 * What a row shows, and of how much more it is a part.
 * @param {Row} row
 * @param {string | undefined} whole its text, where all of it was asked for
 * @param {boolean} open
 */
export function content({ line, under, pieces, trace }, whole, open) {
  const text = whole ?? pieces.map((piece) => piece.text).join(""), tall = text.split("\n"), begin = text.search(TRACE);
  const length = pieces.reduce((sum, piece) => sum + (piece.length ?? piece.text.length), 0), cut = length > WIDTH || pieces.length > 1;
  if (open) return { text: [...under.map((one) => one.text), text].join("\n"), more: "less" };
  if (under.length) return { text, more: plural(under.length, "more line") };
  if (trace && !line.length) return { text: [...(begin ? [tall[0], "…"] : []), point(text)].join(" "), more: plural(tall.length - 1, "more line") };
  if (cut) return { text: tall.slice(0, trace ? 1 : TALL).join("\n").slice(0, WIDTH), more: `all ${count(length)} characters` };
  return { text: tall.slice(0, TALL).join("\n"), more: tall.length > TALL ? plural(tall.length - TALL, "more line") : "" };
}

/**
 * The element of a row, and how many characters wide its text must have for nothing of it to be cut.
 * @param {Row} row
 * @param {{run: string, found: string, open: boolean, whole: string | undefined}} how
 */
export function drawn(row, { run, found, open, whole }) {
  const { line } = row, place = placeOf(line), path = line.step ?? "", step = stepName(path), hidden = { tabindex: "-1" };
  const level = (row.trace ? "ERROR" : line.level || "INFO").toUpperCase(), { text, more } = content(row, whole, open);
  const made = parts(text).map((part) => make("span", { class: part.look }, ...marked(part.text, found)));
  const said = level === "INFO" ? [] : [make("b", {}, level), " "];
  const element = make("li", { "data-level": level, "data-place": place, class: `${open ? "is-open" : ""}${row.trace || row.under.length ? " is-trace" : ""}` },
    make("a", { ...hidden, class: "log-when", href: `/runs/${run}?line=${place}`, title: `${iso(line.time)}: copy a link to this line` }, make("time", {}, clock(line.time, 3))),
    make("a", { ...(path && fits(path) ? { ...hidden, href: `/runs/${run}?step=${encodeURIComponent(path)}`, "data-log-step": path, title: step } : {}), class: step.length > STEP || !PLAIN.test(step) ? "clip" : "" }, step),
    make("span", { class: "log-text" }, ...said, ...made),
    ...(more ? [make("button", { ...hidden, class: "log-more", "aria-expanded": String(open) }, more)] : []));
  const plain = !more && PLAIN.test(text);
  return { element, wide: plain ? text.split("\n").reduce((most, { length }) => Math.max(most, length), 0) + level.length + 1 : Infinity };
}

/** A text with what was searched for marked. @param {string} text @param {string} found */
function marked(text, found) {
  const low = text.toLowerCase();
  if (!found || low.length !== text.length) return [text]; // of some letters the lower case is longer: places would not fit
  let at = 0;
  return low.split(found.toLowerCase()).flatMap((piece, n) => {
    const mark = n ? [make("mark", {}, text.slice(at, (at += found.length)))] : [];
    return [...mark, text.slice(at, (at += piece.length))];
  });
}
