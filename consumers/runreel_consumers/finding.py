"""The run that a few digits mean."""

from __future__ import annotations

import time

from runreel.errors import NotFound
from runreel_consumers.archive.reader import Reader
from runreel_consumers.catalog.index import Index
from runreel_consumers.catalog.listing import Query
from runreel_consumers.store import Store

LAST = "last"


def find_run(store: Store, ending: str) -> str:
    """The run of the archive whose id ends so; `last`: the one that started last.

    Raises:
        NotFound: there is none, or there are several; says which.
    """
    reader = Reader(store)
    if ending == LAST:
        return _last(store, reader)
    found = reader.find(ending)
    if len(found) == 1 or ending in found:
        return ending if ending in found else found[0]
    if not found:
        raise NotFound(f"no run whose id ends with {ending!r} is in the archive")
    shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
    raise NotFound(f"{len(found)} runs' ids end with {ending!r}: {shown}; write more of it")


def _last(store: Store, reader: Reader) -> str:
    now = time.time_ns() // 1000
    index = Index(store)
    try:
        index.refresh()
        page = index.list(now, Query(limit=1)).runs
        newest = max(
            ((_start(reader, run), run) for run in reader.runs() if index.get(run, now) is None), default=(0, "")
        )
        if not page and not newest[1]:
            raise NotFound("there is no run in the archive yet")
        if page and _start(reader, page[0]["id"]) >= newest[0]:
            return str(page[0]["id"])
        return newest[1]
    finally:
        index.close()


def _start(reader: Reader, run: str) -> int:
    return min((row.event.time for row in reader.structure(run)), default=0)
