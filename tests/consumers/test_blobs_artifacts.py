"""Reading an artifact back."""

from __future__ import annotations

from pathlib import Path

import pytest

from chunk_messages import Consumer, Topic
from runreel.errors import NotFound
from runreel_consumers.blobs import open_artifact, read_info
from runreel_consumers.store import DirectoryStore

CONTENT = bytes(range(256)) * 20


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path / "store")
    consumer = Consumer(store, [])
    consumer.take(*Topic().artifact("aid", CONTENT))
    consumer.finish()
    return store


def test_an_open_artifact_has_its_info_and_a_stream(store: DirectoryStore) -> None:
    info, stream = open_artifact(store, "aid")
    assert (info.id, info.state, info.size) == ("aid", "stored", len(CONTENT))
    assert b"".join(stream) == CONTENT


@pytest.mark.parametrize(("start", "length"), [(0, 1), (100, 1000), (5000, None), (5000, 10_000), (99_999, 5)])
def test_a_range_is_what_a_slice_is(store: DirectoryStore, start: int, length: int | None) -> None:
    end = None if length is None else start + length
    assert b"".join(open_artifact(store, "aid", start, length)[1]) == CONTENT[start:end]


def test_what_is_not_there_is_not_found(store: DirectoryStore) -> None:
    assert read_info(store, "other") is None
    with pytest.raises(NotFound, match="other"):
        open_artifact(store, "other")
