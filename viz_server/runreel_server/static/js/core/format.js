// Values as people read them. The server's `pages/text.py` says the same; one table of cases tests both.

export const NOTHING = "–";
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const HALF = 0.5;
const LONGEST = 200, MOST = 2000; // characters of a name that are shown; of a value, and of a name in an address

/** Moments that were read: each draw asks for those of all steps again. @type {Map<string, number | null>} */
const read = new Map();
const MOST_READ = 50_000;

/**
 * A moment in microseconds since 1970, from an ISO 8601 string or from microseconds.
 * @param {unknown} time
 * @returns {number | null}
 */
export function micros(time) {
  if (typeof time === "number") return Math.trunc(time);
  if (typeof time !== "string") return null;
  let known = read.get(time);
  if (known === undefined) {
    if (read.size >= MOST_READ) read.clear();
    read.set(time, (known = parsed(time)));
  }
  return known;
}

/** @param {string} time */
function parsed(time) {
  const milliseconds = Date.parse(time);
  if (Number.isNaN(milliseconds)) return null;
  const fraction = /[T ]\d\d:\d\d:\d\d\.\d{3}(\d{1,3})/.exec(time)?.[1] ?? ""; // what a Date cannot hold
  return milliseconds * 1000 + (fraction ? Number(fraction.padEnd(3, "0")) : 0);
}

/** Microseconds since 1970 as ISO 8601 UTC. @param {number} time */
export function iso(time) {
  const text = new Date(Math.floor(time / 1000)).toISOString().slice(0, 19);
  const rest = Math.floor(((time % 1e6) + 1e6) % 1e6);
  return rest ? `${text}.${String(rest).padStart(6, "0")}Z` : `${text}Z`;
}

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/** A moment as HH:MM:SS where the reader is; with `digits` of the second. @param {number | null} time */
export function clock(time, digits = 0) {
  if (time === null) return NOTHING;
  const date = new Date(Math.floor(time / 1000));
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return digits ? `${text}.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : text;
}

/** A moment as HH:MM on the day of `now`, else as "20 Nov". @param {number | null} time @param {number} now */
export function day(time, now) {
  if (time === null) return NOTHING;
  const date = new Date(Math.floor(time / 1000)), today = new Date(Math.floor(now / 1000));
  if (date.toDateString() === today.toDateString()) return `${two(date.getHours())}:${two(date.getMinutes())}`;
  const year = date.getFullYear() === today.getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

/** A moment as HH:MM:SS on the day of `now`, else with its day: "20 Nov, 13:58:22". @param {number | null} time @param {number} now */
export function moment(time, now) {
  const said = day(time, now);
  return time === null || said.includes(":") ? clock(time) : `${said}, ${clock(time)}`;
}

/** A moment as UTC, to the second. @param {number | null} time */
export const utc = (time) => (time === null ? "" : `${iso(time).slice(0, 19).replace("T", " ")} UTC`);

/** A duration in seconds as m:ss, h:mm:ss or "3 d 4 h"; below one second as "0.4 s" or "12 ms". @param {number | null | undefined} seconds */
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  if (seconds > 0 && seconds < 1) return seconds >= 0.1 ? `${(Math.floor(seconds * 10) / 10).toFixed(1)} s` : seconds >= 0.001 ? `${Math.floor(seconds * 1000)} ms` : "<1 ms";
  const whole = Math.floor(Math.max(0, seconds));
  if (whole >= 172_800) return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
  if (whole >= 3600) return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

/** A time that is left, about: "≈ 0:04". Whole seconds, for nobody knows it better. @param {number | null} seconds */
export const guess = (seconds) => `≈ ${span(seconds === null ? null : Math.floor(seconds))}`;

/** Round half to even, as Python does. @param {number} number */
function round(number) {
  const floor = Math.floor(number);
  if (number - floor !== HALF) return Math.round(number);
  return floor % 2 ? floor + 1 : floor;
}

/** @param {number} whole */
const grouped = (whole) => String(whole).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** A whole number with its thousands parted. @param {number | null | undefined} number */
export function count(number) {
  return number === null || number === undefined ? NOTHING : grouped(round(number));
}

/** @param {string} digits */
const trimmed = (digits) => digits.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");

/** A metric's value: whole numbers whole, else four significant digits; the non-finite ones by name. @param {unknown} number */
export function value(number) {
  if (number === null || number === undefined) return NOTHING;
  if (typeof number === "string") return { Infinity: "∞", "-Infinity": "−∞" }[number] ?? number;
  if (typeof number !== "number") return String(number);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  /** @type {string} */
  let text;
  if (size >= 1e15 || (size > 0 && size < 1e-4)) {
    const [mantissa, exponent] = number.toExponential(3).split("e");
    text = `${trimmed(mantissa)}e${Number(exponent)}`;
  } else if (Number.isInteger(number) || size >= 1000) {
    text = grouped(round(number));
  } else {
    text = trimmed(number.toFixed(size >= 1 ? Math.max(0, 3 - Math.floor(Math.log10(size))) : 4));
  }
  return text.replaceAll("-", "−");
}

/** Bytes in decimal units: 48 kB, 3.1 MB, 2.1 GB. @param {number | null | undefined} number */
export function size(number) {
  if (number === null || number === undefined) return NOTHING;
  if (number < 1000) return `${round(number)} B`;
  let unit = "B";
  for (unit of ["kB", "MB", "GB", "TB"]) {
    number /= 1000;
    if (number < 999.5) break;
  }
  return number < 99.95 && unit !== "kB" ? `${number.toFixed(1)} ${unit}` : `${grouped(round(number))} ${unit}`;
}

/**
 * How large an artifact is: "2.1 GB"; of one that is not whole how much of it has come: "1.2 of 2.1 GB", "1.2 GB so far".
 * @param {Pick<import("./types.js").Artifact, "size" | "declared" | "sent" | "state">} given
 */
export function sizeOf({ size: there, declared, sent, state }) {
  const coming = state === "pending" && typeof sent === "number", some = coming ? sent : there;
  if (some === null || some === undefined) return "";
  if (!coming && state !== "incomplete") return size(some);
  if (declared === null || declared === undefined) return size(some) + (coming ? " so far" : "");
  const said = size(some), of = size(declared), [number, unit] = said.split(" ");
  return `${of.endsWith(` ${unit}`) ? number : said} of ${of}`;
}

/** A share of 1 as a whole percentage; only what is all done says 100. @param {number} share */
export const percent = (share) => `${share < 1 ? Math.min(99, Math.floor(share * 100 + HALF)) : 100} %`;

/** A text of which what would turn its direction or hide in it is shown as `\u202e`. @param {string} text */
export const visible = (text) =>
  text.replace(HIDDEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** @param {string} text @param {number} most characters, of which none is parted */
function cut(text, most) {
  const begin = text.length > most ? Array.from(text.slice(0, 2 * most + 1)) : [];
  return begin.length > most ? `${begin.slice(0, most).join("")}…` : text;
}

/** A name as visible text: its beginning. @param {unknown} text */
export const name = (text) => visible(cut(String(text), LONGEST));

/** Whether a name is short enough to go into an address: servers refuse much longer ones. @param {string} text */
export const fits = (text) => text.length <= MOST;

/** The name behind one segment of a path. @param {string} segment */
export function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A step's path as people read it. @param {string} path */
export const stepName = (path) => name(path.split("/").map(decoded).join("/"));

/** A parameter's value, or another long text, in one line: its beginning and how many characters it has. @param {unknown} given */
export function param(given) {
  const said = flat(given), some = cut(said, MOST);
  return visible(some) + (some === said ? "" : ` (${count(Array.from(said).length)} characters)`);
}

/** @param {unknown} given @returns {string} */
function flat(given) {
  if (given === null || typeof given === "boolean") return String(given);
  if (typeof given === "number") return value(given);
  if (Array.isArray(given)) return given.map(flat).join(", ");
  if (typeof given === "object") return Object.entries(given).map(([key, one]) => `${key}: ${flat(one)}`).join(", ");
  return String(given);
}

/** "1 step", "2 steps". @param {number} number @param {string} word */
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** The last eight digits of a run's id. @param {string} run */
export const short = (run) => run.replaceAll("-", "").slice(-8);
