"""The points of series as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runreel.codec import check_columns, read_one, real
from runreel.errors import CodecError
from runreel.events import Metrics, Number

Key = tuple[str | None, str]
"""A series: the execution that said it (None: the run itself) and its name."""


class PointColumns(msgspec.Struct):
    """The points of one series, ordered by stamp (time, session, seq, row). All arrays have the same length.

    Attributes:
        at: the index of each point, float64; where none was said, its number within its session.
        time: microseconds since 1970, int64.
        value: float64; what is "no value" is NaN here and False in `valid`.
        valid: whether there is a value, bool.
        session: which of `sessions` said it, int32.
        seq: the seq of its event, int64.
        row: its row within that event, int32.
        sessions: the sessions' ids.
    """

    at: npt.NDArray[np.float64]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    valid: npt.NDArray[np.bool_]
    session: npt.NDArray[np.int32]
    seq: npt.NDArray[np.int64]
    row: npt.NDArray[np.int32]
    sessions: list[str]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, chosen: npt.NDArray[Any]) -> PointColumns:
        """The points at `chosen`: numbers or a mask."""
        return PointColumns(
            at=self.at[chosen],
            time=self.time[chosen],
            value=self.value[chosen],
            valid=self.valid[chosen],
            session=self.session[chosen],
            seq=self.seq[chosen],
            row=self.row[chosen],
            sessions=self.sessions,
        )


COLUMNS = ("execution", "name", "session", "seq", "data")
"""The log's columns that `collect` needs."""

_decoder = msgspec.json.Decoder(Metrics)


class _Series:
    """What one series has gathered so far."""

    def __init__(self) -> None:
        self.at: list[npt.NDArray[np.float64]] = []
        self.time: list[npt.NDArray[np.int64]] = []
        self.value: list[npt.NDArray[np.float64]] = []
        self.valid: list[npt.NDArray[np.bool_]] = []
        self.session: list[int] = []
        self.seq: list[int] = []

    def add(self, said: Metrics, session: int, seq: int) -> None:
        value, valid = _numbers(said.value)
        self.value.append(value)
        self.valid.append(valid)
        self.time.append(np.array(said.time, np.int64))
        self.at.append(np.full(len(said.time), np.nan) if said.at is None else _numbers(said.at)[0])
        self.session.append(session)
        self.seq.append(seq)

    def columns(self, sessions: list[str]) -> PointColumns:
        counts = [len(time) for time in self.time]
        rows = [np.arange(count, dtype=np.int32) for count in counts]
        return PointColumns(
            at=np.concatenate(self.at),
            time=np.concatenate(self.time),
            value=np.concatenate(self.value),
            valid=np.concatenate(self.valid),
            session=np.repeat(np.array(self.session, np.int32), counts),
            seq=np.repeat(np.array(self.seq, np.int64), counts),
            row=np.concatenate(rows),
            sessions=sessions,
        )


def collect(tables: Iterable[pa.Table], keys: Iterable[Key] | None = None) -> dict[Key, PointColumns]:
    """The points of `keys` (None: of all series) in metrics rows with `COLUMNS`, each event given once.

    They are as they come, with NaN for an index that was not said, until `finish`.
    """
    wanted = None if keys is None else set(keys)
    series: dict[Key, _Series] = {}
    sessions: dict[str, int] = {}
    for found in tables:
        columns = (found.column(name).to_pylist() for name in COLUMNS)
        for execution, name, session, seq, data in zip(*columns, strict=True):
            key = (execution, name)
            if name is None or (wanted is not None and key not in wanted):
                continue
            try:
                said = _decoder.decode(data)
                check_columns(said)
            except (msgspec.DecodeError, CodecError):
                continue  # kept as said, but no points
            series.setdefault(key, _Series()).add(said, sessions.setdefault(session, len(sessions)), seq)
    names = list(sessions)
    return {key: gathered.columns(names) for key, gathered in series.items()}


def finish(parts: Sequence[PointColumns], offsets: Mapping[str, int]) -> PointColumns:
    """The points of one series from several places, each given once: indices counted, in the order of their stamps.

    Args:
        parts: the points.
        offsets: clock offsets by session, microseconds; times are corrected by them.
    """
    sessions: dict[str, int] = {}
    codes = []
    for part in parts:
        names = [sessions.setdefault(name, len(sessions)) for name in part.sessions]
        codes.append(np.array(names, np.int32)[part.session] if names else part.session)
    whole = PointColumns(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("at", "time", "value", "valid", "seq", "row")
        },
        session=np.concatenate(codes),
        sessions=list(sessions),
    )
    count(whole)
    if offsets:
        whole.time += np.array([offsets.get(name, 0) for name in whole.sessions], np.int64)[whole.session]
    return whole.take(stamps(whole))


def stamps(found: PointColumns) -> npt.NDArray[np.int64]:
    """The order of points by stamp: time, then session's id, seq, row."""
    rank = np.empty(len(found.sessions), np.int32)
    rank[np.argsort(np.array(found.sessions, dtype=object))] = np.arange(len(found.sessions), dtype=np.int32)
    return np.lexsort((found.row, found.seq, rank[found.session], found.time))


def count(found: PointColumns) -> None:
    """Give points without an index their number among such points of their session."""
    implicit = np.flatnonzero(np.isnan(found.at))
    if not len(implicit):
        return
    order = implicit[np.lexsort((found.row[implicit], found.seq[implicit], found.session[implicit]))]
    sessions = found.session[order]
    starts = np.flatnonzero(np.append(True, sessions[1:] != sessions[:-1]))
    counts = np.diff(np.append(starts, len(order)))
    found.at[order] = np.arange(len(order)) - np.repeat(starts, counts)


def _numbers(said: list[Number]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    try:
        if None not in said:
            return np.array(said, np.float64), np.ones(len(said), np.bool_)
    except (ValueError, OverflowError):
        pass
    valid = np.array([read_one(number) is not None for number in said], np.bool_)
    return np.array([real(number) for number in said], np.float64), valid
