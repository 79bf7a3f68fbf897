"""The list of runs as it changes: the newest summary of each, as the catalog says them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

import msgspec

from runreel_server.feed.recent import Taken
from runreel_server.stream import Frame
from runreel_server.stream.frames import delta, drained, snapshot

NAME: Final = "runs"
MOST: Final = 2_000
"""Summaries that a snapshot holds: the newest; the list itself is paged over HTTP."""

MOST_MADE: Final = 100

Json = dict[str, Any]


class LiveRuns:
    """The newest summaries. Safe for threads. A source of a channel."""

    name = NAME

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._summaries: dict[str, Json] = {}
        self._positions: dict[str, str] = {}
        self._changed: dict[str, Json | None] = {}
        self._gone: set[str] = set()
        self._made: deque[Frame] = deque(maxlen=MOST_MADE)  # where nobody watches, nobody drains
        self._at = ""
        self.position = ""

    def hear(self, taken: Taken) -> bool:
        """Take a notification; answers whether it tells something new: the greatest position wins. One without a
        message says that the run is gone."""
        if not taken.message:
            return self._go(taken)
        try:
            summary = msgspec.json.decode(taken.message, type=Json)
        except msgspec.DecodeError:
            return False
        with self._lock:
            position = str(summary.get("position", ""))
            if position and position < self._positions.get(taken.run, ""):
                return False
            self._positions[taken.run] = position
            self._gone.discard(taken.run)
            self._summaries.pop(taken.run, None)
            self._summaries[taken.run] = self._changed[taken.run] = summary
            while len(self._summaries) > MOST:
                oldest = next(iter(self._summaries))
                del self._summaries[oldest], self._positions[oldest]
            self._at = taken.position
        return True

    def _go(self, taken: Taken) -> bool:
        with self._lock:
            self._gone.add(taken.run)
            if self._summaries.pop(taken.run, None) is None:
                return False
            del self._positions[taken.run]
            self._changed[taken.run] = None
            self._at = taken.position
        return True

    def gone(self) -> set[str]:
        """The runs that were said to be gone since the last call."""
        with self._lock:
            gone, self._gone = self._gone, set()
            return gone

    def summary(self, run: str) -> Json | None:
        """The newest summary of a run that was heard of."""
        with self._lock:
            return self._summaries.get(run)

    def all(self) -> list[Json]:
        """The newest summaries of all runs that were heard of."""
        with self._lock:
            return list(self._summaries.values())

    def advance(self) -> bool:
        """Make the frame of what has changed since the last one; answers whether there was anything."""
        with self._lock:
            if not self._changed:
                return False
            start, self.position = self.position, self._at
            self._made.append(delta(NAME, start, self.position, {"patch": {"runs": self._changed}}))
            self._changed = {}
            return True

    def take(self) -> Frame:
        """The summaries as a frame."""
        self.advance()
        with self._lock:
            position, summaries = self.position, dict(self._summaries)
        return snapshot(NAME, position, {"runs": summaries})

    def drain(self) -> list[Frame]:
        """The frames made since the last call."""
        return drained(self._made)
