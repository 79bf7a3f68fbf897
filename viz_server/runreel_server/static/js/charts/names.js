// Names for little room: whole, else without a beginning that tells nothing apart, else cut in the middle. Loaded when one has none.
import { say } from "../core/dom.js";

const SHARES = [0.5, 0.3, 0.7, 0.1, 0.9]; // how much of what is left of a name is its beginning: the first that tells it apart

/**
 * Texts for labels, in their order: each has room, and no two are the same.
 * @param {string[]} labels
 * @param {(text: string) => boolean} fits whether a text has room
 */
export function fitted(labels, fits) {
  /** @type {string[]} */
  const texts = [], taken = new Set();
  let left = labels.map((_, n) => n);
  /** Take what is short enough, and none other's too. @param {(n: number) => string} short */
  const take = (short) => {
    const made = left.map(short), times = counted(made);
    left = left.filter((n, i) => {
      const text = made[i], good = fits(text) && !taken.has(text) && times.get(text) === 1;
      if (good) taken.add((texts[n] = text));
      return !good;
    });
  };
  take((n) => labels[n]);
  if (!left.length) return texts;
  const times = counted([...new Set(labels)].flatMap(tails)), ends = labels.map((label) => endsOf(label, times));
  for (let most = Math.max(...left.map((n) => ends[n].length)); most--; ) take((n) => ends[n][Math.min(most, ends[n].length - 1)]);
  for (const share of SHARES) take((n) => cut(ends[n][0], share, fits));
  const sorted = left.map((n) => labels[n]).sort(), from = left.map((n) => differs(labels[n], sorted)); // they differ too deep inside
  const deep = new Map(left.map((n, i) => [n, labels[n].slice(from[i])]));
  for (const share of SHARES) take((n) => cut(deep.get(n) ?? "", share, fits, "…"));
  /** @type {Map<string, number>} the last of those that are cut alike */
  const numbers = new Map();
  for (const n of left) {
    const alike = cut(ends[n][0], SHARES[0], fits);
    let number = numbers.get(alike) ?? 0;
    do {
      const last = ` ${++number}`;
      texts[n] = cut(ends[n][0], SHARES[0], (text) => fits(text + last)) + last;
    } while (taken.has(texts[n]));
    numbers.set(alike, number);
    taken.add(texts[n]);
  }
  return texts;
}

/** Labels without the segments that all of them begin with. @param {string[]} labels */
export function apart(labels) {
  const [first, ...others] = labels.map((label) => label.split("/"));
  let n = 0;
  while (others.length && n < first.length - 1 && others.every((parts) => parts.length > n + 1 && parts[n] === first[n])) n += 1;
  return labels.map((label) => label.split("/").slice(n).join("/"));
}

/** How often each is there. @param {string[]} texts */
function counted(texts) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1);
  return times;
}

/** The ends of a label, shortest first: two segments at least, for a metric's name alone says little. @param {string} label */
function tails(label) {
  const parts = label.split("/");
  return parts.map((_, n) => parts.slice(-n - 1).join("/")).slice(1);
}

/** The ends of a label that are of no other one, the label last. @param {string} label @param {Map<string, number>} times how many labels have an end */
const endsOf = (label, times) => [...tails(label).slice(0, -1).filter((end) => times.get(end) === 1), label];

/** As much of a text as has room, its middle left out. @param {string} whole @param {number} share @param {(text: string) => boolean} fits */
function cut(whole, share, fits, before = "") {
  if (fits(before + whole)) return before + whole;
  const text = Array.from(whole);
  let made = "…";
  for (let most = 1; most < text.length; most++) {
    const head = Math.round(most * share), next = `${before + text.slice(0, head).join("")}…${text.slice(text.length - most + head).join("")}`;
    if (!fits(next)) break;
    made = next;
  }
  return made;
}

/** Where the word begins in which a text differs from those most like it. @param {string} text @param {string[]} sorted it and others */
function differs(text, sorted) {
  const at = sorted.indexOf(text);
  let most = 0;
  for (const other of [sorted[at - 1] ?? "", sorted[at + 1] ?? ""]) {
    let n = 0;
    while (n < text.length && text[n] === other[n]) n += 1;
    most = Math.max(most, n);
  }
  return text.slice(0, most).search(/[^\W_]*$/);
}

const pen = globalThis.document?.createElement("canvas").getContext("2d");
/** @type {Map<string, number>} of characters, by font */
const widths = new Map();

/** How wide texts are in an element. @param {Element} element @returns {(text: string) => number} pixels */
export function widthIn(element) {
  const { font } = getComputedStyle(element);
  return (text) => {
    let width = 0;
    for (const one of text) {
      const key = font + one;
      if (pen && !widths.has(key)) {
        pen.font = font;
        widths.set(key, pen.measureText(one).width);
      }
      width += widths.get(key) ?? 0;
    }
    return width;
  };
}

/** Have elements show what they are called by their titles, each in so many pixels. @param {HTMLElement[]} elements @param {number} room */
export function shorten(elements, room) {
  if (!elements.length) return;
  const width = widthIn(elements[0]), texts = fitted(elements.map(({ title }) => title), (text) => width(text) <= room);
  elements.forEach((element, n) => say(element, texts[n]));
}
