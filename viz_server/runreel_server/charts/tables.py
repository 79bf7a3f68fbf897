"""A series as a table: all of its points, for programs that read CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .slices import plain
from .stored import StoredTiles
from .tiles import Tiles

HEAD: Final = "series,at,time,value\r\n"
PIECE: Final = 65_536
"""Points that are in memory for one who reads."""

_FORMULA: Final = re.compile(r"[=+\-@\t\r]")

Points = Mapping[str, npt.NDArray[Any]]


def pieces(tiles: Tiles | StoredTiles) -> Iterator[Points]:
    """All points in the order of their stamps, some at a time, as columns `at`, `time` (µs since 1970) and `value`.

    Raises:
        NotFound: the stored objects were removed meanwhile: newer ones are there.
    """
    count = len(tiles)
    for first in range(0, count, PIECE):
        yield tiles.points(first, min(first + PIECE, count))


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
