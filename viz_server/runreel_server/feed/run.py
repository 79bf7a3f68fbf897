"""One run that somebody looks at: its state, kept current by the tail, and the frames that say what changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from runreel import events as ev
from runreel.codec import decode, payload, real
from runreel.errors import CodecError
from runreel.events import Event, Number
from runreel.ids import encode_segment
from runreel.state import RunState, Tally
from runreel.state.touched import RUN, Part
from runreel_server.charts import m4, plain
from runreel_server.feed.guesses import Guesses
from runreel_server.feed.recent import Taken
from runreel_server.stream import Frame
from runreel_server.stream.frames import delta, snapshot

MOST_POINTS: Final = 40
MOST_LINES: Final = 50
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
        self.listeners: list[Callable[[Event], None]] = []
        self._waiting: list[Taken] | None = []
        self._touched: dict[Part, None] = {}
        self._points: dict[tuple[str, str, str], list[tuple[Sequence[Number], list[int], list[Number]]]] = {}
        self._lines: list[Json] = []
        self._line_count = 0
        self._made: list[Frame] = []

    # -- growing

    def hear(self, taken: Taken) -> bool:
        """Take a message of the tail; answers whether there is something new to show. Before `open` it is kept."""
        with self.lock:
            if self._waiting is not None:
                self._waiting.append(taken)
                return False
            return self._apply(taken)

    def open(self, state: RunState, tally: Tally, recent: list[Taken]) -> None:
        """Begin with what the archive has, then what the tail brought before and meanwhile. Copies do no harm."""
        with self.lock:
            self.state, self.tally = state, tally
            self.stored = _contiguous(state)
            waiting, self._waiting = self._waiting or [], None
            for taken in (*recent, *waiting):
                self._apply(taken)
            self._forget()
            self.position = self.at
            self.ready.set()

    @property
    def opened(self) -> bool:
        """Whether what the archive has is in it."""
        return self._waiting is None

    def stored_upto(self, partition: int, offset: int) -> bool:
        """Note that the archive has the run up to an offset of its partition; answers whether that is all we heard.

        The word may come before the events that it tells of: two topics have no common order.
        """
        with self.lock:
            self._archived = (str(partition), offset)
            return self._covered()

    def _covered(self) -> bool:
        """Whether all that was heard is in the archive; if so, that is what is shown."""
        here = self._news.rpartition(":")
        partition, offset = self._archived
        if not self._news or here[0].rpartition(":")[2] != partition or int(here[2]) > offset:
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
            listener(event)
        return True

    def _stream(self, event: Event) -> None:
        try:
            data = payload(event)
        except CodecError:
            return  # the state counts it as a problem
        path = event.subject or ""
        if isinstance(data, ev.Metrics):
            count = self.tally.count(event, data.name)
            at = range(count, count + len(data.value)) if data.at is None else data.at
            key = (path, event.execution or "", data.name)
            self._points.setdefault(key, []).append((at, data.time, data.value))
        elif isinstance(data, ev.Logs):
            self._line_count += len(data.text)
            for when, level, text in list(zip(data.time, data.level, data.text, strict=False))[-MOST_LINES:]:
                self._lines.append(
                    {
                        "time": when,
                        "step": path or None,
                        "level": level,
                        "text": text[:4096],
                        "stream": data.stream,
                        "session": event.session,
                        "seq": event.seq,
                    }
                )
            del self._lines[:-MOST_LINES]
        self._touched.update(dict.fromkeys(self.tally.apply(event)))

    def _forget(self) -> None:
        self._touched.clear()
        self._points.clear()
        self._lines.clear()
        self._line_count = 0

    # -- showing

    def view(self, now: int | None = None) -> Json:
        """The state as the surface has it, as of now."""
        with self.lock:
            self.used = time.monotonic()
            self._covered()
            moment = now or _now()
            shown = self.state.view(now=moment, tally=self.tally, stored=self.stored, medians=self.medians)
            self._guesses.learn(shown, moment)
            return shown

    def advance(self) -> bool:
        """Make the frame of what has changed since the last one; answers whether there was anything."""
        with self.lock:
            if not self._touched and not self._points and not self._lines:
                return False
            self._covered()
            change: Json = {"patch": self._patch()}
            if self._points:
                change["points"] = self._said_points()
            if self._line_count:
                change["lines"] = {"count": self._line_count, "last": self._lines[:]}
            start, self.position = self.position, self._moved()
            self._made.append(delta(self.name, start, self.position, change))
            del self._made[:-MOST_MADE]  # where nobody watches, nobody drains
            self._forget()
            return True

    def _moved(self) -> str:
        # What changed by a clock alone (a step has stalled) has no message of its own: a suffix keeps frames apart.
        base, _, turn = self.position.partition("+")
        return self.at if self.at != base else f"{base}+{int(turn or 0) + 1}"

    def _patch(self) -> Json:
        now = _now()
        names = {"step": "steps", "artifact": "artifacts", "session": "sessions", "view": "views", "series": "series"}
        patch: Json = {}
        for kind, key in self._touched:
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

    def _said_points(self) -> Json:
        said = {}
        for (path, execution, name), batches in self._points.items():
            at = [real(x) for batch in batches for x in batch[0]]
            when = [x for batch in batches for x in batch[1]]
            value = [real(x) for batch in batches for x in batch[2]]
            columns = m4(at, when, value, MOST_POINTS)
            key = f"{path}{self._attempt(path, execution)}:{encode_segment(name)}"
            said[key] = {"at": plain(columns[0]), "time": columns[1].tolist(), "value": plain(columns[2])}
        return said

    def _attempt(self, path: str, execution: str) -> str:
        """`#n` of an attempt that is not the step's last one."""
        step = self.state.view_part(("step", path)) if path else None
        if step is None or step["execution"] == execution:
            return ""
        numbers = [n for n, one in enumerate(step["attempts"], 1) if one["execution"] == execution]
        return f"#{numbers[0]}" if numbers else ""

    def take(self) -> Frame:
        """The whole state as a frame."""
        with self.lock:
            self.advance()
            return snapshot(self.name, self.position, self.view())

    def drain(self) -> list[Frame]:
        """The frames made since the last call."""
        with self.lock:
            made, self._made = self._made, []
            return made


def _contiguous(state: RunState) -> dict[str, int]:
    """For each session the seq up to which nothing is missing."""
    sessions = state.record.sessions.items()
    return {sid: one.seen[1] for sid, one in sessions if one.seen and one.seen[0] == 0}


def _now() -> int:
    return time.time_ns() // 1000
