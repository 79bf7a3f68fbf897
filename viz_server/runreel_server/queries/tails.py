"""What the tail has of a run and the archive does not have yet."""

from __future__ import annotations

import threading
import time
from typing import Final

from runreel.codec import decode
from runreel.errors import CodecError, NotReachable
from runreel.events import Event
from runreel_consumers.archive.reader import Reader
from runreel_server.feed import Feed
from runreel_server.feed.recent import Taken

FRESH_SECONDS: Final = 1.0

Heard = tuple[Event, int | None]
"""An event, and when the broker received it (µs), where that is known."""

Ends = dict[tuple[str, str, int], int]
"""(topic, its identity, partition) -> the first offset that the archive does not have."""


class Tails:
    """The newest events of runs, without those that the archive had a moment ago. Safe for threads.

    Args:
        reader: the archive.
        feed: the tail.
    """

    def __init__(self, reader: Reader, feed: Feed) -> None:
        self._reader, self._feed = reader, feed
        self._lock = threading.Lock()
        self._ends: dict[tuple[str, str], tuple[float, Ends]] = {}

    def unstored(self, run: str) -> list[Heard]:
        """The run's events that the archive may lack, in the order of the log, and when the broker received each (µs).

        Read them before the archive: then what it takes in between is in both, and nothing is in neither.

        Raises:
            NotReachable: the archive cannot be read, or is behind what the tail has forgotten.
        """
        taken = self._feed.joined(run)
        found = []
        for one in taken:
            if one.offset < self._end(one):
                continue
            try:
                event = decode(one.message)
            except CodecError:
                continue  # the archive's consumer sends it to the dead letters
            if event.run == run and event.session is not None:
                found.append((event, one.received))
        return found

    def ends(self, topic: str, identity: str) -> Ends:
        """Up to where the archive has a topic, as of a second ago; empty while it cannot be read."""
        key = (topic, identity)
        with self._lock:
            read, known = self._ends.get(key, (0.0, {}))
        now = time.monotonic()
        if now - read < FRESH_SECONDS and key in self._ends:
            return known
        try:
            found = self._reader.end({topic: identity})
            known = {(name, identity, number): position.offset for (name, number), position in found.items()}
        except NotReachable:
            known = {}
        with self._lock:
            self._ends[key] = (now, known)
        return known

    def _end(self, one: Taken) -> int:
        return self.ends(one.topic, one.identity).get((one.topic, one.identity, one.partition), 0)
