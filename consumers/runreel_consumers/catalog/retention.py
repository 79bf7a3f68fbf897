"""How long the archive keeps runs: those whose last event is older go from everywhere, whole segments first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from runreel.settings import Settings
from runreel_consumers.archive.layout import Segment, partitions
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.merge import Merger
from runreel_consumers.archive.positions import Epoch, Position
from runreel_consumers.archive.segment import Index
from runreel_consumers.archive.tombstones import gone_upto
from runreel_consumers.blobs import leaving
from runreel_consumers.blobs.artifacts import ARTIFACTS, ArtifactInfo
from runreel_consumers.catalog.prune import drop_caches, drop_summaries

log = logging.getLogger(__name__)

TOMBSTONE_SECONDS: Final = 86_400.0
"""How much longer than Kafka keeps events a tombstone stays: nothing that it covers can come again by then."""

_SECOND: Final = 1_000_000

Gone = Callable[[Sequence[str]], None]
"""Tells who listens that runs are gone; returns when that has arrived."""


class Ages(msgspec.Struct, frozen=True):
    """How long runs are kept after their last event, in seconds; None: for ever. `of` has workspaces of their own."""

    every: float | None = None
    of: Mapping[str, float | None] = {}

    def limit(self, workspace: str) -> float | None:
        """How long the runs of a workspace are kept."""
        return self.of.get(workspace, self.every)


def ages(settings: Settings) -> Ages:
    """What the settings say."""
    return Ages(settings.archive_retention, settings.archive_retention_of)


class Old(msgspec.Struct, frozen=True):
    """A run of the archive, when its last event was received (µs since 1970), and up to where it goes.

    The time is that of the last segment that has any of it: a day's, once days are merged. So a run goes by up to a day
    too late, never too early.
    """

    run: str
    workspace: str
    heard: int
    upto: Position


class _Place(msgspec.Struct):
    """One partition's segments, by offset, and their indexes."""

    epoch: Epoch
    partition: int
    chosen: list[Segment]
    indexes: list[Index]


class Retention:
    """Removes old runs. Every step may be repeated, by anyone, after a crash at any point, and by two at once.

    Args:
        archive: the archive's log.
        ages: how long runs are kept.
        kafka: how long Kafka keeps events, seconds.
        gone: tells that runs are gone.
        now: microseconds since 1970, about as the store's clock has it.
    """

    def __init__(
        self,
        archive: Log,
        ages: Ages,
        kafka: float,
        *,
        gone: Gone = lambda runs: None,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._log, self._ages, self._gone, self._now = archive, ages, gone, now
        self._kafka = kafka
        self._merger = Merger(archive, now)
        self._infos: dict[tuple[str, int], ArtifactInfo] = {}

    def due(self) -> list[Old]:
        """The runs that are too old, by id; also those that an `apply` which was cut off has left half removed."""
        return self._due(self._walk())

    def apply(self) -> list[Old]:
        """Remove them; answers which. Also deletes what earlier ones have left: content, tombstones.

        Raises:
            NotReachable: the store or Kafka did not answer; the next call does the rest.
        """
        places = self._walk()
        old = self._due(places)
        runs = [one.run for one in old]
        known = self._log.tombstones.all()
        for one in old:
            if one.run not in known or known[one.run] < one.upto:
                self._log.tombstones.put(one.run, one.upto)
        if old:
            self._gone(runs)
            log.info("%d runs are older than they are kept", len(old))
        for run in runs:
            drop_caches(self._log.store, run)
        tombstones = self._log.tombstones.all()
        drop_summaries(self._log, tombstones)
        stored = frozenset(run for place in places for index in place.indexes for run in index.runs)
        self._artifacts(frozenset(runs), stored)
        for place in places:
            self._segments(place, tombstones, newest=_is_newest(place.epoch, places))
        self._log.tombstones.clear(self._now() - int((self._kafka + TOMBSTONE_SECONDS) * _SECOND), stored)
        return old

    def _walk(self) -> list[_Place]:
        found = []
        for epoch in self._log.epochs.all():
            for number in partitions(self._log.store, epoch.ordinal):
                chosen = self._log.cover(epoch, number)
                found.append(_Place(epoch, number, chosen, self._log.indexes(chosen)))
        return found

    def _due(self, places: Iterable[_Place]) -> list[Old]:
        found: dict[str, Old] = {}
        for place in places:
            if not place.chosen:
                continue
            upto = Position(place.epoch.ordinal, place.partition, max(each.last for each in place.chosen))
            for index in place.indexes:
                for run, span in index.runs.items():
                    known = found.get(run)
                    heard = index.until if known is None else max(index.until, known.heard)
                    found[run] = Old(run, span.workspace, heard, upto if known is None else max(upto, known.upto))
        now = self._now()
        old = []
        for one in found.values():
            limit = self._ages.limit(one.workspace)
            if limit is not None and one.heard < now - int(limit * _SECOND):
                old.append(one)
        return sorted(old, key=lambda one: one.run)

    # -- what is removed

    def _artifacts(self, old: Collection[str], stored: Collection[str]) -> None:
        """Delete what is known of old runs' artifacts, and mark the content that no other one refers to."""
        if not old and not leaving.marked(self._log.store):
            return  # nearly always: the artifacts are many
        self._infos = self._read_infos()
        gone = {}
        for (key, modified), info in self._infos.items():
            limit = self._ages.limit(info.workspace)
            # Of a run that the archive does not have: pruned, or settled only after its run was gone.
            lost = limit is not None and info.run not in stored and modified < self._now() - int(limit * _SECOND)
            if info.run in old or lost:
                gone[key, modified] = info
        left = {info.content for place, info in self._infos.items() if place not in gone}
        alone = {info.content for info in gone.values() if info.content is not None} - left
        leaving.mark(self._log.store, sorted(alone))  # first: else a crash here would leave content that nobody knows
        self._log.store.delete([key for key, _ in gone])
        leaving.sweep(self._log.store, {content for content in left if content is not None}, self._now())

    def _read_infos(self) -> dict[tuple[str, int], ArtifactInfo]:
        """All that is known of artifacts, by key and time of change; what was read before is not read again."""
        listed = [(info.key, info.modified) for info in self._log.store.list(ARTIFACTS)]
        new = [place for place in listed if place not in self._infos]
        read = dict(zip(new, self._log.fetch([key for key, _ in new]), strict=True))
        found = {}
        for place in listed:
            data = read.get(place)
            if data is not None:
                found[place] = msgspec.json.decode(data, type=ArtifactInfo)
            elif place in self._infos:
                found[place] = self._infos[place]
        return found

    def _segments(self, place: _Place, tombstones: Mapping[str, Position], *, newest: bool) -> None:
        """Delete a partition's first segments as far as nothing is left in them; rewrite others that have lost rows.

        The offsets from the first segment to the last stay covered, and of a topic that is there the last segment
        stays: from them readers and consumers know where the archive ends.
        """
        over: int | None = None
        first = True
        for number, (each, index) in enumerate(zip(place.chosen, place.indexes, strict=True)):
            ends = {
                run: gone_upto(tombstones[run], each.epoch, each.partition) for run in index.runs if run in tombstones
            }
            gone = [run for run, last in ends.items() if index.runs[run].last <= last]
            whole = len(gone) == len(index.runs)
            first = first and whole
            if first and not (newest and number == len(place.chosen) - 1):
                over = each.last
            elif whole and index.rows:
                self._merger.empty(each)
            elif any(index.runs[run].first <= last for run, last in ends.items()):
                self._merger.rewrite(each)
        if over is not None:
            self._merger.delete(place.epoch.ordinal, place.partition, over)


def _is_newest(epoch: Epoch, places: Iterable[_Place]) -> bool:
    return all(other.epoch.ordinal <= epoch.ordinal for other in places if other.epoch.topic == epoch.topic)
