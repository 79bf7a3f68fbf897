"""The registry of epochs: one ordinal for one topic id, whoever registers at once and freezes whenever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiving import Speaker, store_events
from runreel_consumers.archive.positions import Epochs, Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def test_an_epoch_is_registered_once_and_found_by_all(store: DirectoryStore) -> None:
    made = Epochs(store).register("id-a", "runreel.events", 8)
    assert Epochs(store).register("id-a", "runreel.events", 8) == made
    later = Epochs(store).register("id-b", "runreel.events", 8)
    assert later.ordinal > made.ordinal
    assert [epoch.id for epoch in Epochs(store).all()] == ["id-a", "id-b"]
    assert Epochs(store).find("id-c") is None


def test_no_ordinal_has_two_ids_however_many_register_at_once(store: DirectoryStore) -> None:
    start = threading.Barrier(8)

    def register(number: int) -> None:
        start.wait()
        Epochs(store).register(f"id-{number % 4}", "topic", 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(register, range(8)))
    assert len({epoch.ordinal for epoch in Epochs(store).all()}) == 4
    held = [key.key.split("/")[1] for key in store.list("epochs/")]
    assert len({name.partition("-")[0] for name in held}) == len(held)


class Frozen:
    """A store whose user freezes once, right before its nth request, while `meanwhile` runs."""

    def __init__(self, store: DirectoryStore, at: int, meanwhile) -> None:  # type: ignore[no-untyped-def]
        self._store, self._at, self._meanwhile = store, at, meanwhile

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        self._at -= 1
        if self._at == 0:
            self._meanwhile()
        return getattr(self._store, name)


@pytest.mark.parametrize("at", range(1, 9))
def test_who_freezes_while_another_registers_gets_another_ordinal(store: DirectoryStore, at: int) -> None:
    frozen = Frozen(store, at, lambda: Epochs(store).register("id-b", "topic", 1))
    mine = Epochs(frozen).register("id-a", "topic", 1)
    other = Epochs(store).register("id-b", "topic", 1)
    assert mine.ordinal != other.ordinal
    assert Epochs(store).register("id-a", "topic", 1) == mine


def test_a_run_that_spans_two_lives_of_a_topic_is_read_whole(store: DirectoryStore) -> None:
    speaker = Speaker()
    said = speaker.mixture(20)
    store_events(store, said[:12], identity="first")
    store_events(store, said[8:], identity="second")
    reader = Reader(store)
    assert [row.event for row in reader.rows(speaker.run)] == said
    assert reader.end()["runreel.events", 0] == Position(1, 0, 12)
    assert reader.end({"runreel.events": "first"})["runreel.events", 0] == Position(0, 0, 12)
    assert reader.end({"runreel.events": "unheard"}) == {}


@given(st.tuples(*[st.integers(0, 10**7)] * 3), st.tuples(*[st.integers(0, 10**7)] * 3))
def test_texts_of_positions_sort_as_positions_do(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    a, b = (Position(x % 10**8, y % 10**5, z) for x, y, z in (one, other))
    assert Position.parse(str(a)) == a
    assert (str(a) < str(b)) == (a < b)


def test_a_text_that_is_no_position_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' is no position"):
        Position.parse("x")
