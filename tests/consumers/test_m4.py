"""Levels of a series: thinned cells, coarser and coarser, each as if it were made from all points."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel_consumers import m4
from runreel_consumers.m4.thinning import THINNED

VALUES = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))
SERIES = st.lists(st.tuples(st.integers(-40, 300), VALUES), min_size=1, max_size=120)


def by_hand(x: list[float], value: list[float], cell: int) -> set[int]:
    """First, least, greatest and last of each cell, and of each stretch between its first and last broken point."""
    kept = set()
    cells: dict[int, list[int]] = {}
    for rank, where in enumerate(x):
        cells.setdefault(math.floor(where / 2.0**cell), []).append(rank)
    for ranks in cells.values():
        broken = [rank for rank in ranks if not math.isfinite(value[rank])]
        ends = sorted({*broken[:1], *broken[-1:]})
        kept.update(ends)
        for low, high in zip([-1, *ends], [*ends, len(x)], strict=True):
            stretch = [rank for rank in ranks if low < rank < high]
            finite = [rank for rank in stretch if math.isfinite(value[rank])]
            kept.update(stretch[:1] + stretch[-1:])
            if finite:
                kept.add(min(finite, key=lambda rank: (value[rank], rank)))
                kept.add(min(finite, key=lambda rank: (-value[rank], rank)))
    return kept


@settings(max_examples=200, deadline=None)
@given(SERIES, st.integers(-2, 6), st.booleans())
def test_a_thinned_series_is_that_of_brute_force(points: list[tuple[int, float]], cell: int, whole: bool) -> None:
    points.sort(key=lambda point: point[0])
    x = np.array([at for at, _ in points], np.int64 if whole else np.float64)
    value = np.array([number for _, number in points])
    cell = max(cell, 0) if whole else cell

    assert set(m4.thin(x, value, cell).tolist()) == by_hand(x.tolist(), value.tolist(), cell)


@settings(max_examples=200, deadline=None)
@given(SERIES, st.integers(0, 4), st.integers(0, 4))
def test_a_thinned_series_is_thinned_further_as_if_it_were_whole(
    points: list[tuple[int, float]], cell: int, more: int
) -> None:
    points.sort(key=lambda point: point[0])
    x, value = np.array([at for at, _ in points]), np.array([number for _, number in points])
    fine = m4.thin(x, value, cell)

    again = fine[m4.thin(x[fine], value[fine], cell + more)]

    assert again.tolist() == m4.thin(x, value, cell + more).tolist()


@pytest.mark.parametrize("burst", [False, True])
@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_levels_are_few_rows_coarser_and_coarser(burst: bool, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runreel_consumers.m4.thinning.COARSEST", 100)
    rng = np.random.default_rng(1)
    x = np.sort(rng.integers(0, 10**12, 50_000))
    if burst:
        x[1:-1] = 10**11 + np.arange(len(x) - 2)
    value = rng.normal(size=len(x))

    made = m4.levels(x.astype(kind), value)

    assert len(made[0][1]) <= len(x) / THINNED
    assert len(made[0][1]) > len(x) / THINNED / 16  # the finest is as fine as it may be, where the points are
    assert len(made[-1][1]) <= 100
    for (cell, ranks), (coarser, fewer) in itertools.pairwise(made):
        assert coarser == cell + 2
        assert len(fewer) < len(ranks)
        assert ranks.tolist() == m4.thin(x.astype(kind), value, cell).tolist()


@pytest.mark.parametrize("x", [[5], [0.0, 0.0], [1e300, 1e308], [1e-300, 2e-300], [-1e18, 1e18]])
def test_levels_of_strange_places_are_made(x: list[float]) -> None:
    where = np.repeat(np.array(x), 40)
    made = m4.levels(where, np.arange(len(where), dtype=float))
    assert made[-1][1][0] == 0
    assert made[-1][1][-1] == len(where) - 1
