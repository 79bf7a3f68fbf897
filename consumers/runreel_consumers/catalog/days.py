"""The stored catalog: the summaries of a workspace's day as Parquet, one object for each partition that writes."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from runreel.codec import parse_time
from runreel.errors import NotFound
from runreel_consumers.archive.names import name_of
from runreel_consumers.store import Info, Store

CATALOG: Final = "catalog/"

_INSTANT = pa.timestamp("us", "UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("run", pa.string(), False),
        pa.field("workspace", pa.string(), False),
        pa.field("pipeline", pa.string(), False),
        pa.field("experiment", pa.string(), False),
        pa.field("owner", pa.string(), False),
        pa.field("state", pa.string(), False),
        pa.field("started", _INSTANT),
        pa.field("finished", _INSTANT),
        pa.field("heard", _INSTANT, False),
        pa.field("position", pa.string(), False),
        pa.field("summary", pa.string(), False),
    ]
)
"""A row a run; `summary` is JSON and holds all of it."""

_encoder = msgspec.json.Encoder(order="deterministic")


def day_of(run: str) -> str:
    """The day under which a run is kept: that of its id's clock (UUIDv7), so that it follows from the id alone.

    An id without a clock goes to one of 256 folders by its hash.
    """
    try:
        known = uuid.UUID(run)
        if known.version == 7:
            return datetime.fromtimestamp((known.int >> 80) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    return f"undated-{sha256(run.encode()).hexdigest()[:2]}"


class Day:
    """The summaries of one workspace and day that one partition writes. There is one writer: the partition's owner.

    Args:
        store: where it lies.
        workspace: the workspace.
        day: what `day_of` answers.
        writer: the name of the partition that writes.
    """

    def __init__(self, store: Store, workspace: str, day: str, writer: str) -> None:
        self._store = store
        self.key = f"{CATALOG}{name_of(workspace)}/{day}/{writer}.parquet"
        self.dirty = False
        try:
            self._rows = {row["id"]: row for row in read(store.get(self.key))}
        except NotFound:
            self._rows = {}

    def put(self, summary: dict[str, Any]) -> None:
        """Keep a run's summary in place of what was there."""
        if self._rows.get(summary["id"]) != summary:
            self._rows[summary["id"]] = summary
            self.dirty = True

    def drop(self, run: str) -> None:
        """Let go of a run."""
        self.dirty = self._rows.pop(run, None) is not None or self.dirty

    def write(self) -> None:
        """Store it where it has changed; the same summaries give the same bytes."""
        if self.dirty and self._rows:
            self._store.put(self.key, encode(list(self._rows.values())))
        elif self.dirty:
            self._store.delete([self.key])
        self.dirty = False


def encode(summaries: list[dict[str, Any]]) -> bytes:
    """Summaries as Parquet, by run."""
    summaries = sorted(summaries, key=lambda summary: str(summary["id"]))
    columns: dict[str, list[Any]] = {
        "run": [summary["id"] for summary in summaries],
        **{
            name: [summary[name] for summary in summaries]
            for name in ("workspace", "pipeline", "experiment", "owner", "state")
        },
        **{
            name: [summary[name] and parse_time(summary[name]) for summary in summaries]
            for name in ("started", "finished", "heard")
        },
        "position": [summary["position"] for summary in summaries],
        "summary": [_encoder.encode(summary).decode() for summary in summaries],
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def read(parquet: bytes) -> list[dict[str, Any]]:
    """The summaries in a day's object."""
    found = pq.read_table(pa.BufferReader(parquet), columns=["summary"])
    return [msgspec.json.decode(text) for text in found.column("summary").to_pylist()]


def days(store: Store, workspace: str | None = None) -> Iterator[Info]:
    """All day objects there are; those of one workspace, where one is given."""
    return store.list(CATALOG if workspace is None else f"{CATALOG}{name_of(workspace)}/")
