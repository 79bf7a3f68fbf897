// Values as people read them. The server's `pages/text.py` says the same; one table of cases tests both.

export const NOTHING = "–";
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const HALF = 0.5;

/**
 * A moment in microseconds since 1970, from an ISO 8601 string or from microseconds.
 * @param {unknown} time
 * @returns {number | null}
 */
export function micros(time) {
  if (typeof time === "number") return Math.trunc(time);
  if (typeof time !== "string") return null;
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

/** A duration in seconds as m:ss, h:mm:ss or "3 d 4 h". @param {number | null | undefined} seconds */
export function span(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.floor(Math.max(0, seconds));
  if (whole >= 172_800) return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
  if (whole >= 3600) return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

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

/** A share of 1 as a whole percentage; only what is all done says 100. @param {number} share */
export const percent = (share) => `${share < 1 ? Math.min(99, Math.floor(share * 100 + HALF)) : 100} %`;

/** A name as text: what would turn its direction or hide in it is shown as `\u202e`. @param {unknown} text */
export const name = (text) =>
  String(text).replace(HIDDEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

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

/** A parameter's value in one line. @param {unknown} given @returns {string} */
export function param(given) {
  if (given === null || typeof given === "boolean") return String(given);
  if (typeof given === "number") return value(given);
  if (Array.isArray(given)) return given.map(param).join(", ");
  if (typeof given === "object") return Object.entries(given).map(([key, one]) => `${name(key)}: ${param(one)}`).join(", ");
  return name(given);
}

/** "1 step", "2 steps". @param {number} number @param {string} word */
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** The last eight digits of a run's id. @param {string} run */
export const short = (run) => run.replaceAll("-", "").slice(-8);
