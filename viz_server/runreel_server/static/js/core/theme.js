// Before the first paint: the reader's choice of light or dark, where one was made. Not a module, so that it runs at once.
(() => {
  const root = document.documentElement;
  /** @type {string | null} */
  let kept = null;
  try {
    kept = localStorage.getItem("runreel.theme");
  } catch {
    // storage is refused: the system's choice holds
  }
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest('[data-do="theme"]')) return;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    try {
      localStorage.setItem("runreel.theme", next);
    } catch {
      // it holds for this page
    }
    dispatchEvent(new Event("runreel:theme"));
  });
})();
