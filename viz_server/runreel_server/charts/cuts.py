"""What is asked of a series, and what is answered, wherever its points lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from runreel_consumers.m4 import Floats, Integers

from .axes import AXES, Axis


class View(msgspec.Struct, frozen=True):
    """What of a series is wanted: the axis, its edges, pixels, and the moment after which nothing is there (µs)."""

    x: Axis = "at"
    start: float | None = None
    stop: float | None = None
    width: int = 800
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A view of a series: the points that draw the line of all points, in the order of x.

    `time` is µs since 1970. `count` is how many points are in view, `nonfinite` how many of them are NaN or infinite,
    `bucketed` whether points were left out. The nearest point on either side of the view comes with it, uncounted, so
    that the line reaches the edges.
    """

    at: Floats
    time: Integers
    value: Floats
    bucketed: bool
    count: int
    nonfinite: int


def edges_of(
    x: Axis,
    start: float | None,
    stop: float | None,
    width: int,
    *,
    limits: tuple[float, float],
    origin: int | None,
) -> tuple[float, float]:
    """The least and the greatest x of a view: an index, or µs since 1970.

    Args:
        x: the axis, which says what `start` and `stop` are.
        start: None: the first point.
        stop: None: the last point.
        width: pixels.
        limits: x of the first and the last point.
        origin: from when `elapsed` counts, µs since 1970; None: from the first point.

    Raises:
        ValueError: an unknown axis, a width below 1, or an edge that is not finite.
    """
    if x not in AXES:
        raise ValueError(f"x is {x!r}: give one of {', '.join(AXES)}")
    if width < 1:
        raise ValueError(f"width is {width}: give the number of pixels, 1 or more")
    for name, edge in (("from", start), ("to", stop)):
        if edge is not None and not math.isfinite(edge):
            raise ValueError(f"{name} is {edge}: give a finite number, or leave it out")
    low, high = limits
    if x == "elapsed":
        zero = low if origin is None else origin
        start = None if start is None else zero + start * 1e6
        stop = None if stop is None else zero + stop * 1e6
    return (low if start is None else start), (high if stop is None else stop)
