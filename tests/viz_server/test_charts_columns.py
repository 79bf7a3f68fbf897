"""Columns: the order of points does not depend on how they came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel_consumers.m4 import Pyramid
from runreel_server.charts import FIELDS, Columns

STAMPS = st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(STAMPS, unique=True, min_size=1, max_size=60),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 3, 9]),
)
def test_order_is_by_stamp_whatever_came_first(stamps, random, size):
    """Ties of time are broken by session, seq and row; what is settled in between changes nothing."""
    came = list(stamps)
    random.shuffle(came)
    columns = Columns()
    for start in range(0, len(came), size):
        time, session, seq, row = (list(part) for part in zip(*came[start : start + size], strict=True))
        columns.append(time, time, time, session=session, seq=seq, row=row)
        if random.random() < 0.5:
            columns.settle()

    table = columns.table()

    order = list(zip(*(table[name].tolist() for name in ("time", "session", "seq", "row")), strict=True))
    assert order == sorted(stamps)


def test_the_order_by_index_breaks_ties_by_stamp():
    columns = Columns("at")
    columns.append([2, 1, 1, np.nan, 1], [5, 9, 7, 1, 7], [0, 1, 2, 3, 4], session=[0, 0, 1, 0, 0], seq=[0, 1, 0, 2, 3])

    assert columns.table()["value"].tolist() == [4, 2, 1, 0, 3]


def test_settle_tells_the_lowest_rank_that_changed():
    columns = Columns()
    columns.append([0, 1, 2], [10, 20, 30], [0, 0, 0])
    assert columns.settle() == 0
    assert columns.settle() == 3
    columns.append([3], [40], [0], seq=1)
    assert columns.settle() == 3
    columns.append([4], [20], [0], seq=2)
    assert columns.settle() == 1
    assert columns.time.tolist() == [10, 20, 20, 30, 40]


def test_a_batch_of_one_event_needs_no_column_for_session_and_seq():
    columns = Columns()
    columns.append([0, 1], [7, 7], [1.5, 2.5], session=4, seq=9)

    table = columns.table()

    assert list(table) == list(FIELDS)
    assert table["session"].tolist() == [4, 4]
    assert table["row"].tolist() == [0, 1]


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"value has the shape \(1,\), time \(2,\)"):
        Columns().append([0, 1], [1, 2], [3.0])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, -2.0, 7.5, np.nan, np.inf, -np.inf]), max_size=400),
    st.lists(st.integers(0, 400), min_size=2, max_size=12),
    st.integers(0, 400),
)
def test_a_pyramid_knows_the_extent_of_any_range(values, marks, kept):
    """Least and greatest finite value, the first of equals; also after a change from some rank on."""
    column = np.array(values, np.float64)
    kept = min(kept, len(column))
    pyramid = Pyramid()
    pyramid.update(np.concatenate((column[:kept], np.full(90, 99.0))), 0)
    pyramid.update(column, kept)
    bounds = np.unique(np.minimum(sorted(marks), len(column)))

    low, high = pyramid.extents(column, bounds[:-1], bounds[1:])

    for start, end, least, greatest in zip(bounds[:-1], bounds[1:], low, high, strict=True):
        finite = [(value, rank) for rank, value in enumerate(column) if start <= rank < end and np.isfinite(value)]
        assert least == (min(finite)[1] if finite else -1)
        assert greatest == (min((-value, rank) for value, rank in finite)[1] if finite else -1)
