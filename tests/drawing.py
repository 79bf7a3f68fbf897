"""What a chart draws, point by point: series of tests, and the picture of a polyline in pixel columns."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from runreel_server.charts import Axis, Slice

VALUES = st.one_of(
    st.integers(-5, 5).map(float), st.sampled_from([math.nan, math.inf, -math.inf]), st.floats(-1e6, 1e6, width=32)
)


class Point(NamedTuple):
    """A point as the tests hold it, in the order of stamps."""

    time: int
    session: int
    seq: int
    row: int
    at: float
    value: float


@st.composite
def batches(draw: st.DrawFn) -> list[list[Point]]:
    """Batches of one or two sessions, in any order of arrival, with ties of time, late ones and gaps."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12))
    repeating = draw(st.booleans())
    spread = draw(st.sampled_from([1, 3, 30]))
    made, at = [], 0
    for seq, size in enumerate(sizes):
        moment = draw(st.integers(0, 50)) if spread == 30 else 5 * seq
        steps = draw(st.lists(st.integers(0, spread), min_size=size, max_size=size))
        values = draw(st.lists(VALUES, min_size=size, max_size=size))
        times = np.cumsum(steps) + moment
        made.append(
            [Point(int(times[i]), seq % 2, seq, i, (i if repeating else at + i), values[i]) for i in range(size)]
        )
        at += size
    return draw(st.permutations(made))


def all_in_order(points: list[Point], x: Axis) -> list[Point]:
    return sorted(points, key=(lambda p: (p.at, *p[:4])) if x == "at" else (lambda p: p[:4]))


def place(point: Point, x: Axis) -> float:
    return point.at if x == "at" else point.time


def picture(points: list[tuple[float, float]], edges: list[float]) -> dict[int, Any]:
    """What a polyline marks in each pixel column: its first and last value there, and the stretches that it covers."""
    drawn: dict[int, list[list[float]]] = {}
    ends: dict[int, tuple[float, float]] = {}
    previous: tuple[int, float] | None = None
    for where, value in points:
        column = min(bisect_right(edges, where) - 1, len(edges) - 2) if edges[0] <= where <= edges[-1] else -1
        if not math.isfinite(value):
            previous = None
            continue
        if column >= 0:
            stretches = drawn.setdefault(column, [])
            if previous is not None and previous[0] == column:
                stretches[-1].append(value)
            else:
                stretches.append([value])
            ends[column] = (ends.get(column, (value, value))[0], value)
        previous = (column, value)
    return {k: (ends[k], sorted({(min(s), max(s)) for s in parts})) for k, parts in drawn.items()}


def answered(view: Slice, x: Axis) -> list[tuple[float, float]]:
    return list(zip((view.at if x == "at" else view.time).tolist(), view.value.tolist(), strict=True))
