"""The points of one series as columns, kept in order though they come late."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from runreel_consumers.m4 import Buffer

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
Order = Literal["time", "at"]
Stamp = tuple[int, int, int, int]
"""Time, session, seq, row: what the points are ordered by."""

Batch = dict[str, npt.NDArray[Any]]

#: The columns and their types. `session` is an ordinal: where ties of time are to be broken alike everywhere, the
#: caller gives the ordinals in the order of the sessions' ids. A `seq` is below 2^31 by the contract.
FIELDS: dict[str, type[np.generic]] = {
    "at": np.float64,
    "time": np.int64,
    "value": np.float64,
    "session": np.int32,
    "seq": np.int32,
    "row": np.int32,
}
_STAMP = ("time", "session", "seq", "row")
_KEYS: dict[Order, tuple[str, ...]] = {"time": _STAMP, "at": ("at", *_STAMP)}


class Columns:
    """Points ordered by (time, session, seq, row), or by (at, time, session, seq, row); their index is called rank.

    `append` only notes a batch; `settle` puts what was noted in place, at a cost of the new points and of those that
    rank after the first of them: constant for each point that comes in order. Duplicates are the caller's to leave out,
    by (session, seq). NaN and the infinities are values like others. Not safe for threads: hold one lock a series.
    """

    def __init__(self, order: Order = "time") -> None:
        self.order: Order = order
        self._buffers: dict[str, Buffer[Any]] = {name: Buffer(kind) for name, kind in FIELDS.items()}
        self._pending: list[Batch] = []
        self._noted = 0

    def __len__(self) -> int:
        return len(self._buffers["time"]) + self._noted

    def append(
        self,
        at: npt.ArrayLike,
        time: npt.ArrayLike,
        value: npt.ArrayLike,
        *,
        session: npt.ArrayLike = 0,
        seq: npt.ArrayLike = 0,
        row: npt.ArrayLike | None = None,
    ) -> None:
        """Note a batch, in any order: `at` as said, `time` in µs since 1970, `value`; the batch is one event unless
        `session` and `seq` are columns too. `row` counts within the batch if it is not given.

        Raises:
            ValueError: the columns differ in length.
        """
        size = len(np.atleast_1d(np.asarray(time)))
        given = {"at": at, "time": time, "value": value, "session": session, "seq": seq}
        given["row"] = np.arange(size) if row is None else row
        batch = {name: np.atleast_1d(np.asarray(given[name], kind)) for name, kind in FIELDS.items()}
        for name, column in batch.items():
            if column.shape == (1,) and name in ("session", "seq"):
                batch[name] = np.broadcast_to(column, (size,))
            elif column.shape != (size,):
                raise ValueError(f"{name} has the shape {column.shape}, time {(size,)}: give columns of one length")
        if size:
            self._pending.append(batch)
            self._noted += size

    def settle(self) -> int:
        """Put the noted points in place. Answers the lowest rank that changed, or the number of points if none did."""
        size = len(self._buffers["time"])
        if not self._pending:
            return size
        parts = self._pending
        batch = (
            parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in FIELDS}
        )
        self._pending.clear()
        self._noted = 0
        batch = _ordered(batch, self.order)
        held = {name: buffer.array for name, buffer in self._buffers.items()}
        start = size
        if size and not self._follows(held, batch):
            lead = _KEYS[self.order][0]
            start = int(np.searchsorted(held[lead], batch[lead][0], side="left"))
            batch = {name: np.concatenate((column[start:], batch[name])) for name, column in held.items()}
            batch = _ordered(batch, self.order)
        for name, buffer in self._buffers.items():
            buffer.truncate(start)
            buffer.extend(batch[name])
        return start

    def table(self) -> Batch:
        """All columns by name, in order: views, valid until the next `settle`."""
        self.settle()
        return {name: buffer.array for name, buffer in self._buffers.items()}

    def stamp(self, rank: int) -> Stamp:
        """The stamp of a settled point."""
        time, session, seq, row = (int(self._buffers[name].array[rank]) for name in _STAMP)
        return time, session, seq, row

    def after(self, stamp: Stamp) -> int:
        """The rank of the first settled point that is stamped later, in the order of time."""
        start, end = 0, len(self._buffers["time"])
        for name, part in zip(_STAMP, stamp, strict=True):
            column = self._buffers[name].array[start:end]
            end = start + int(np.searchsorted(column, part, side="right"))
            start += int(np.searchsorted(column, part, side="left"))
        return end

    @property
    def at(self) -> Floats:
        """The indices of the settled points, in order."""
        return self._buffers["at"].array

    @property
    def time(self) -> Integers:
        """The times of the settled points, µs since 1970, in order."""
        return self._buffers["time"].array

    @property
    def value(self) -> Floats:
        """The values of the settled points, in order."""
        return self._buffers["value"].array

    def _follows(self, held: Batch, batch: Batch) -> bool:
        """Whether a sorted batch ranks after all that is held: the common case, which costs nothing."""
        for name in _KEYS[self.order]:
            last, first = held[name][-1], batch[name][0]
            if first != last:  # a NaN differs from all: the merge below puts it in place
                return bool(first > last)
        return True


def _ordered(batch: Batch, order: Order) -> Batch:
    """The batch, sorted. What is in order is left alone, sorted stretches are merged in linear time, ties cost more."""
    lead, *rest = _KEYS[order]
    if _in_order(batch, order):
        return batch
    permutation: Integers = np.argsort(batch[lead], kind="stable")
    column = batch[lead][permutation]
    tied = (column[1:] == column[:-1]) | ((column[1:] != column[1:]) & (column[:-1] != column[:-1]))
    if tied.any():
        among = np.zeros(len(column), np.bool_)
        among[1:] |= tied
        among[:-1] |= tied
        ranks = np.flatnonzero(among)
        group = np.cumsum(np.concatenate(([True], ~tied)))[ranks]
        chosen = permutation[ranks]
        permutation[ranks] = chosen[np.lexsort([*(batch[name][chosen] for name in reversed(rest)), group])]
    return {name: column[permutation] for name, column in batch.items()}


def _in_order(batch: Batch, order: Order) -> bool:
    """Whether each point of a batch follows the one before it; a NaN follows nothing."""
    tied = np.arange(1, len(batch["time"]))
    for name in _KEYS[order]:
        first, second = batch[name][tied - 1], batch[name][tied]
        same = first == second
        if not ((first < second) | same).all():
            return False
        tied = tied[same]
    return True
