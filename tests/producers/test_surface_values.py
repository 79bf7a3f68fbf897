"""What a user may give as a value: numbers and columns of any library, plain data of any kind."""

from __future__ import annotations

import array
import dataclasses
import datetime
import enum
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runreel import codec, values


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Size:
    rows: int
    names: tuple[str, ...]


class Tensor:
    """A scalar as torch and jax have it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (1, 1),
        (True, 1),
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int16(7), 7),
        (np.bool_(True), 1),
        (np.array(3.5), 3.5),
        (np.array([4]), 4),
        (Tensor(0.25), 0.25),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 4), 0.25),
        (2**63, float(2**63)),
        (-(10**400), -math.inf),
    ],
)
def test_one_number(given: Any, said: float) -> None:
    found = values.number("x", given)
    assert found == said
    assert type(found) in (int, float)


@pytest.mark.parametrize("wrong", ["1", b"1", None, [1], {}, 1j, np.array([1, 2]), np.datetime64("2026"), Tensor("a")])
def test_what_is_no_number_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="x is"):
        values.number("x", wrong)


@pytest.mark.parametrize(
    "given",
    [
        [1, 2.5, 3],
        (1, 2.5, 3),
        np.array([1, 2.5, 3]),
        np.array([1, 2.5, 3], dtype="float16"),
        pandas.Series([1, 2.5, 3], index=list("abc")),
        array.array("d", [1, 2.5, 3]),
        memoryview(array.array("d", [1, 2.5, 3])),
        (x for x in (1, 2.5, 3)),
        [np.int64(1), Decimal("2.5"), True + 2],
    ],
)
def test_a_column(given: Any) -> None:
    found = values.column("x", given)
    assert found == [1, 2.5, 3]
    assert {type(value) for value in found} <= {int, float}


@given(st.lists(st.one_of(st.integers(), st.floats())))
def test_a_column_has_what_each_of_its_numbers_is(numbers: list[int | float]) -> None:
    assert list(map(repr, values.column("x", numbers))) == [repr(values.number("x", one)) for one in numbers]


def test_an_array_without_dimensions_is_a_column_of_one() -> None:
    assert values.column("x", np.array(3)) == [3]


def test_a_missing_value_in_a_column_names_its_place() -> None:
    with pytest.raises(TypeError, match=r"x\[1\] is None"):
        values.column("x", [1, None])
    with pytest.raises(TypeError, match=r"x\[1\] is <NA>"):
        values.column("x", pandas.Series([1, None], dtype="Int64"))


def test_moments_are_integers_or_aware_datetimes() -> None:
    when = datetime.datetime(2026, 11, 22, 9, tzinfo=datetime.UTC)
    assert values.times("time", [when, 7, pandas.Timestamp(when)]) == [codec.micros(when), 7, codec.micros(when)]
    with pytest.raises(ValueError, match="no zone"):
        values.times("time", [datetime.datetime(2026, 11, 22)])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, None),
        (True, True),
        (np.float32(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        (Path("/data/x"), "/data/x"),
        (Colour.RED, "red"),
        (Size(3, ("a", "b")), {"rows": 3, "names": ["a", "b"]}),
        (datetime.date(2026, 11, 22), "2026-11-22"),
        ({1: {2}}, {"1": [2]}),
        (b"\xff", "\\xff"),
        (2**80, str(2**80)),
        (dict, "dict"),
        (Decimal("1.10"), "1.10"),
    ],
)
def test_plain_data(given: Any, said: Any) -> None:
    assert values.plain(given) == said


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
        max_leaves=20,
    )
)
def test_whatever_is_given_can_be_said(given: Any) -> None:
    msgspec.json.decode(codec.encode_data({"value": values.plain(given)}))


def test_data_that_contain_themselves_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert msgspec.json.decode(codec.encode_data({"value": values.plain(endless)}))
