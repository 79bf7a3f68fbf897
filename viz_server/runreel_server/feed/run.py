"""One run that somebody looks at: its state, kept current by the tail, and the frames that say what changed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from runreel import events as ev
from runreel.codec import decode, payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.state import RunState, Tally
from runreel.state.touched import RUN, Part
from runreel_server import estimates
from runreel_server.feed.guesses import Guesses
from runreel_server.feed.recent import Taken
from runreel_server.feed.said import Said, attempt
from runreel_server.stream import Frame
from runreel_server.stream.frames import delta, drained, snapshot

MOST_MADE: Final = 100

Json = dict[str, Any]


class LiveRun:
    """The state of one run, and the frames of its changes. Safe for threads.

    Grows by `hear`; readers use `view`, or `reading` for state and tally themselves under the lock.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.name = f"run:{run}"
        self.lock = threading.RLock()
        self.ready = threading.Event()
        self.used = time.monotonic()
        self.state = RunState(run)
        self.tally = Tally(run)
        self.stored: Mapping[str, int] = {}
        self.medians: Mapping[str, Any] = {}
        self._guesses = Guesses()
        self._own: Json = {}
        self.position = ""
        self.at = ""
        """The position of the newest message taken in; `position` is that of the newest frame."""
        self._news = ""
        self._archived = ("", -1)
        """The position of the newest message that was no copy: the archive's word stops there too."""
        self.listeners: list[Callable[[Event, int | None], None]] = []
        self._waiting: list[Taken] | None = []
        self._touched: dict[Part, None] = {}
        self._said = Said()
        self._made: deque[Frame] = deque(maxlen=MOST_MADE)  # where nobody watches, nobody drains

    # -- growing

    def hear(self, taken: Taken) -> bool:
        """Take a message of the tail; answers whether there is something new to show. Before `open` it is kept."""
        with self.lock:
            if self._waiting is not None:
                self._waiting.append(taken)
                return False
            return self._apply(taken)

    def open(self, state: RunState, tally: Tally, recent: list[Taken], medians: Mapping[str, Any]) -> None:
        """Begin with what the archive has, then what the tail brought before and meanwhile. Copies do no harm."""
        with self.lock:
            self.state, self.tally, self.medians = state, tally, medians
            self.stored = _contiguous(state)
            waiting, self._waiting = self._waiting or [], None
            for taken in (*recent, *waiting):
                self._apply(taken)
            self._touched.clear()
            self._said.clear()
            if not self.at and state.record.events:
                self.at = f"stored-{state.record.events}"
            self.position = self.at
            self.ready.set()

    @property
    def opened(self) -> bool:
        """Whether what the archive has is in it."""
        return self._waiting is None

    def stored_upto(self, topic_id: str, partition: int, offset: int) -> bool:
        """Note that the archive has the run up to an offset of its partition; answers whether that is all we heard.

        A topic that is made again begins its offsets anew: those of the old one tell nothing of what came since.

        The word may come before the events that it tells of: two topics have no common order.
        """
        with self.lock:
            self._archived = (f"{topic_id}:{partition}", offset)
            return self._covered()

    def _covered(self) -> bool:
        """Whether all that was heard is in the archive; if so, that is what is shown."""
        here = self._news.rpartition(":")
        place, offset = self._archived
        if not self._news or here[0] != place or int(here[2]) > offset:
            return False
        stored = _contiguous(self.state)
        if stored != self.stored:
            self.stored = stored
            self._touched[RUN] = None
            self._touched.update((("session", session), None) for session in stored)
        return True

    def touch(self, *parts: Part) -> None:
        """Have parts said again: what they show depends on who looks, and that has changed."""
        with self.lock:
            self._touched.update(dict.fromkeys(parts or (RUN,)))

    def _apply(self, taken: Taken) -> bool:
        try:
            event = decode(taken.message)
        except CodecError:
            return False  # the archive's consumer sends it to the dead letters
        if event.run != self.run:
            return False
        self.at = taken.position
        touched = self.state.apply(event, taken.received)
        if not touched:
            return False
        self._news = taken.position
        self._touched.update(dict.fromkeys(touched))
        if event.type in ev.STREAMS:
            self._stream(event)
        for listener in self.listeners:
            listener(event, taken.received)
        return True

    def _stream(self, event: Event) -> None:
        try:
            data = payload(event)
        except CodecError:
            return  # the state counts it as a problem
        offset = self.state.record.offsets.get(event.session or "")
        shift = 0 if offset is None else offset.micros
        if isinstance(data, ev.Metrics):
            self._said.points(event, data, self.tally.count(event, data.name), shift)
        elif isinstance(data, ev.Logs):
            self._said.lines(event, data, shift)
        self._touched.update(dict.fromkeys(self.tally.apply(event)))

    # -- showing

    def clocks(self) -> dict[str, int]:
        """The sessions' clock offsets, in µs: what is added to their times."""
        with self.lock:
            return {session: offset.micros for session, offset in self.state.record.offsets.items()}

    def view(self, now: int | None = None) -> Json:
        """The state as the surface has it, as of now."""
        self.used = time.monotonic()
        return self._branch()[1](now or _now())

    def here(self) -> tuple[Json, str]:
        """The same, and the position from which the frames go on: what is in none yet may come again."""
        self.used = time.monotonic()
        position, render = self._branch()
        return render(_now()), position

    def _branch(self) -> tuple[str, Callable[[int], Json]]:
        """The position of the newest frame, and what renders the state there: beside the tail, which goes on."""
        with self.lock:
            self._covered()
            position, state = self.position, self.state.copy()
            looks: Json = {"tally": self.tally.copy(), "stored": self.stored, "medians": self.medians}

        def render(now: int) -> Json:
            shown = state.view(now=now, **looks)
            estimates.fill(shown, now)
            return shown

        return position, render

    def advance(self) -> bool:
        """Make the frame of what has changed since the last one; answers whether there was anything."""
        with self.lock:
            if not self._touched and not self._said:
                return False
            self._covered()
            change = {"patch": self._patch(), **self._said.told(self._attempt)}
            start, self.position = self.position, self._moved()
            self._made.append(delta(self.name, start, self.position, change))
            self._touched.clear()
            return True

    def _moved(self) -> str:
        # What changed by a clock alone (a step has stalled) has no message of its own: a suffix keeps frames apart.
        base, _, turn = self.position.partition("+")
        return self.at if self.at != base else f"{base}+{int(turn or 0) + 1}"

    def _patch(self) -> Json:
        now = _now()
        names = {"step": "steps", "artifact": "artifacts", "session": "sessions", "view": "views", "series": "series"}
        patch: Json = {}
        for kind, key in (*self._touched, *self._around()):
            part = self.state.view_part(
                (kind, key), now=now, tally=self.tally, stored=self.stored, medians=self.medians
            )
            if (kind, key) == RUN:
                own, self._own = self._own, part or {}  # its environment alone is large, and seldom changes
                patch.update({name: value for name, value in self._own.items() if own.get(name, self) != value})
            else:
                patch.setdefault(names[kind], {})[key] = part
        state = self._own.get("state") or self._part(RUN, now)["state"]
        self._guesses.fill(patch, state, now, lambda: self._steps(now))
        return patch

    def _around(self) -> list[Part]:
        """The steps that those that changed lie in: when these end is judged by what lies in them."""
        above = dict.fromkeys(("step", key.rpartition("/")[0]) for kind, key in self._touched if kind == "step")
        return [part for part in above if part[1] in self.state.record.steps and part not in self._touched]

    def _part(self, part: Part, now: int) -> Json:
        shown = self.state.view_part(part, now=now, tally=self.tally, stored=self.stored, medians=self.medians)
        return shown or {}

    def _steps(self, now: int) -> Json:
        return {path: self._part(("step", path), now) for path in self.state.record.steps}

    def expect(self, medians: Mapping[str, Any]) -> bool:
        """Take over what earlier runs took; answers whether that is news."""
        with self.lock:
            if medians == self.medians:
                return False
            self.medians = medians
            self._touched.update((("step", path), None) for path in self.state.record.steps)
            self._touched[RUN] = None
            return True

    def own(self) -> Json:
        """The run's own fields."""
        with self.lock:
            return self._part(RUN, _now())

    def _attempt(self, path: str, execution: str) -> str:
        return attempt(self.state.view_part(("step", path)), execution) if path else ""

    def take(self) -> Frame:
        """The whole state as a frame."""
        with self.lock:
            self.advance()
            position, render = self._branch()
        return snapshot(self.name, position, render(_now()))

    def drain(self) -> list[Frame]:
        """The frames made since the last call."""
        return drained(self._made)


def _contiguous(state: RunState) -> dict[str, int]:
    """For each session the seq up to which nothing is missing."""
    sessions = state.record.sessions.items()
    return {sid: one.seen[1] for sid, one in sessions if one.seen and one.seen[0] == 0}


def _now() -> int:
    return time.time_ns() // 1000
