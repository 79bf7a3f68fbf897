"""Runs that were pruned: nothing of them up to a position counts any more, wherever it still lies."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Final

from runreel_consumers.archive.positions import LAST_OFFSET, Position
from runreel_consumers.store import Store

TOMBSTONES: Final = "tombstones/"
_FRESH_SECONDS: Final = 5.0


class Tombstones:
    """The tombstones of a store, listed anew every few seconds: prune is rare, asking is not.

    Args:
        store: where they lie, as `tombstones/RUN/POSITION`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Position] = {}
        self._until = 0.0
        self._lock = threading.Lock()

    def of(self, run: str) -> Position | None:
        """The position up to which the run is gone; None where it was not pruned."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._known = self._read()
                self._until = time.monotonic() + _FRESH_SECONDS
            return self._known.get(run)

    def all(self) -> dict[str, Position]:
        """All tombstones, as they are now."""
        return self._read()

    def put(self, run: str, upto: Position) -> None:
        """Leave one. It is the first thing that prune does."""
        self._store.put(f"{TOMBSTONES}{run}/{upto}", b"")
        with self._lock:
            self._until = 0.0

    def clear(self, before: int, kept: Collection[str]) -> None:
        """Let go of those that were left before a moment (microseconds since 1970), but for the runs in `kept`."""
        old = [info.key for info in self._store.list(TOMBSTONES) if info.modified < before]
        self._store.delete([key for key in old if key.removeprefix(TOMBSTONES).partition("/")[0] not in kept])

    def _read(self) -> dict[str, Position]:
        known: dict[str, Position] = {}
        for info in self._store.list(TOMBSTONES):
            run, _, position = info.key.removeprefix(TOMBSTONES).partition("/")
            known[run] = max(Position.parse(position), known.get(run, Position(-1, 0, 0)))
        return known


def gone_upto(upto: Position, epoch: int, partition: int) -> int:
    """The offset of one partition up to which a run is gone that was pruned up to a position; -1: none of it."""
    if epoch < upto.epoch:
        return LAST_OFFSET
    return upto.offset if (epoch, partition) == (upto.epoch, upto.partition) else -1
