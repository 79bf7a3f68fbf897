// What a region shows while a step is chosen: what belongs to it, and a line that says so, with the way back to all. Where
// the page chose that step by itself and nothing of the region belongs to it, all is shown.
import { one, say } from "./dom.js";
import { name, stepName } from "./format.js";

/**
 * @param {HTMLElement} region
 * @param {import("./choice.js").Choice} choice
 */
export function scope(region, choice) {
  const line = one(".scope", region), button = one("button", line);
  button.addEventListener("click", () => choice.choose(""));
  /**
   * @template T
   * @param {T[]} some
   * @param {(one: T) => boolean} covered whether one belongs to the chosen step
   */
  return (some, covered) => {
    const mine = choice.id ? some.filter(covered) : some, all = choice.offered && !mine.length;
    line.hidden = !choice.id || !some.length;
    button.hidden = all;
    if (!line.hidden) {
      const step = name(choice.nodes().find((node) => node.id === choice.id)?.label ?? stepName(choice.id));
      say(one("span", line), `${mine.length ? "Of" : "Nothing of"} step ${step}${all ? ": all are shown" : ""}`);
    }
    return all ? some : mine;
  };
}
