// What the page's address says of the view: the moment, the chosen step, filters. One module reads and writes it, so that
// every view has a URL, the back button works, and no region wipes what another wrote.

/** @typedef {{location: {href: string}, history: {state: any, pushState: Function, replaceState: Function}, addEventListener: Function}} Place */

export class Address {
  /** @param {Place} [place] replaced in tests */
  constructor(place = window) {
    this.place = place;
    this.known = new URL(place.location.href).searchParams;
    /** @type {Map<string, ((value: string) => void)[]>} */
    this.listeners = new Map();
    place.addEventListener("popstate", () => this.moved());
  }

  /** What the address says of `key`, "" where nothing. @param {string} key */
  get(key) {
    return this.known.get(key) ?? "";
  }

  /**
   * Be told when the reader goes back or forth to an address that says something else of `key`.
   * @param {string} key
   * @param {(value: string) => void} listener
   */
  on(key, listener) {
    this.listeners.set(key, [...(this.listeners.get(key) ?? []), listener]);
  }

  /**
   * Say more of the view; "" and null take a key out.
   * @param {Record<string, string | null>} changes
   * @param {boolean} [step] a step that the back button takes back; without it the entry that is there is changed
   */
  set(changes, step = false) {
    const url = new URL(this.place.location.href);
    for (const [key, value] of Object.entries(changes)) {
      if (value) url.searchParams.set(key, value);
      else url.searchParams.delete(key);
    }
    this.known = new URLSearchParams(url.search);
    url.search = String(this.known).replaceAll("%3A", ":").replaceAll("%2F", "/"); // a link that people read
    if (url.href === this.place.location.href) return;
    if (step) this.place.history.pushState(null, "", url.href);
    else this.place.history.replaceState(null, "", url.href);
  }

  moved() {
    const before = this.known;
    this.known = new URL(this.place.location.href).searchParams;
    for (const [key, listeners] of this.listeners) {
      const value = this.get(key);
      if (value !== (before.get(key) ?? "")) for (const listener of listeners) listener(value);
    }
  }
}
