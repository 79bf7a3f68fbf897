// Makes what is shown like what the server says now, touching only what differs: focus, scroll, open menus and what is typed stay.

/** What the reader may have changed, which the server does not know. @type {Record<string, string[]>} */
const THEIRS = { DETAILS: ["open"] };

/** @param {Element} one */
const keyed = (one) => one.getAttribute("data-key");

/** @param {Node} old @param {Node} next */
function alike(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) return false;
  return !(old instanceof Element && next instanceof Element) || keyed(old) === keyed(next);
}

/** @param {Element} old @param {Element} next */
function attributes(old, next) {
  const theirs = THEIRS[old.tagName] ?? [];
  for (const { name, value } of Array.from(next.attributes)) if (!theirs.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of Array.from(old.attributes)) if (!theirs.includes(name) && !next.hasAttribute(name)) old.removeAttribute(name);
}

/**
 * @param {Node} old
 * @param {Node} next of a document of its own; parts of it may move over
 */
export function morph(old, next) {
  if (old.isEqualNode(next)) return;
  if (!(old instanceof Element && next instanceof Element)) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  attributes(old, next);
  /** @type {Map<string, Element>} */
  const known = new Map(Array.from(old.children).flatMap((child) => (keyed(child) ? [[keyed(child) ?? "", child]] : [])));
  /** @type {Node | null} */
  let place = old.firstChild;
  for (const wanted of Array.from(next.childNodes)) {
    const key = wanted instanceof Element ? keyed(wanted) : null;
    /** @type {Node | null | undefined} */
    let found = key ? known.get(key) : place;
    if (found instanceof Element && !key && keyed(found)) found = null; // it is another's, further on
    if (found && alike(found, wanted)) {
      if (found === place) place = place.nextSibling;
      else old.insertBefore(found, place);
      morph(found, wanted);
    } else {
      old.insertBefore(document.adoptNode(wanted), place);
    }
  }
  while (place) {
    const rest = place;
    place = place.nextSibling;
    rest.parentNode?.removeChild(rest);
  }
}
