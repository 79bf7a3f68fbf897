"""What is the folder store's own: what others do to the folder meanwhile, and what a killed writer leaves."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runreel_consumers.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path / "store")
    store.put("other", b"x")
    return store


def once_before(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[..., None]) -> None:
    """Have another process do something right before the next call of a function of `os`."""
    call = getattr(os, name)

    def patched(*args: Any) -> Any:
        monkeypatch.setattr(os, name, call)
        act(*args)
        return call(*args)

    monkeypatch.setattr(os, name, patched)


def test_a_folder_that_another_made_and_removed_again_is_made(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exists(*_: Any) -> None:
        raise FileExistsError

    once_before(monkeypatch, "mkdir", exists)
    store.put("a/b", b"1")
    assert store.get("a/b") == b"1"


def test_a_folder_that_is_pruned_before_the_rename_is_made_again(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(monkeypatch, "replace", lambda *_: os.rmdir(store.folder / "a"))
    store.put("a/b", b"1")
    assert store.get("a/b") == b"1"


def test_an_object_that_is_deleted_as_soon_as_it_is_there_was_put(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a/c", b"")
    opened: list[str] = []

    def vanish(path: str, *_: Any) -> None:
        opened.append(path)
        if path == str(store.folder / "a"):
            shutil.rmtree(path)

    monkeypatch.setattr("runreel_consumers.store.directory._sync", lambda folder: vanish(folder) or os.stat(folder))
    store.put("a/b", b"1")
    assert str(store.folder / "a") in opened


def test_a_key_below_an_object_and_an_object_over_a_folder_are_refused(store: DirectoryStore) -> None:
    with pytest.raises(ValueError, match="another key"):
        store.put("other/below", b"x")
    store.put("a/b", b"x")
    with pytest.raises(ValueError, match="another key"):
        store.put("a", b"x")


def test_what_a_killed_writer_left_is_never_listed_and_is_collected(store: DirectoryStore) -> None:
    left = [store.folder / ".runreel-tmp" / name for name in ("old", "new")]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[0], (time.time() - 90_000,) * 2)
    assert [info.key for info in store.list()] == ["other"]
    store.check()
    assert [path.exists() for path in left] == [False, True]


def test_where_there_are_no_hard_links_a_single_source_is_copied(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    store.compose("whole", ["other"])
    assert store.get("whole") == b"x"


def test_nothing_is_left_of_a_write_that_failed(store: DirectoryStore) -> None:
    with pytest.raises(RuntimeError):
        store.put_stream("a", (_fail() for _ in range(2)))
    assert list((store.folder / ".runreel-tmp").iterdir()) == []


def _fail() -> bytes:
    raise RuntimeError("the source broke")
