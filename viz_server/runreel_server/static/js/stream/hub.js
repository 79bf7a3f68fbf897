// All tabs of a browser on one stream. It keeps the state of what is watched, so that a tab that comes, or that has slept,
// gets a snapshot from here; it never queues for a tab that does not answer.
import { merge } from "../core/patch.js";
import { Stream } from "./stream.js";

const MOST = 20; // things that one stream carries (the server's limit); more make a second one
const UNHEARD = 600; // messages that a tab may leave unanswered: what the server's log holds may come in one go
const DEAF = 2; // beats that it may leave them so: then it gets no more, and a snapshot when it answers
const AWAY = 10; // beats that a tab may leave unanswered until what it watches is let go
const LINGER = 3; // beats that a thing is still followed when nobody watches: a reload, a step to the next page
const TURN = 3; // beats that the tab itself has to tell of its run's end: it knows more of it, unless it is frozen
const MOST_RUNS = 2000; // as many as the server's own snapshot of the list holds

/** @typedef {import("../core/types.js").Frame} Frame */
/** @typedef {{postMessage: (message: any) => void, onmessage: ((event: any) => void) | null, close: () => void}} Port */
/**
 * A tab.
 * @typedef {object} Seat
 * @property {Port} port
 * @property {string[]} names what it watches
 * @property {Set<string>} owed that of which it needs a snapshot
 * @property {number} unheard messages that it has not answered
 * @property {number} missed beats since it last answered
 * @property {boolean} behind it gets nothing until it has answered all
 * @property {boolean} spoken whether it got a message since the last beat
 */
/**
 * A thing that is watched.
 * @typedef {object} Topic
 * @property {string} name
 * @property {Line} line
 * @property {string} position
 * @property {any} state null: not heard yet, or not held here
 * @property {boolean} bare its tabs have its state from elsewhere and only deltas came, so that nobody else can have it from here
 * @property {string} gone why there is none
 * @property {number} idle beats that nobody watches
 */
/**
 * One stream with what it carries.
 * @typedef {object} Line
 * @property {Stream} stream
 * @property {Set<string>} names
 * @property {{since: number, reason: string} | null} lost
 * @property {Map<string, Topic>} dropped no longer watched, but still in the stream's token, so that it would go on from there
 */

/** Somebody wants to be told when a run ends. @typedef {{seat: Seat, title: string, ended: string, turn: number}} Wish */

export class Hub {
  /**
   * @param {(handlers: import("./stream.js").Handlers) => Stream} [make] replaced in tests
   * @param {(name: string, title: string, state: string) => void} [notify] tells that a run has ended
   */
  constructor(make = (handlers) => new Stream(handlers), notify = () => {}) {
    this.make = make;
    this.notify = notify;
    /** @type {Map<string, Wish>} by what is watched */
    this.wishes = new Map();
    /** @type {Set<Seat>} */
    this.seats = new Set();
    /** @type {Map<string, Topic>} */
    this.topics = new Map();
    /** @type {Line[]} */
    this.lines = [];
  }

  /** A tab comes. @param {Port} port */
  join(port) {
    /** @type {Seat} */
    const seat = { port, names: [], owed: new Set(), unheard: 0, missed: 0, behind: false, spoken: false };
    port.onmessage = ({ data }) => this.hear(seat, data);
  }

  /** @param {Seat} seat @param {{watch?: string[], here?: import("./link.js").Here, heard?: boolean, wake?: boolean, bye?: boolean, wish?: string}} message `here`: what the tab has of the one thing that it watches; `wish`: what it is called in a notification of its end, empty: none is wanted */
  hear(seat, message) {
    if (message.bye) {
      this.seats.delete(seat);
      for (const [name, wish] of this.wishes) {
        if (wish.seat !== seat) continue;
        const other = [...this.seats].find((one) => one.names.includes(name)); // another tab of the run wants it no less
        if (other) wish.seat = other;
        else this.wishes.delete(name);
      }
      seat.port.close();
      return;
    }
    seat.missed = 0;
    if (message.watch) seat.names = message.watch;
    if (message.wish) this.wishes.set(seat.names[0], { seat, title: message.wish, ended: "", turn: TURN });
    else if (message.wish === "") this.wishes.delete(seat.names[0]);
    if (message.heard) seat.unheard -= 1;
    if (message.wake) this.wake();
    const back = !this.seats.has(seat) || (seat.behind && !seat.unheard);
    if (!message.watch && !back) return;
    this.seats.add(seat);
    if (back) seat.behind = false;
    for (const name of seat.names) seat.owed.add(name);
    this.follow(seat.names, message.here);
    for (const name of seat.names) {
      const topic = this.topics.get(name);
      if (!topic || message.here?.position !== topic.position) continue;
      seat.owed.delete(name);
      if (topic.line.lost) this.tellWire(seat, topic.line);
    }
    this.pay(seat);
  }

  /** Have these things carried by a line. @param {string[]} names @param {import("./link.js").Here} [here] where who asks for one is */
  follow(names, here) {
    const changed = new Set();
    for (const name of names) {
      const known = this.topics.get(name);
      if (known) {
        known.idle = 0;
        if (known.bare && here && !this.watched(known)) this.begin(known, here);
        continue;
      }
      const line = this.lines.find((one) => one.names.size < MOST) ?? this.lay();
      const topic = line.dropped.get(name) ?? { name, line, position: "", state: null, bare: false, gone: "", idle: 0 };
      line.dropped.delete(name);
      topic.idle = 0;
      line.names.add(name);
      this.topics.set(name, topic);
      if (here && topic.state === null) this.begin(topic, here);
      else changed.add(line);
    }
    for (const line of changed) line.stream.watch([...line.names]);
  }

  /** Follow a thing from where its only tab is. @param {Topic} topic @param {import("./link.js").Here} here */
  begin(topic, here) {
    topic.bare = true;
    topic.position = here.position;
    topic.line.stream.watch([...topic.line.names], [here.token]);
  }

  /** Whether a tab has what it needs of it. @param {Topic} topic */
  watched({ name }) {
    return [...this.seats].some((seat) => seat.names.includes(name) && !seat.owed.has(name));
  }

  /** @returns {Line} a new one */
  lay() {
    const stream = this.make({
      frame: (kind, frame) => this.take(line, kind, frame),
      lost: (since, reason) => {
        line.lost = { since, reason };
        for (const seat of this.of(line)) this.tellWire(seat, line);
      },
      back: () => {
        line.lost = null;
        for (const seat of this.of(line)) this.tellWire(seat, line);
        for (const seat of this.of(line)) this.pay(seat);
      },
    });
    /** @type {Line} */
    const line = { stream, names: new Set(), lost: null, dropped: new Map() };
    this.lines.push(line);
    return line;
  }

  /** @param {Line} line */
  of(line) {
    return [...this.seats].filter((seat) => seat.names.some((name) => line.names.has(name)));
  }

  /** Give a tab the snapshots that it needs, where they are current. @param {Seat} seat */
  pay(seat) {
    for (const name of [...seat.owed]) {
      const topic = this.topics.get(name);
      if (!topic) continue;
      if (topic.line.lost) this.tellWire(seat, topic.line);
      else if (topic.gone) this.post(seat, { frame: ["gone", { watch: name, reason: topic.gone }] });
      else if (topic.state !== null) {
        seat.owed.delete(name);
        this.post(seat, { frame: ["snapshot", { watch: name, position: topic.position, state: topic.state }] });
      } else if (topic.bare) {
        this.forget(topic.line);
        topic.line.stream.renew();
      }
    }
  }

  /** @param {Seat} seat @param {Line} line */
  tellWire(seat, line) {
    this.post(seat, { wire: line.lost ? { status: "lost", ...line.lost } : { status: "ok", since: Date.now(), reason: "" } });
  }

  /**
   * A frame comes.
   * @param {Line} line
   * @param {string} kind
   * @param {Frame} frame
   * @returns {boolean} whether it fits
   */
  take(line, kind, frame) {
    if (kind !== "ping") line.dropped.clear(); // its token no longer names them
    const topic = this.topics.get(frame.watch ?? "");
    if (!topic) return true;
    if (kind === "ping") {
      if ((topic.bare || topic.state !== null) && frame.position !== topic.position) return this.forget(line);
    } else if (kind === "gone") {
      this.wishes.delete(topic.name);
      topic.gone = frame.reason ?? "";
      topic.state = null;
      topic.bare = false;
    } else {
      if (kind === "delta" && ((topic.state === null && !topic.bare) || frame.from !== topic.position)) return this.forget(line);
      if (kind === "snapshot") topic.bare = false;
      if (!topic.bare) topic.state = kind === "snapshot" ? frame.state : merge(topic.state, frame.patch ?? {});
      topic.position = frame.position;
      topic.gone = "";
      const wish = this.wishes.get(topic.name);
      const said = kind === "snapshot" ? frame.state : frame.patch;
      if (wish && said?.finished) wish.ended = said.state ?? "ended";
      if (topic.name === "runs") prune(topic.state.runs ?? {});
    }
    for (const seat of this.seats) {
      if (!seat.names.includes(topic.name)) continue;
      if (kind === "snapshot") seat.owed.delete(topic.name);
      if (seat.owed.has(topic.name) && kind === "delta") this.pay(seat);
      else this.post(seat, { frame: [kind, frame] });
    }
    return true;
  }

  /** What this has does not follow from what the server says: only snapshots are taken. @param {Line} line */
  forget(line) {
    for (const name of line.names) Object.assign(/** @type {Topic} */ (this.topics.get(name)), { state: null, bare: false });
    return false;
  }

  /** @param {Seat} seat @param {any} message */
  post(seat, message) {
    if (!seat.behind && seat.unheard >= UNHEARD) seat.behind = true;
    if (seat.behind) return;
    seat.unheard += 1;
    seat.spoken = true;
    seat.port.postMessage(message);
  }

  /** Each second: let the tabs hear that this lives, and let go of what nobody watches. */
  beat() {
    for (const seat of [...this.seats]) {
      if (!seat.spoken) this.post(seat, { beat: true });
      seat.spoken = false;
      seat.missed = seat.unheard ? seat.missed + 1 : 0;
      if (seat.missed > DEAF) seat.behind = true;
      if (seat.missed > AWAY) this.seats.delete(seat); // closed without a word, or frozen: then it comes back when it answers
    }
    for (const [name, wish] of [...this.wishes]) {
      if (!wish.ended || wish.turn-- > 0) continue;
      this.wishes.delete(name);
      this.notify(name, wish.title, wish.ended);
    }
    const watched = new Set([...[...this.seats].flatMap((seat) => seat.names), ...this.wishes.keys()]), changed = new Set();
    for (const topic of [...this.topics.values()]) {
      topic.idle = watched.has(topic.name) ? 0 : topic.idle + 1;
      if (topic.idle <= LINGER) continue;
      this.topics.delete(topic.name);
      topic.line.names.delete(topic.name);
      topic.line.dropped.set(topic.name, topic);
      changed.add(topic.line);
    }
    for (const line of changed) line.stream.watch([...line.names]);
    this.lines = this.lines.filter((line) => line.names.size);
  }

  /** The network may be there again. */
  wake() {
    for (const line of this.lines) line.stream.wake();
  }

  tick() {
    for (const line of this.lines) line.stream.tick();
  }

  /** Something that should not be: the tabs say it where a developer looks. @param {string} trouble */
  complain(trouble) {
    for (const seat of this.seats) this.post(seat, { trouble });
  }
}

/** Forget the oldest runs of the list. @param {Record<string, any>} runs */
function prune(runs) {
  const names = Object.keys(runs);
  for (const name of names.slice(0, Math.max(0, names.length - MOST_RUNS))) delete runs[name];
}
