"""When things happened in a run: times as columns, to be counted in buckets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runreel.state.tally import ERRORS

Of = Literal["events", "lines", "errors"]
"""What is counted: events (a batch once), log lines, or those of them that are errors."""

COLUMNS = ("time", "subject", "session", "data")
"""The log's columns that `of_lines` needs."""


class Moments(msgspec.Struct):
    """When something happened, ascending, and in which step.

    Attributes:
        time: microseconds since 1970, int64.
        step: which of `steps`, int32.
        steps: paths; the run's own is empty.
    """

    time: npt.NDArray[np.int64]
    step: npt.NDArray[np.int32]
    steps: list[str]

    def counts(self, start: int, end: int, width: int, steps: Iterable[str] | None = None) -> npt.NDArray[np.int64]:
        """How many lie in each of `width` equal buckets of time from `start` to `end`, both included.

        Args:
            start: microseconds since 1970.
            end: the same; at least `start`.
            width: how many buckets.
            steps: only these steps and what lies in them; None: all.
        """
        time = self.time
        if steps is not None:
            wanted = tuple(steps)
            inside = [any(path == one or path.startswith(f"{one}/") for one in wanted) for path in self.steps]
            time = time[np.array(inside, np.bool_)[self.step]]
        time = time[(time >= start) & (time <= end)]
        buckets = np.minimum((time - start) * width // max(end - start, 1), width - 1)
        counted: npt.NDArray[np.int64] = np.bincount(buckets, minlength=width)
        return counted


class _Said(msgspec.Struct):
    time: list[int]
    level: list[str]


_decoder = msgspec.json.Decoder(_Said)


class Gathering:
    """Gathers moments from several places.

    Args:
        offsets: clock offsets by session, microseconds: times are corrected by them.
    """

    def __init__(self, offsets: Mapping[str, int]) -> None:
        self._offsets = offsets
        self._steps: dict[str, int] = {}
        self._time: list[npt.NDArray[np.int64]] = []
        self._step: list[npt.NDArray[np.int32]] = []

    def of_rows(self, found: pa.Table) -> None:
        """Take rows with `time`, `subject` and `session`, each once."""
        times = found.column("time").cast(pa.int64()).to_numpy().copy()
        if self._offsets:
            times += np.array(
                [self._offsets.get(sid or "", 0) for sid in found.column("session").to_pylist()], np.int64
            )
        self._time.append(times)
        self._step.append(np.array([self._code(path) for path in found.column("subject").to_pylist()], np.int32))

    def of_lines(self, found: pa.Table, of: Of) -> None:
        """Take the lines in log events with `COLUMNS`."""
        columns = (found.column(name).to_pylist() for name in COLUMNS[1:])
        for subject, session, data in zip(*columns, strict=True):
            try:
                said = _decoder.decode(data)
            except msgspec.DecodeError:
                continue
            times = said.time
            if of == "errors":
                times = [when for when, level in zip(times, said.level, strict=False) if level.upper() in ERRORS]
            self._time.append(np.array(times, np.int64) + self._offsets.get(session, 0))
            self._step.append(np.full(len(times), self._code(subject), np.int32))

    def moments(self) -> Moments:
        """All that was taken."""
        time = np.concatenate([np.zeros(0, np.int64), *self._time])
        order = np.argsort(time, kind="stable")
        step = np.concatenate([np.zeros(0, np.int32), *self._step])
        return Moments(time[order], step[order], list(self._steps))

    def _code(self, path: str | None) -> int:
        return self._steps.setdefault(path or "", len(self._steps))


def errors_of(found: pa.Table, of: Of) -> pa.Table:
    """Of stored lines with a `level`, those that are to be counted."""
    if of != "errors":
        return found
    levels: Sequence[str] = found.column("level").to_pylist()
    return found.filter(pa.array([level.upper() in ERRORS for level in levels], pa.bool_()))
