"""The columns of the log: events to Arrow and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runreel.events import HEARTBEAT, LOGS, METRICS, PROGRESS, Event, Micros
from runreel_consumers.archive.positions import Position

KINDS: Final = {HEARTBEAT: 1, PROGRESS: 2, METRICS: 3, LOGS: 4}
"""What a row is beside structure (0): a run's rows lie in this order in a segment."""

STRUCTURE: Final = 0

_INSTANT = pa.timestamp("us", "UTC")

SCHEMA: Final = pa.schema(
    [
        pa.field("run", pa.string(), False),
        pa.field("kind", pa.int8(), False),
        pa.field("type", pa.string(), False),
        pa.field("time", _INSTANT, False),
        pa.field("workspace", pa.string(), False),
        pa.field("session", pa.string()),
        pa.field("seq", pa.int32()),
        pa.field("subject", pa.string()),
        pa.field("execution", pa.string()),
        pa.field("final", pa.bool_(), False),
        pa.field("id", pa.string(), False),
        pa.field("source", pa.string(), False),
        pa.field("extra", pa.string()),
        pa.field("data", pa.string(), False),
        pa.field("name", pa.string()),
        pa.field("rows", pa.int32(), False),
        pa.field("since", _INSTANT),
        pa.field("received", _INSTANT, False),
        pa.field("epoch", pa.int32(), False),
        pa.field("partition", pa.int32(), False),
        pa.field("offset", pa.int64(), False),
    ]
)
"""A segment's columns. `name`, `rows` and `since` are read from a stream's data: the series, how many points or lines,
the time of the first of them. `extra` is JSON: the envelope's attributes that runreel does not know."""


class Row(msgspec.Struct, frozen=True):
    """An event of the archive: with when the broker received it (microseconds since 1970) and where it lies."""

    event: Event
    received: int
    position: Position


class _Streamed(msgspec.Struct):
    time: list[Micros]
    name: str | None = None


_streamed = msgspec.json.Decoder(_Streamed)
_encoder = msgspec.json.Encoder(order="deterministic")


def table(
    events: Sequence[Event], received: Sequence[int], offsets: Sequence[int], epoch: int, partition: int
) -> pa.Table:
    """The rows of one partition, as they come.

    Args:
        events: the events.
        received: when the broker received each, microseconds since 1970.
        offsets: the offset of each.
        epoch: their epoch's ordinal.
        partition: their partition.

    Raises:
        UnicodeDecodeError: an event's data are not UTF-8, so no JSON.
    """
    count = len(events)
    kinds = [KINDS.get(event.type, STRUCTURE) for event in events]
    names: list[str | None] = [None] * count
    rows = [0] * count
    since: list[int | None] = [None] * count
    for i, kind in enumerate(kinds):
        if kind > 1:
            try:
                said = _streamed.decode(events[i].data)
            except msgspec.DecodeError:
                continue  # data that are not what their type says are kept as said; nothing can be counted in them
            names[i], rows[i] = said.name, len(said.time)
            since[i] = min(said.time, default=None)
    columns = {
        "run": [event.run for event in events],
        "kind": kinds,
        "type": [event.type for event in events],
        "time": [event.time for event in events],
        "workspace": [event.workspace for event in events],
        "session": [event.session for event in events],
        "seq": [event.seq for event in events],
        "subject": [event.subject for event in events],
        "execution": [event.execution for event in events],
        "final": [event.final for event in events],
        "id": [event.id for event in events],
        "source": [event.source for event in events],
        "extra": [event.extra and _encoder.encode(event.extra).decode() for event in events],
        "data": [event.data for event in events],
        "name": names,
        "rows": rows,
        "since": since,
        "received": received,
        "epoch": pa.repeat(pa.scalar(epoch, pa.int32()), count),
        "partition": pa.repeat(pa.scalar(partition, pa.int32()), count),
        "offset": offsets,
    }
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for field, column in zip(SCHEMA, columns.values(), strict=True)
    ]
    return pa.table(arrays, schema=SCHEMA)


def rows_of(found: pa.Table) -> list[Row]:
    """The rows of a table with all of the log's columns."""
    places = map(Position, *(values(found, name) for name in ("epoch", "partition", "offset")))
    return list(map(Row, events_of(found), values(found, "received"), places))


def events_of(found: pa.Table) -> list[Event]:
    """The events of such a table."""
    return list(map(_event, *(values(found, name) for name in _READ)))


_READ: Final = (
    "type", "run", "time", "id", "source", "workspace", "session", "seq", "subject", "execution", "final", "data",
    "extra",
)  # fmt: skip


def _event(
    type_: str,
    run: str,
    time: int,
    id_: str,
    source: str,
    workspace: str,
    session: str | None,
    seq: int | None,
    subject: str | None,
    execution: str | None,
    final: bool,
    data: bytes,
    extra: str | None,
) -> Event:
    return Event(
        type=type_,
        run=run,
        time=time,
        id=id_,
        source=source,
        workspace=workspace,
        session=session,
        seq=seq,
        subject=subject,
        execution=execution,
        final=final,
        data=data,
        extra=None if extra is None else msgspec.json.decode(extra),
    )


def values(found: pa.Table, name: str) -> list[Any]:
    """One column as Python values; instants as integers, microseconds since 1970, and an event's data as bytes."""
    column = found.column(name)
    if name in _RECURRING:
        return _recurring(column)
    if name == "data":
        column = column.cast(pa.binary())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if not column.null_count or pa.types.is_string(column.type):
        plain: list[Any] = column.to_numpy().tolist()
        return plain
    filled: list[Any] = pc.fill_null(column, 0).to_numpy().tolist()
    for row in np.flatnonzero(column.is_null().to_numpy()).tolist():
        filled[row] = None
    return filled


_RECURRING: Final = frozenset({"type", "run", "source", "workspace", "session", "subject", "execution"})
"""What many rows have in common: they share one object of it."""


def _recurring(column: pa.ChunkedArray) -> list[Any]:
    encoded = pc.dictionary_encode(column.combine_chunks())
    names = [*encoded.dictionary.to_pylist(), None]
    codes = encoded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False).tolist()
    return list(map(names.__getitem__, codes))
