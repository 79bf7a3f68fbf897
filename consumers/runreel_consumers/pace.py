"""The pace of a replay: each event when its time has come, held while it is paused or its process is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from runreel.events import Event

MAX_SPEED: Final = float("inf")
_MICROS: Final = 1_000_000
_LOOK: Final = 0.2  # seconds at most between two looks at whether it is paused or told to stop
_STOPPED: Final = 1.0  # seconds; a look that takes so much longer than it should: the process was stopped (Ctrl-Z)


class Pace:
    """Lets events pass at a pace.

    Args:
        speed: how many seconds of the run pass in one of ours; infinite: all at once.
        stop: ends it.
        idle: called several times a second while it waits.

    Raises:
        ValueError: the speed is not positive.
    """

    def __init__(
        self, speed: float = 1.0, *, stop: threading.Event | None = None, idle: Callable[[], None] = lambda: None
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed {speed} is none: write a number above 0, or max")
        self._speed, self._stop, self._idle = speed, stop or threading.Event(), idle
        self._began = self._held = 0.0
        self._start: int | None = None
        self._going = threading.Event()
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether it waits until it is told to go on."""
        return not self._going.is_set()

    def toggle(self) -> None:
        """Pause it, or let it go on from where it is. Any thread may."""
        if self.paused:
            self._going.set()
        else:
            self._going.clear()

    def events(self, events: Iterable[Event], start: int | None = None) -> Iterator[Event]:
        """Events one by one, each when its time has come.

        Args:
            events: in the order of their times.
            start: the time at which the pace begins, microseconds since 1970: what is earlier comes at once. None: the
                first event's.
        """
        self._began, self._held, self._start = time.monotonic(), 0.0, start
        if self._speed == MAX_SPEED:
            yield from self._at_once(events)
            return
        for event in events:
            if self._start is None:
                self._start = event.time
            due = (event.time - self._start) / _MICROS / self._speed
            while (self.paused or due > self._elapsed()) and not self._stop.is_set():
                self._rest(due)
            if self._stop.is_set():
                return
            yield event

    def _at_once(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same without a pace, where each look at a clock would be felt."""
        going, stopped = self._going.is_set, self._stop.is_set
        for event in events:
            while not going() and not stopped():
                self._rest(0.0)
            if stopped():
                return
            yield event

    def now(self) -> int | None:
        """The moment of the run that the pace has come to; None before the first event, and where there is no pace."""
        if self._start is None or self._speed == MAX_SPEED:
            return None
        return self._start + int(self._elapsed() * self._speed * _MICROS)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began - self._held

    def _rest(self, due: float) -> None:
        begin, paused = time.monotonic(), self.paused
        span = _LOOK if paused else min(_LOOK, due - self._elapsed())
        if paused:
            self._going.wait(span)
        else:
            self._stop.wait(max(0.0, span))
        took = time.monotonic() - begin
        if paused or took > span + _STOPPED:
            self._held += took
        self._idle()
