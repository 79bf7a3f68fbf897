"""Long work, off the loop: the objects of runs that have ended, merging, and what is kept no longer."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from runreel.deadline import Deadline
from runreel.errors import NotReachable, RunreelError
from runreel_consumers.archive.columns import Row
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.merge import Merger
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Epoch, Position
from runreel_consumers.archive.rows import late_conflicts

log = logging.getLogger(__name__)

MERGE_SECONDS: Final = 20.0
"""How often the partitions are looked through for segments to merge."""


RETAIN_FIRST: Final = 60.0
"""When, after its start, what is kept no longer is removed for the first time."""

RETAIN_SECONDS: Final = 3600.0
"""How often afterwards."""


class Ending(msgspec.Struct):
    """A run whose own objects are to be made, and what came of it.

    Attributes:
        run: the run.
        workspace: its workspace.
        epoch: the epoch of its topic.
        upto: all of the run up to this position is in `keyframe`.
        position: its last event's.
        keyframe: its fold.
        summary: its summary, JSON.
        since: its objects are there up to this position, and only copies of events have come after it: what is to be
            done is to look whether they are copies. None: they are to be made.
        conflicts: pairs of rows that bear one (session, seq) and have two contents.
        failed: whether the objects could not be made.
    """

    run: str
    workspace: str
    epoch: Epoch
    upto: Position
    position: Position
    keyframe: bytes
    summary: bytes
    since: Position | None = None
    conflicts: list[tuple[Row, Row]] = msgspec.field(default_factory=list)
    failed: bool = False


class Keeper:
    """One thread that does what would hold up the loop. Starts with the first partition.

    Args:
        archive: the archive's log.
        now: microseconds since 1970.
        retain: removes from the archive what is kept no longer. Called by those that look after a partition 0: of the
            consumers that share a topic, one.
    """

    def __init__(
        self,
        archive: Log,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
        retain: Callable[[], object] = lambda: None,
    ) -> None:
        self._retain = retain
        self._objects, self._merger = RunObjects(archive.store), Merger(archive, now)
        self._log = archive
        self._waiting: queue.Queue[Ending | None] = queue.Queue()
        self._done: queue.Queue[Ending] = queue.Queue()
        self._places: set[tuple[Epoch, int]] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def opened(self, epoch: Epoch, partition: int) -> None:
        """Look after a partition's segments."""
        self._places.add((epoch, partition))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="runreel-keeper", daemon=True)
            self._thread.start()

    def closed(self, epoch: Epoch, partition: int) -> None:
        """Look after a partition no more. What is under way ends: two that merge at once do no harm."""
        self._places.discard((epoch, partition))

    def end(self, ending: Ending) -> None:
        """Make a run's objects."""
        self._waiting.put(ending)

    def finished(self) -> list[Ending]:
        """Those whose objects were made, or failed, since the last call."""
        found = []
        while not self._done.empty():
            found.append(self._done.get())
        return found

    def close(self, deadline: Deadline) -> None:
        """End the thread; what it has not done is done by whoever comes next."""
        self._stop.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(deadline.left(60.0))

    def _work(self) -> None:
        merge_at, retain_at = time.monotonic() + MERGE_SECONDS, time.monotonic() + RETAIN_FIRST
        while not self._stop.is_set():
            try:
                ending = self._waiting.get(timeout=max(0.1, merge_at - time.monotonic()))
            except queue.Empty:
                ending = None
            if ending is not None:
                self._make(ending)
            if time.monotonic() >= merge_at:
                self._merge()
                merge_at = time.monotonic() + MERGE_SECONDS
            if time.monotonic() >= retain_at and any(partition == 0 for _, partition in list(self._places)):
                self._try(self._retain, "what is too old was not removed")
                retain_at = time.monotonic() + RETAIN_SECONDS

    def _make(self, ending: Ending) -> None:
        try:
            if (since := ending.since) is not None:
                ending.conflicts = self._log.again(lambda: late_conflicts(self._log, ending.run, since))
            else:
                ending.conflicts = self._objects.make(
                    self._log, ending.run, ending.workspace, ending.upto, ending.keyframe, ending.summary
                )
        except RunreelError as error:
            log.warning("objects of run %s were not made: %s", ending.run, error)
            ending.failed = True
        except Exception:
            log.exception("objects of run %s were not made", ending.run)
            ending.failed = True
        self._done.put(ending)

    def _merge(self) -> None:
        for epoch, partition in list(self._places):
            if self._stop.is_set():
                return
            where = f"segments of {epoch.topic}[{partition}] were not merged"
            if not self._try(lambda e=epoch, p=partition: self._merger.merge(e, p), where):  # type: ignore[misc]
                return

    def _try(self, work: Callable[[], object], failed: str) -> bool:
        """Do some work; answers whether the store answers. Whatever it is, it is tried again later."""
        try:
            work()
        except NotReachable as error:
            log.warning("%s: %s", failed, error)
            return False
        except Exception:
            log.exception("%s", failed)
        return True
