// The tokens' colours as a canvas and Plotly read them: resolved here, because neither knows `light-dark()`.

/** @type {Map<string, string>} */
const kept = new Map();
/** @type {HTMLElement | null} */
let probe = null;

/** What a token's colour is in the theme of now. @param {string} token */
export function color(token) {
  let found = kept.get(token);
  if (found === undefined) {
    if (!probe) {
      probe = document.createElement("i");
      probe.hidden = true;
      document.body.append(probe);
      addEventListener("runreel:theme", () => kept.clear(), { capture: true });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        kept.clear();
        dispatchEvent(new Event("runreel:theme"));
      });
    }
    probe.style.color = `var(${token})`;
    found = getComputedStyle(probe).color;
    kept.set(token, found);
  }
  return found;
}
