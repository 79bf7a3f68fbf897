"""How much comes over the tail, and when it came."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from runreel_server.feed.recent import Taken

RATE_SECONDS: Final = 10.0
MOST_MOMENTS: Final = 2_000
"""Moments that are remembered of a partition; where there are more, every other one is let go."""

Place = tuple[str, str, int]
"""(topic, its identity, partition)"""


class Pulse:
    """What the tail has brought. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.heard = 0
        """How many messages it has brought."""
        self.last_heard: float | None = None
        """When the last one came, by the monotonic clock."""
        self._born = time.monotonic()
        self._counts: deque[tuple[int, int]] = deque()  # (second, events in it), of the last ones
        self._moments: dict[Place, deque[tuple[int, int]]] = {}

    def note(self, messages: list[Taken], notices: str) -> None:
        """Count what one read has brought; those of the topic `notices` are no events."""
        events = [taken for taken in messages if taken.topic != notices]
        last = {(taken.topic, taken.identity, taken.partition): taken for taken in events}
        now = time.monotonic()
        with self._lock:
            self.heard += len(messages)
            self.last_heard = now
            second = int(now)
            counted = self._counts.pop()[1] if self._counts and self._counts[-1][0] == second else 0
            self._counts.append((second, counted + len(events)))
            self._shrink(now)
            for place, taken in last.items():
                if place not in self._moments:  # perhaps made again: of its life before nothing is owed any more
                    for old in [old for old in self._moments if old[::2] == place[::2]]:
                        del self._moments[old]
                moments = self._moments.setdefault(place, deque())
                moments.append((taken.offset, taken.received or time.time_ns() // 1000))
                if len(moments) > MOST_MOMENTS:
                    self._moments[place] = deque(list(moments)[1::2])

    @property
    def newest(self) -> dict[Place, int]:
        """The offset of the last event heard of each partition."""
        with self._lock:
            return {place: moments[-1][0] for place, moments in self._moments.items()}

    def since(self, place: Place, end: int) -> int | None:
        """When the first event from offset `end` on was received, in µs since 1970, to within one read of the tail.

        None where there is none.
        """
        with self._lock:
            moments = self._moments.get(place)
            while moments and len(moments) > 1 and moments[0][0] < end:
                moments.popleft()
            return moments[0][1] if moments and moments[0][0] >= end else None

    def rate(self) -> float:
        """Events a second, over about the last ten."""
        with self._lock:
            now = time.monotonic()
            self._shrink(now)
            return sum(count for _, count in self._counts) / min(max(now - self._born, 1.0), RATE_SECONDS)

    def _shrink(self, now: float) -> None:
        while self._counts and self._counts[0][0] <= now - RATE_SECONDS:
            self._counts.popleft()
