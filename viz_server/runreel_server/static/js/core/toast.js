// What just happened, in one line over the page for some seconds.
import { tell } from "./dom.js";

const TOLD = 4000; // milliseconds
let telling = 0;

/** @param {string} text */
export function toast(text) {
  tell("jump", text);
  clearTimeout(telling);
  telling = setTimeout(() => tell("jump", ""), TOLD);
}

/**
 * Copy a text, and say so; or what else, where the browser refuses.
 * @param {string} text
 * @param {string} done
 * @param {string} refused
 */
export async function copied(text, done, refused) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(refused);
  }
}
