"""Removing a run from everywhere, so that nothing raises it again."""

from __future__ import annotations

from collections.abc import Mapping

from runreel.errors import NotFound
from runreel_consumers.archive.keyframes import LIVE
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.merge import Merger
from runreel_consumers.archive.names import name_of
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.catalog.days import day_of, days, read
from runreel_consumers.catalog.filing import Filing
from runreel_consumers.catalog.loader import Loader
from runreel_consumers.outbox import Outbox
from runreel_consumers.partitions import partition_of
from runreel_consumers.store import Store


def end_of(log: Log, run: str, topic_ends: dict[tuple[str, int], int]) -> Position:
    """The position up to which a run is to be pruned: the end of its partition, in Kafka where that is known.

    Args:
        log: the archive's log.
        run: the run.
        topic_ends: for each (topic, partition) the offset after its last message; empty: the archive's own end.

    Raises:
        NotFound: the archive has no such run.
    """
    pieces, epochs = log.pieces(run), log.epochs.all()
    if not pieces:
        raise NotFound(f"no run {run} in the archive")
    topic = next(epoch.topic for epoch in epochs if epoch.ordinal == pieces[-1].segment.epoch)
    newest = max((epoch for epoch in epochs if epoch.topic == topic), key=lambda epoch: epoch.ordinal)
    partition = partition_of(run, newest.count)
    stored = max((segment.last for segment in log.cover(newest, partition)), default=-1)
    return Position(newest.ordinal, partition, max(stored, topic_ends.get((newest.topic, partition), 0) - 1))


def prune(store: Store, run: str, upto: Position, outbox: Outbox | None = None, topic_runs: str = "") -> None:
    """Remove a run up to a position: a tombstone first, then its objects, its place in the catalog, its rows.

    Rows go by rewriting the segments that hold them; the old segments go after the grace of merging. What is said of
    the run after the position stays.

    Args:
        store: where the archive lies.
        run: the run.
        upto: as `end_of` answers.
        outbox: tells who listens on `topic_runs` that the run is gone.
        topic_runs: the topic of notifications.

    Raises:
        NotReachable: the store did not answer; pruning again does the rest.
    """
    log = Log(store)
    pieces = log.pieces(run)
    log.tombstones.put(run, upto)
    drop_caches(store, run)
    drop_summaries(log, {run: upto})
    merger = Merger(log)
    for piece in pieces:
        merger.rewrite(piece.segment)
    if outbox is not None:
        outbox.send(topic_runs, None, key=run.encode())


def drop_caches(store: Store, run: str) -> None:
    """Delete a run's own objects and its keyframes."""
    RunObjects(store).drop(run)
    for workspace in list(store.folders(LIVE)):
        store.delete([info.key for info in store.list(f"{LIVE}{workspace}/{name_of(run)}/")])


def drop_summaries(log: Log, gone: Mapping[str, Position]) -> None:
    """Take runs that are gone up to a position out of the stored catalog, and out of their pipelines' last runs."""
    loader, wanted = Loader(log), {day_of(run) for run in gone}
    for info in list(days(log.store)) if wanted else ():
        _, _, folder, name = info.key.split("/")
        if folder not in wanted:
            continue
        filing = Filing(log.store, name.removesuffix(".parquet"), lambda one: loader.load(one, ""))
        for summary in read(log.store.get(info.key)):
            upto = gone.get(summary["id"])
            if upto is not None and Position.parse(summary["position"]) <= upto:
                filing.drop(summary["id"], (summary["workspace"], summary["pipeline"]))
        filing.write()
