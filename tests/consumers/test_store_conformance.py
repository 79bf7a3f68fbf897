"""What every store does. One suite; each implementation subclasses it."""

from __future__ import annotations

import hashlib
import io
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_stack import Minio

from runreel.errors import NotFound
from runreel_consumers.store import DirectoryStore, Store
from runreel_consumers.store.minio import MinioStore

MIB = 1 << 20
WRONG_KEYS = ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a\nb", "a/" + "x" * 256, ".runreel-tmp/a"]
SEGMENTS = st.text(alphabet="ab-.0/é", min_size=1, max_size=3).filter(
    lambda text: "/" not in text and text not in (".", "..")
)
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)


def keys(store: Store, prefix: str = "", after: str = "") -> list[str]:
    return [info.key for info in store.list(prefix, after)]


def free_of_nesting(names: set[str]) -> set[str]:
    return {name for name in names if not any(other.startswith(name + "/") for other in names)}


class StoreConformance:
    """Subclasses give a fixture `store`: empty, and of its own for each test."""

    keeps_empty_folders = False

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_gives_back_what_was_put(self, store: Store) -> None:
        store.put("a/b", b"one")
        assert store.get("a/b") == b"one"

    def test_a_second_put_replaces_the_first(self, store: Store) -> None:
        store.put("a", b"a long first content")
        store.put("a", b"two")
        assert store.get("a") == b"two"
        assert keys(store) == ["a"]

    def test_an_empty_object_is_an_object(self, store: Store) -> None:
        store.put("a", b"")
        assert store.get("a") == b""
        assert store.info("a").size == 0
        assert store.read("a", 0, 5) == b""
        assert list(store.stream("a")) == []

    @pytest.mark.parametrize("key", WRONG_KEYS)
    def test_refuses_what_is_no_key(self, store: Store, key: str) -> None:
        for use in (
            store.get,
            store.info,
            store.open,
            lambda key: store.put(key, b""),
            lambda key: store.delete([key]),
        ):
            with pytest.raises(ValueError, match="key"):
                use(key)

    @pytest.mark.parametrize(
        "key", ["a=1/b c+d%25&?#~!'()@,;:é中.txt", "x" * 255, "a.b-c_d/..e/f..", "%2e%2e/x", "$/*"]
    )
    def test_takes_names_that_need_quoting(self, store: Store, key: str) -> None:
        store.put(key, b"x")
        store.compose("made", [key])
        assert store.get(key) == store.get("made") == b"x"
        assert keys(store) == sorted([key, "made"])

    def test_what_is_absent_is_not_found(self, store: Store) -> None:
        store.put("a/b", b"x")
        for key in ("c", "a", "a/b/c", "a/c"):
            for use in (store.get, store.info, store.open, lambda key: list(store.stream(key))):
                with pytest.raises(NotFound, match=key):
                    use(key)
        with pytest.raises(NotFound, match="nothing"):
            store.read("nothing", 2, 3)
        with pytest.raises(NotFound, match="nothing"):
            store.compose("made", ["a/b", "nothing"])
        with pytest.raises(NotFound, match="nothing"):
            store.compose("made", ["nothing"])
        assert keys(store) == ["a/b"]

    def test_info_tells_size_and_time_in_microseconds(self, store: Store) -> None:
        store.put("a", b"12345")
        info = store.info("a")
        assert (info.key, info.size) == ("a", 5)
        assert abs(info.modified / 1e6 - time.time()) < 60
        assert abs(next(store.list()).modified - info.modified) < 1_500_000

    def test_reads_ranges_as_a_file_does(self, store: Store) -> None:
        store.put("a", b"0123456789")
        assert store.read("a", 2, 3) == b"234"
        assert store.read("a", 8, 10) == b"89"
        assert store.read("a", 10, 5) == store.read("a", 99, 5) == store.read("a", 3, 0) == b""
        assert b"".join(store.stream("a", 4)) == b"456789"
        assert list(store.stream("a", 1, 5, chunk=2)) == [b"12", b"34", b"5"]
        assert list(store.stream("a", 50)) == []

    def test_opens_as_a_seekable_file(self, store: Store) -> None:
        content = secrets.token_bytes(700_000)
        store.put("a", content)
        with store.open("a") as file:
            assert file.read(10) == content[:10]
            assert file.seek(-5, io.SEEK_END) == len(content) - 5
            assert file.read() == content[-5:]
            file.seek(300_000)
            assert file.read(300_000) == content[300_000:600_000]
            file.seek(0)
            assert file.read() == content

    def test_pyarrow_reads_parquet_from_an_open_file(self, store: Store) -> None:
        table = pa.table({"x": list(range(50_000)), "y": [str(i) for i in range(50_000)]})
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=10_000)
        store.put("t.parquet", sink.getvalue())
        with store.open("t.parquet") as file:
            assert pq.ParquetFile(file).read_row_group(3, ["y"])["y"][0].as_py() == "30000"

    def test_stores_a_stream_of_any_length(self, store: Store) -> None:
        for key, pieces in {
            "none": [],
            "few": [b"a", b"", b"b"],
            "many": [bytes([n]) * MIB for n in range(20)],
        }.items():
            assert store.put_stream(key, iter(pieces)) == sum(map(len, pieces))
            assert store.get(key) == b"".join(pieces)

    def test_stores_a_file(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"x" * (9 * MIB) + b"end")
        store.put_file("a", tmp_path / "f")
        assert store.info("a").size == 9 * MIB + 3
        assert store.read("a", 9 * MIB, 3) == b"end"

    def test_a_stream_that_fails_leaves_what_was_there(self, store: Store) -> None:
        def failing() -> Iterator[bytes]:
            for _ in range(20):
                yield b"new" * MIB
            raise RuntimeError("the source broke")

        store.put("a", b"old")
        with pytest.raises(RuntimeError, match="source broke"):
            store.put_stream("a", failing())
        assert store.get("a") == b"old"
        assert keys(store) == ["a"]

    def test_a_reader_never_sees_half_an_object(self, store: Store) -> None:
        contents = [bytes([n]) * 300_000 for n in range(4)]
        store.put("a", contents[0])
        done = threading.Event()

        def write() -> None:
            for n in range(40):
                store.put("a", contents[n % 4])
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            assert store.get("a") in contents
        writer.join()

    def test_lists_in_the_order_of_bytes(self, store: Store) -> None:
        names = ["a-b", "a.b/c", "a/b", "a0", "b/c-x/1", "b/c.x", "b/c/d", "b/c/ä", "é/1", "中/1", "𝄞/1"]
        for name in reversed(names):
            store.put(name, b"x")
        assert keys(store) == names == sorted(names, key=str.encode)
        assert keys(store, "b/c") == ["b/c-x/1", "b/c.x", "b/c/d", "b/c/ä"]
        assert keys(store, "b/c/") == ["b/c/d", "b/c/ä"]
        assert keys(store, "nothing/") == keys(store, "zz") == []

    def test_a_listing_goes_on_after_each_of_its_keys(self, store: Store) -> None:
        names = ["a-b", "a.b/c", "a/b", "a/b-c/d", "a0", "b/c-x/1", "b/c.x", "b/c/d"]
        for name in names:
            store.put(name, b"x")
        for prefix in ("", "a", "a/", "b/c"):
            listed = [name for name in names if name.startswith(prefix)]
            for after in [*names, "", "a", "a/", "b-", "zz", "b/c/", "a/b-"]:
                assert keys(store, prefix, after) == [name for name in listed if name > after], (prefix, after)

    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(names=st.sets(KEYS, max_size=12).map(free_of_nesting), prefix=KEYS, after=KEYS)
    def test_a_listing_is_a_sorted_cut_of_all_keys(
        self, store: Store, names: set[str], prefix: str, after: str
    ) -> None:
        store.delete(keys(store))
        for name in names:
            store.put(name, b"x")
        assert keys(store) == sorted(names)
        assert keys(store, prefix, after) == sorted(n for n in names if n.startswith(prefix) and n > after)
        assert set(store.folders("")) >= {name.split("/")[0] for name in names if "/" in name}

    def test_lists_more_than_one_page(self, store: Store) -> None:
        names = [f"many/{n % 3}/{n:05d}" for n in range(1100)]
        for name in names:
            store.put(name, b"")
        assert keys(store, "many/") == sorted(names)
        store.delete(names[:1050])
        assert keys(store) == sorted(names[1050:])

    def test_folders_are_the_names_of_the_next_level(self, store: Store) -> None:
        for name in ["runs/b/1/x", "runs/b-c/2/x", "runs/a/3", "runs/file", "top"]:
            store.put(name, b"x")
        assert list(store.folders("runs")) == list(store.folders("runs/")) == ["a", "b", "b-c"]
        assert list(store.folders("")) == ["runs"]
        assert list(store.folders("runs/a")) == list(store.folders("nothing")) == []

    def test_a_folder_goes_with_its_last_object(self, store: Store) -> None:
        store.put("a/b/c", b"x")
        store.delete(["a/b/c", "a/b/c", "never/there", "x"])
        assert keys(store) == []
        assert list(store.folders("")) == (["a"] if self.keeps_empty_folders else [])
        store.put("a/b", b"now an object")
        assert keys(store) == ["a/b"]

    @pytest.mark.parametrize(
        "sizes",
        [
            *([], [0], [7], [0, 3, 0, 4], [5 * MIB], [5 * MIB, 1], [1, 5 * MIB], [11 * MIB], [MIB] * 13),
            [6 * MIB, 300_000, 512, 6 * MIB, 5 * MIB - 1, 5 * MIB, MIB],
        ],
        ids=str,
    )
    def test_composes_pieces_of_any_sizes(self, store: Store, sizes: list[int]) -> None:
        pieces = [secrets.token_bytes(size) for size in sizes]
        names = [f"staging/{n:03d}" for n in range(len(sizes))]
        for name, piece in zip(names, pieces, strict=True):
            store.put(name, piece)
        store.compose("whole", names)
        found = hashlib.sha256(b"".join(store.stream("whole"))).hexdigest()
        assert found == hashlib.sha256(b"".join(pieces)).hexdigest()
        assert keys(store, "staging/") == names

    def test_a_composed_object_does_not_change_with_its_source(self, store: Store) -> None:
        store.put("source", b"one")
        store.compose("whole", ["source"])
        store.put("source", b"two")
        store.delete(["source"])
        assert store.get("whole") == b"one"

    def test_composes_over_an_older_object(self, store: Store) -> None:
        store.put("whole", b"old")
        store.put("source", b"new")
        store.compose("whole", ["source"])
        assert store.get("whole") == b"new"

    def test_is_safe_to_use_from_several_threads(self, store: Store) -> None:
        def work(n: int) -> None:
            for i in range(40):
                store.put(f"t/{i % 3}/{n}", b"x" * n)
                assert store.get(f"t/{i % 3}/{n}") == b"x" * n
                store.delete([f"t/{i % 3}/{n}"])
            store.put(f"t/end/{n}", b"")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert keys(store) == [f"t/end/{n}" for n in range(4)]

    def test_check_passes_and_leaves_nothing(self, store: Store) -> None:
        store.check()
        assert keys(store) == []


class TestDirectoryStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return DirectoryStore(tmp_path / "store")


class TestMinioStoreOnSeaweed(StoreConformance):
    keeps_empty_folders = True

    @pytest.fixture
    def store(self, weed: Any, prefix: str) -> Store:
        return MinioStore(weed.bucket, prefix, endpoint=weed.endpoint, keys=weed.keys)


class TestMinioStoreOnMinio(StoreConformance):
    @pytest.fixture
    def store(self, minio: Minio, prefix: str) -> Store:
        keys = (minio.access_key, minio.secret_key, None)
        return MinioStore("runreel", f"tests/{prefix}", endpoint=minio.endpoint, keys=keys)
