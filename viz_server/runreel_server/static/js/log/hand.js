// What hands do in the log: keys, clicks, copying.
import { placeOf } from "./lines.js";

/** @typedef {import("./rows.js").Row} Row */

/**
 * @param {import("./view.js").View} view
 * @param {{step: (path: string) => void, link: (place: string) => void, start: () => void, end: () => void, toggle: () => void, find: () => void, whole: (row: Row) => Promise<string>}} act
 */
export function hand(view, act) {
  const { list } = view;

  /** Unfold a row, or fold it; a text that was cut is asked for. @param {string} place */
  const unfold = async (place) => {
    const row = view.made.get(place)?.row;
    if (row && !view.open.delete(place)) view.open.set(place, row.pieces.length > 1 || row.line.length ? await act.whole(row) : undefined);
    view.render();
  };

  /** @param {string} place */
  const stand = (place) => {
    view.current = place;
    view.render();
    view.made.get(place)?.element.scrollIntoView({ block: "nearest" });
  };

  list.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target), closest = (/** @type {string} */ what) => /** @type {HTMLElement | null} */ (target.closest(what));
    const place = closest("li")?.dataset.place, step = closest("[data-log-step]")?.dataset.logStep;
    if (event.ctrlKey || event.metaKey || event.shiftKey || !place) return;
    if (closest(".log-more")) void unfold(place);
    else if (step) act.step(step);
    else if (closest(".log-when")) act.link(place);
    else if (getSelection()?.isCollapsed) stand(place);
    else return;
    event.preventDefault();
  });

  /** @param {1 | -1} way */
  const by = (way) => {
    const places = Array.from(view.made.keys()), here = places.indexOf(view.current), inside = view.inside();
    const row = here < 0 ? inside.at(way > 0 ? 0 : -1)?.row : view.made.get(places[here + way] ?? "")?.row;
    if (row) stand(placeOf(row.line));
  };
  /** @type {Record<string, () => unknown>} */
  const keys = {
    ArrowDown: () => by(1),
    ArrowUp: () => by(-1),
    Home: act.start,
    End: act.end,
    Enter: () => (view.made.get(view.current)?.element.querySelector(".log-more") ? unfold(view.current) : view.current && act.link(view.current)),
    Escape: () => stand(""),
    f: act.toggle,
    "/": act.find,
  };
  list.addEventListener("keydown", (event) => {
    const act = event.target === list && !event.ctrlKey && !event.metaKey && !event.altKey && keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });

  document.addEventListener("copy", (event) => {
    const selection = getSelection(), made = Array.from(view.made);
    const many = selection?.isCollapsed ? [] : made.filter(([, one]) => selection?.containsNode(one.element, true));
    if (selection?.isCollapsed && document.activeElement === list) many.push(...made.filter(([place]) => place === view.current));
    else if (many.length < 2) return; // a part of one line is copied as it is
    if (!many.length) return;
    const cells = (/** @type {HTMLElement} */ row) => Array.from(row.children).slice(0, 3).map((cell) => cell.textContent);
    event.clipboardData?.setData("text/plain", many.map(([, one]) => cells(one.element).join(" ")).join("\n"));
    event.preventDefault();
  });
}
