"""Names of things: unique where drawn, the same everywhere where derived, safe in paths and keys."""

from __future__ import annotations

import re
import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from runreel import ids

names = st.text(min_size=1)


def test_a_run_is_a_uuid_of_version_7_that_begins_with_its_time() -> None:
    before = time.time_ns() // 1_000_000
    run = uuid.UUID(ids.new_run())
    after = time.time_ns() // 1_000_000
    assert (run.version, run.variant) == (7, uuid.RFC_4122)
    assert before <= run.int >> 80 <= after


def test_what_is_drawn_differs_and_fits_the_contract() -> None:
    for make, size in ((ids.new_run, 36), (ids.new_session, 32), (ids.new_execution, 16), (ids.new_artifact, 32)):
        drawn = {make() for _ in range(1000)}
        assert len(drawn) == 1000
        assert all(len(one) == size and re.search(ids.SAFE, one) for one in drawn)


def test_people_see_the_last_eight_digits() -> None:
    assert ids.short("0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11") == "8f0b7d11"


def test_a_joined_execution_follows_from_run_and_path() -> None:
    """Other languages make it too: the first 16 hex digits of SHA-256 of the run, a line feed, the path."""
    assert ids.joined_execution("r", "train") == "9da11289694f10fe"
    assert ids.joined_execution("r", "train") != ids.joined_execution("r2", "train")


def test_a_derived_session_tells_its_parts_apart() -> None:
    assert ids.derived_session("a", "b") == ids.derived_session("a", "b")
    assert len({ids.derived_session(*parts) for parts in (("a", "b"), ("a\nb",), ("ab",), ("a", "b", ""))}) == 4


@given(st.lists(names, min_size=1, max_size=4))
def test_names_survive_in_a_path(parts: list[str]) -> None:
    path = ids.join_path(parts)
    assert path.count("/") == len(parts) - 1
    assert ids.split_path(path) == parts
    assert not set("#:\n\0") & set(path)


def test_a_file_name_that_is_no_unicode_survives_in_a_path() -> None:
    assert ids.join_path(["a\udcff"]) == "a%FF"
    assert ids.split_path("a%FF") == ["a\udcff"]
    ids.join_path(["half \ud800"]).encode()


def test_ids_that_leave_their_place_are_not_safe() -> None:
    for bad in ("", "..", ".a", "a/b", "a b", "a\n", "a" * 129, "\u00e4"):
        assert not re.search(ids.SAFE, bad), bad
