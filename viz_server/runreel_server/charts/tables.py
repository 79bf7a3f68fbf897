"""A series as a table: all of its points, for programs that read CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .columns import Stamp
from .slices import plain
from .stored import StoredTiles
from .tiles import Tiles

HEAD: Final = "series,at,time,value\r\n"
PIECE: Final = 65_536
"""Points that are in memory for one who reads, however slowly and of however many."""

_FORMULA: Final = re.compile(r"[=+\-@\t\r]")

Points = Mapping[str, npt.NDArray[Any]]


def stored_pieces(tiles: StoredTiles) -> Iterator[Points]:
    """All points in the order of their stamps, some at a time, as columns `at`, `time` (µs since 1970) and `value`.

    Raises:
        NotFound: the stored objects were removed meanwhile: newer ones are there.
    """
    count = len(tiles)
    for first in range(0, count, PIECE):
        yield tiles.points(first, min(first + PIECE, count))


def live_pieces(tiles: Tiles, lock: Lock) -> Iterator[Points]:
    """The same of a series that grows: all that was there at the begin, each point once.

    A late point moves the ranks of those after it, so that a reader's place is the stamp of the last point that it got.
    """
    with lock:
        columns = tiles.columns
        last = columns.stamp(len(columns) - 1) if len(columns) else None
    told: Stamp | None = None
    while last is not None and told != last:
        with lock:
            columns = tiles.columns
            first = 0 if told is None else columns.after(told)
            end = min(first + PIECE, columns.after(last))
            points = {name: getattr(columns, name)[first:end].copy() for name in ("at", "time", "value")}
            told = columns.stamp(end - 1)
        yield points


def csv_rows(name: str, points: Points) -> str:
    """Points as lines of CSV (RFC 4180) under `HEAD`; times in ISO 8601, UTC, to the microsecond.

    A name that a spreadsheet would take for a formula has an apostrophe before it.
    """
    text = f"'{name}" if _FORMULA.match(name) else name
    cell = '"' + text.replace('"', '""') + '"'
    times = np.datetime_as_string(points["time"].astype("datetime64[us]"), timezone="UTC").tolist()
    rows = zip(plain(points["at"]), times, plain(points["value"]), strict=True)
    return "".join(f"{cell},{_said(at)},{time},{_said(value)}\r\n" for at, time, value in rows)


def _said(number: float | str) -> str:
    """Whole numbers without a point, as JavaScript writes them."""
    return str(int(number)) if isinstance(number, float) and number.is_integer() and abs(number) < 1e16 else str(number)
