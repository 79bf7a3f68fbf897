// What has changed in a state, put into it.

/**
 * RFC 7396, in place: null removes, objects merge, all else replaces.
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export function merge(target, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const into = target === null || typeof target !== "object" || Array.isArray(target) ? {} : target;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete into[key];
    else {
      const merged = merge(Object.hasOwn(into, key) ? into[key] : undefined, value);
      if (key === "__proto__") Object.defineProperty(into, key, { value: merged, enumerable: true, configurable: true, writable: true });
      else into[key] = merged;
    }
  }
  return into;
}
