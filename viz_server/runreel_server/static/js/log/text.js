// A line's text as a terminal would show it: what a carriage return left of it, in the colours of SGR, and nothing else.
import { visible } from "../core/format.js";

// CSI (group 1: the numbers of SGR), OSC, strings to devices, two-byte escapes
const ESCAPE = /(?:\x1b\[|\x9b)(?:([\d;:]*)m|[0-?]*[ -/]*[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?/g;
const HUES = [1, 3, 2, 6, 4, 5]; // red, yellow, green, cyan, blue, magenta: sixths of the circle, in ANSI's numbers
const LOOKS = /** @type {Record<number, string>} */ ({ 1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "inverse" });

/** The nearest of the colours that are read on both grounds; 0 is the ink itself. @param {number[]} color red, green, blue */
function hue([red, green, blue]) {
  const most = Math.max(red, green, blue), range = most - Math.min(red, green, blue);
  if (range < 40) return most > 60 && most < 190 ? 8 : 0;
  const angle = most === red ? (green - blue) / range : most === green ? 2 + (blue - red) / range : 4 + (red - green) / range;
  return HUES[Math.round(angle + 6) % 6];
}

/** One of the 256 colours. @param {number} n */
function indexed(n) {
  if (n < 16) return n === 8 ? 8 : (n % 8) % 7;
  const cube = n - 16, grey = n * 10 - 2312;
  return hue(n > 231 ? [grey, grey, grey] : [cube / 36, cube / 6, cube].map((one) => Math.floor(one) % 6).map((one) => one && one * 40 + 55));
}

/** Take in an SGR sequence. @param {Map<string, number>} style looks, and the colours of ink and ground @param {string} codes */
function sgr(style, codes) {
  const numbers = codes.replace(/([34]8)[:;]2[:;]{2}/g, "$1;2;").split(/[;:]/).map(Number); // a colour space may stand there
  for (let at = 0; at < numbers.length; at += 1) {
    const n = numbers[at], what = n % 60 < 40 ? "ink" : "ground";
    if (!n) style.clear();
    else if (LOOKS[n]) style.set(LOOKS[n], -1);
    else if (n === 38 || n === 48) {
      const few = numbers[at + 1] === 5;
      style.set(what, few ? indexed(numbers[at + 2]) : hue(numbers.slice(at + 2, at + 5)));
      at += few ? 2 : 4;
    } else if (n === 22) for (const look of ["bold", "dim"]) style.delete(look);
    else if (LOOKS[n - 20]) style.delete(LOOKS[n - 20]);
    else if (n === 39 || n === 49) style.delete(what);
    else if ((n >= 30 && n < 50) || (n >= 90 && n < 108)) style.set(what, indexed((n % 10) + (n > 89 ? 8 : 0)));
  }
}

/** A text without its escape sequences. @param {string} text */
export const plain = (text) => text.replace(ESCAPE, "");

/** What is left of a text after its carriage returns: each begins to write over what is there. @param {string} text */
export const overwritten = (text) => text.split("\n").map((line) => {
  const [last = "", ...older] = line.split("\r").filter(Boolean).reverse(), shown = [last];
  let covered = plain(last).length, next = last; // from the last one back, so that each is looked at once
  for (const old of older) {
    if (/\x1b\[[02]?K/.test(next)) break;
    const seen = plain((next = old));
    shown.push(seen.slice(covered));
    covered = Math.max(covered, seen.length);
  }
  return shown.join("");
}).join("\n");

/** A text in parts of one look each; what would hide or turn its direction is spelled out. @param {string} text */
export function parts(text) {
  const found = /** @type {{text: string, look: string}[]} */ ([]), style = /** @type {Map<string, number>} */ (new Map()), shown = overwritten(text);
  let at = 0;
  /** @param {string} piece */
  const add = (piece) => {
    const look = Array.from(style).filter(([, color]) => color).map(([what, color]) => (color > 0 ? `${what}-${color}` : what)).join(" ");
    if (piece) found.push({ text: visible(piece), look });
  };
  for (const escape of shown.matchAll(ESCAPE)) {
    add(shown.slice(at, escape.index));
    at = escape.index + escape[0].length;
    if (escape[1] !== undefined) sgr(style, escape[1]);
  }
  add(shown.slice(at));
  return found;
}
