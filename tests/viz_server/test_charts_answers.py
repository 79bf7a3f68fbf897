"""What charts say to others: the API's columns, a delta's points, densities, Plotly figures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel_server.charts import Tiles, density, m4, series_json

VALUES = st.one_of(st.integers(-9, 9).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))


def test_series_json_writes_non_finite_numbers_as_the_contract_does() -> None:
    tiles = Tiles()
    tiles.append([0, 1, 2, 3], [1, 2, 3, 4], [0.5, math.nan, math.inf, -math.inf])

    answer = series_json(tiles, "at", width=100)

    assert answer == {
        "at": [0, 1, 2, 3],
        "time": [1, 2, 3, 4],
        "value": [0.5, "NaN", "Infinity", "-Infinity"],
        "bucketed": False,
        "count": 4,
        "nonfinite": 3,
    }
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_series_json_of_many_points_is_of_the_size_of_the_view() -> None:
    tiles = Tiles()
    tiles.append(np.arange(100_000), np.arange(100_000), np.sin(np.arange(100_000)))

    answer = series_json(tiles, "time", width=50, until=49_999)

    assert answer["bucketed"]
    assert answer["count"] == 50_000
    assert len(answer["value"]) <= 200
    assert answer["time"][-1] == 49_999


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), VALUES), max_size=200), st.integers(5, 60))
def test_a_delta_has_at_most_n_points_and_keeps_extremes_and_ends(points: list[tuple[int, float]], n: int) -> None:
    points.sort(key=lambda point: point[0])
    times, values = [time for time, _ in points], [value for _, value in points]

    at, time, value = m4(range(len(points)), times, values, n)

    assert len(value) <= max(n, 0)
    for index, moment, number in zip(at, time, value, strict=True):
        assert moment == times[int(index)]
        assert number == values[int(index)] or math.isnan(number)
    finite = [number for number in values if math.isfinite(number)]
    if finite:
        assert {min(finite), max(finite)} <= set(value.tolist())
    if points:
        assert (at[0], at[-1]) == (0, len(points) - 1)
    assert bool(finite) == bool(np.isfinite(value).any())
    assert (len(finite) < len(values)) == bool((~np.isfinite(value)).any())


def test_a_delta_needs_room_for_a_span_and_its_gap() -> None:
    with pytest.raises(ValueError, match="n is 4"):
        m4([], [], [], 4)
    with pytest.raises(ValueError, match="2, 1 and 1 points"):
        m4([0, 1], [0], [0.0])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-5, 105)), st.integers(1, 40), st.integers(0, 100))
def test_density_counts_each_time_once(times: list[int], width: int, stop: int) -> None:
    counts = density(times, 0, stop, width)

    assert len(counts) == width
    assert counts.sum() == sum(0 <= time <= stop for time in times)
    for bucket, count in enumerate(counts):
        low, high = stop * bucket / width, stop * (bucket + 1) / width
        last = bucket == width - 1
        assert count == sum(low <= time < high or (last and low <= time <= stop) for time in times)


def test_density_refuses_what_is_no_span() -> None:
    with pytest.raises(ValueError, match="to is 1, before from, 2"):
        density([], 2, 1, 10)
    with pytest.raises(ValueError, match="width is 0"):
        density([], 0, 1, 0)
