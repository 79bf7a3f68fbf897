"""Caches made anew from the archive's log alone: the catalog, keyframes, runs' own objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from runreel.state import rules
from runreel_consumers.archive.keyframes import LIVE, Keyframes
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.objects import RUNS, RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.catalog.days import CATALOG
from runreel_consumers.catalog.filing import Filing
from runreel_consumers.catalog.loader import Loader
from runreel_consumers.catalog.pipelines import PIPELINES
from runreel_consumers.catalog.summary import summary
from runreel_consumers.store import Store

CACHES: Final = (CATALOG, PIPELINES, RUNS, LIVE)
"""The folders that can be deleted at any time."""

_WRITE_EVERY: Final = 200
_encoder = msgspec.json.Encoder(order="deterministic")


def rebuild(store: Store, told: Callable[[int, int], None] = lambda done, of: None) -> int:
    """Delete the caches and make them again; answers how many runs there are. No consumer may run meanwhile.

    What it writes is what the consumers wrote, byte for byte.

    Args:
        store: where the archive lies.
        told: called with how many runs are done, and of how many.

    Raises:
        NotReachable: the store did not answer; begin again.
    """
    for folder in CACHES:
        store.delete([info.key for info in store.list(folder)])
    log = Log(store)
    loader, objects, keyframes = Loader(log), RunObjects(store), Keyframes(store)
    topics = {epoch.ordinal: epoch.topic for epoch in log.epochs.all()}
    filings: dict[str, Filing] = {}
    runs = sorted(Reader(store).runs())
    for number, run in enumerate(runs, 1):
        last = max((piece.end for piece in log.pieces(run)), default=None)
        if last is None:
            continue  # pruned
        topic = topics[last.epoch]
        live = loader.fold(run, topic)
        writer = f"{topic}-{last.partition:05d}"
        filing = filings.setdefault(writer, Filing(store, writer, lambda one, t=topic: loader.load(one, t)))  # type: ignore[misc]
        found = summary(live)
        filing.file(live, found)
        if rules.run(live.state.index).end is None:
            keyframes.put(found["workspace"], run, live.upto, live.to_bytes())
        else:
            upto = Position(last.epoch, last.partition, max(last.offset, live.upto.offset))
            objects.make(log, run, found["workspace"], upto, live.to_bytes(), _encoder.encode(found))
        if number % _WRITE_EVERY == 0:
            _write(filings)
        told(number, len(runs))
    _write(filings)
    return len(runs)


def _write(filings: dict[str, Filing]) -> None:
    for filing in filings.values():
        filing.write()
