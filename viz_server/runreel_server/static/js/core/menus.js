// Menus: one that is open closes by a click elsewhere, and by Escape, which gives its button the focus back.
import { all } from "./dom.js";

/** @param {Node | null} [but] what it holds stays open */
export function closeMenus(but = null) {
  for (const menu of all("details.menu[open]")) if (!but || !menu.contains(but)) menu.removeAttribute("open");
}

export function menus() {
  document.addEventListener("click", ({ target }) => closeMenus(/** @type {Node} */ (target)));
  document.addEventListener("keydown", ({ key, target }) => {
    if (key !== "Escape") return;
    /** @type {HTMLElement} */ (target).closest("details.menu[open]")?.querySelector("summary")?.focus();
    closeMenus();
  });
}
