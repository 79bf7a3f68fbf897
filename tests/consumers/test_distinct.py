"""Each value once, as NumPy has it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runreel_consumers.distinct import distinct

NUMBERS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(NUMBERS | st.integers(0, 9)))
def test_values_rise_and_each_is_there_once(values: list[int]) -> None:
    given_ = np.array(values, np.int64)
    assert distinct(given_).tolist() == sorted(set(values))
    assert given_.tolist() == values, "they are left as they are"
    assert distinct(given_).dtype == np.int64
