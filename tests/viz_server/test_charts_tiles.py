"""Tiles: whatever the view, the answer draws the line of all points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawing import Point, all_in_order, answered, batches, picture, place
from runreel_server.charts import Axis, Tiles


def fill(tiles: Tiles, points: list[Point]) -> None:
    columns = {name: [getattr(point, name) for point in points] for name in Point._fields}
    tiles.append(**columns)


def edges_of(start: float, stop: float, width: int) -> list[float]:
    return [start, *(start + (stop - start) * k / width for k in range(1, width)), stop]


@settings(max_examples=300, deadline=None)
@given(
    batches(),
    st.sampled_from(["at", "time"]),
    st.integers(1, 9),
    st.tuples(st.integers(-2, 60), st.integers(0, 60)),
    st.one_of(st.none(), st.integers(0, 120)),
    st.booleans(),
)
def test_every_pixel_column_is_that_of_all_points(
    arrived: list[list[Point]], x: Axis, width: int, view: tuple[int, int], until: int | None, between: bool
) -> None:
    """First, least, greatest and last of each pixel column, and the breaks in it, equal those of brute force."""
    tiles = Tiles()
    for batch in arrived:
        fill(tiles, batch)
        if between:  # an answer in between must not disturb what comes late
            tiles.slice(x, width=width)
    start, stop = view[0], view[0] + view[1]
    points = [p for p in all_in_order([p for b in arrived for p in b], x) if until is None or p.time <= until]
    inside = [p for p in points if start <= place(p, x) <= stop]

    got = tiles.slice(x, start, stop, width, until=until)

    assert got.count == len(inside)
    assert got.nonfinite == sum(not math.isfinite(p.value) for p in inside)
    expected = picture([(place(p, x), p.value) for p in points], edges_of(start, stop, width))
    drawn = picture(answered(got, x), edges_of(start, stop, width))
    if got.nonfinite <= width:
        assert drawn == expected
    else:  # more breaks than pixels: the ends and the extent still hold, and the number of breaks is told
        assert {k: (min(s[1])[0], max(b for _, b in s[1])) for k, s in drawn.items()} == {
            k: (min(s[1])[0], max(b for _, b in s[1])) for k, s in expected.items()
        }
    assert len(got.value) <= 8 * (width + got.nonfinite) + 2


@settings(max_examples=60, deadline=None)
@given(batches(), st.sampled_from(["at", "time"]))
def test_the_line_reaches_the_edges_of_the_view(arrived: list[list[Point]], x: Axis) -> None:
    """The nearest point on either side comes with the view, so that segments across the edge are drawn."""
    tiles = Tiles()
    for batch in arrived:
        fill(tiles, batch)
    points = all_in_order([p for b in arrived for p in b], x)
    middle = place(points[len(points) // 2], x)
    before = [p for p in points if place(p, x) < middle]
    after = [p for p in points if place(p, x) > middle]

    got = answered(tiles.slice(x, middle, middle, 3), x)

    if before:
        assert got[0][0] == place(before[-1], x)
    if after:
        assert got[-1][0] == place(after[0], x)


@pytest.mark.parametrize("x", ["at", "time"])
@pytest.mark.parametrize("width", [1, 7, 64])
def test_edges_of_pixel_columns_are_exact(x: Axis, width: int) -> None:
    """Many points a unit of x, so that a column's edge taken wrongly by one shows at once."""
    rng = np.random.default_rng(width)
    place_of = np.repeat(np.arange(200), 30)
    value = rng.normal(size=len(place_of))
    tiles = Tiles()
    tiles.append(place_of, place_of, value)
    points = list(zip(place_of.tolist(), value.tolist(), strict=True))
    edges = edges_of(11, 190, width)

    got = tiles.slice(x, 11, 190, width)

    assert got.bucketed
    drawn = answered(got, x)
    assert picture(drawn, edges) == picture(points, edges)
    assert drawn[0] == points[11 * 30 - 1]
    assert drawn[-1] == points[191 * 30]


def test_a_cut_is_exact_where_time_does_not_rise_with_the_index() -> None:
    """Four workers share the indices, and one of them is late: the cut takes each point by its own time."""
    rng = np.random.default_rng(3)
    size = 40_000
    at = np.arange(size)
    time = at * 10 + rng.integers(0, 5_000, size)
    time[7] = 10**9
    value = rng.normal(size=size)
    value[::997] = np.nan
    tiles = Tiles()
    tiles.append(at, time, value)
    width, until = 100, 200_000
    keep = time <= until

    got = tiles.slice("at", 0, size - 1, width, until=until)

    assert got.count == keep.sum()
    assert got.bucketed
    assert len(got.value) < 3_000
    edges = edges_of(0, size - 1, width)
    expected = picture(list(zip(at[keep].tolist(), value[keep].tolist(), strict=True)), edges)
    assert picture(answered(got, "at"), edges) == expected


def test_many_breaks_cost_pixels_and_are_counted() -> None:
    """A series of which every second point is NaN still answers at the cost of the width."""
    value = np.arange(100_000, dtype=float)
    value[1::2] = np.nan
    tiles = Tiles()
    tiles.append(np.arange(len(value)), np.arange(len(value)), value)

    got = tiles.slice("time", width=200)

    assert got.nonfinite == 50_000
    assert len(got.value) <= 14 * 200
    assert np.isnan(got.value).sum() >= 200
    assert np.nanmin(got.value) == 0
    assert np.nanmax(got.value) == 99_998


def test_few_points_come_whole() -> None:
    tiles = Tiles()
    tiles.append([0, 1, 2], [10, 20, 30], [1.0, math.nan, 3.0])

    got = tiles.slice("time", width=100)

    assert not got.bucketed
    assert got.time.tolist() == [10, 20, 30]
    assert tiles.slice("time", width=100, until=29).time.tolist() == [10, 20]


def test_before_its_first_point_a_series_is_empty() -> None:
    tiles = Tiles()
    tiles.append([0, 1, 2], [10, 20, 30], [1.0, 2.0, 3.0])

    assert len(tiles.slice("at", 1, 2, 10, until=9).value) == 0
    assert len(tiles.slice("time", 20, 30, 10, until=9).value) == 0


def test_elapsed_counts_seconds_from_the_origin() -> None:
    tiles = Tiles()
    tiles.append([0, 1, 2], [5_000_000, 6_000_000, 7_000_000], [1.0, 2.0, 3.0])

    assert tiles.slice("elapsed", 2, 2, 10, origin=4_000_000).value.tolist() == [1.0, 2.0, 3.0]
    assert tiles.slice("elapsed", 2, 2, 10, origin=4_000_000).count == 1


def test_an_empty_series_answers_nothing() -> None:
    got = Tiles().slice("at", 0, 10, 100, until=3)

    assert (len(got.value), got.count, got.bucketed) == (0, 0, False)


def test_a_point_without_a_finite_index_has_no_place_on_that_axis() -> None:
    tiles = Tiles()
    tiles.append([math.nan, 1, math.inf, 0], [1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0])

    assert tiles.slice("at").at.tolist() == [0, 1]
    assert tiles.slice("time").count == 4
    assert tiles.indices_repeat()


@pytest.mark.parametrize(
    ("at", "repeats"),
    [([0, 1, 2, 3], False), ([0, 1, 0, 1], True), ([3, 1, 2, 0], False), ([0, 1, 1, 2], True)],
)
def test_it_is_told_where_indices_repeat(at: list[int], repeats: bool) -> None:
    tiles = Tiles()
    assert not tiles.indices_repeat()
    for order, index in enumerate(at):
        tiles.append([index], [order], [0.0], session=order // 2, seq=order % 2)

    assert tiles.indices_repeat() == repeats


@pytest.mark.parametrize(
    ("change", "told"),
    [({"x": "wall"}, "x is 'wall'"), ({"width": 0}, "width is 0"), ({"start": math.nan}, "from is nan")],
)
def test_a_wrong_view_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Tiles().slice(**change)
