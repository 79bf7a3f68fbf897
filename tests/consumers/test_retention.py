"""Retention: old runs go from everywhere, others stay as they are; whoever does it, and wherever it is cut off."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from native_stack import Minio
from native_stack.minio import BUCKET

from archiving import Speaker, store_events
from archiving import whole as story
from chunk_messages import Breaking, Crash, keys
from runreel.deadline import Deadline
from runreel.events import Event
from runreel_consumers.archive import keeper as keepers
from runreel_consumers.archive.keeper import Keeper
from runreel_consumers.archive.layout import contiguous
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.positions import Epoch, Position
from runreel_consumers.archive.reader import Reader
from runreel_consumers.blobs.artifacts import ArtifactInfo, write_info
from runreel_consumers.blobs.content import keep
from runreel_consumers.catalog.days import days, read
from runreel_consumers.catalog.pipelines import durations
from runreel_consumers.catalog.rebuild import CACHES, rebuild
from runreel_consumers.catalog.retention import Ages, Retention
from runreel_consumers.store import DirectoryStore, Store
from runreel_consumers.store.minio import MinioStore
from support import wait_for

DAY = 86_400
SECOND = 1_000_000
NOW = time.time_ns() // 1000
EPOCH = Epoch(0, "one", "runreel.events", 1)


@pytest.fixture(params=["folder", pytest.param("minio", marks=pytest.mark.native)])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return DirectoryStore(tmp_path / "store")
    minio: Minio = request.getfixturevalue("minio")
    where = f"{request.getfixturevalue('prefix')}/archive"
    return MinioStore(BUCKET, where, endpoint=minio.endpoint, keys=(minio.access_key, minio.secret_key, None))


def whole(speaker: Speaker) -> list[Event]:
    """A short run."""
    return story(speaker, 6)


class History:
    """An archive of one partition, said on several days, with its caches."""

    def __init__(self, store: Store) -> None:
        self.store, self.end = store, 0

    def say(self, days_ago: float, *events: Event) -> None:
        """One segment of events that were received so long ago."""
        store_events(self.store, events, first=self.end, received=NOW - int(days_ago * DAY * SECOND))
        self.end += len(events)

    def retention(self, ages: Ages | None = None, after: float = 0.0, **more: Any) -> Retention:
        """As of so many seconds after now, by the store's clock."""
        now = time.time_ns() // 1000 + int((after + 60) * SECOND)
        return Retention(Log(self.store), ages or Ages(90.0 * DAY), 7.0 * DAY, now=lambda: now, **more)

    def caches(self) -> dict[str, bytes]:
        """What can be made anew; a folder of a run's own objects has a new name each time."""
        found = {}
        for folder in CACHES:
            for info in self.store.list(folder):
                name = info.key if not info.key.startswith("runs/") else info.key.rsplit("-", 1)[0]
                found[name + info.key.rsplit("/", 1)[-1]] = self.store.get(info.key)
        return found

    def spans(self) -> list[tuple[int, int, int]]:
        """First offset, last offset and rows of the segments that are read."""
        log = Log(self.store)
        return [(each.first, each.last, log.index(each).rows) for each in log.cover(EPOCH, 0)]

    def artifact(self, run: str, name: str, data: bytes) -> str:
        """Store an artifact as the blobs' consumer does; answers its content's key."""
        staged = f"staging/{name}/0"
        self.store.put(staged, data)
        sha256 = hashlib.sha256(data).hexdigest()
        content = keep(self.store, len(data), sha256, [staged])
        write_info(
            self.store,
            ArtifactInfo(id=name, run=run, workspace="default", state="stored", content=content, position="0", time=0),
        )
        self.store.delete([staged])
        return content


def test_old_runs_go_from_everywhere_and_the_rest_is_as_it_was(any_store: Store) -> None:
    history = History(any_store)
    old, older, young = Speaker(), Speaker(), Speaker()
    history.say(200, *whole(older))
    history.say(120, *whole(old))
    history.say(1, *whole(young))
    rebuild(any_store)
    assert {summary["id"] for info in days(any_store) for summary in read(any_store.get(info.key))} == {
        old.run, older.run, young.run,
    }  # fmt: skip
    before = [row.event for row in Reader(any_store).rows(young.run)]
    end = Reader(any_store).end()
    told: list[str] = []
    retention = history.retention(gone=told.extend)
    assert [one.run for one in retention.due()] == sorted([old.run, older.run])

    assert [one.run for one in retention.apply()] == sorted([old.run, older.run])

    assert told == sorted([old.run, older.run])
    assert history.spans() == [(20, 29, 10)]
    assert Reader(any_store).runs() == {young.run: "default"}
    assert [row.event for row in Reader(any_store).rows(young.run)] == before
    assert Reader(any_store).end() == end
    assert {took.run for took in durations(any_store, "default", "p").runs} == {young.run}
    names = [info.key for info in any_store.list() if not info.key.startswith("tombstones/")]
    assert not [name for name in names if old.run in name or older.run in name]
    left = history.caches()
    rebuild(any_store)
    assert history.caches() == left
    assert history.retention().apply() == []


def test_what_lies_beside_a_run_that_stays_is_rewritten_and_offsets_stay_covered(any_store: Store) -> None:
    history = History(any_store)
    long, old, others = Speaker(), Speaker(), [Speaker() for _ in range(3)]
    said = story(long, 30)
    history.say(200, *said[:10], *whole(old))
    history.say(150, *whole(others[0]))
    history.say(120, *said[10:20], *whole(others[1]))
    history.say(1, *said[20:])
    rebuild(any_store)

    assert [one.run for one in history.retention().apply()] == sorted(
        [old.run, *(one.run for one in others if one is not others[2])]
    )

    assert history.spans() == [(0, 19, 10), (20, 29, 0), (30, 49, 10), (50, 63, 14)]
    assert contiguous(Log(any_store).cover(EPOCH, 0)) == 64
    assert [row.event for row in Reader(any_store).rows(long.run)] == said
    assert list(Reader(any_store).rows(old.run)) == []


def test_the_last_segment_stays_so_that_the_end_is_known(tmp_path: Path) -> None:
    history = History(DirectoryStore(tmp_path))
    for days_ago in (200, 120):
        history.say(days_ago, *whole(Speaker()))
    end = Reader(history.store).end()
    history.retention().apply()
    assert history.spans() == [(10, 19, 0)]
    assert Reader(history.store).end() == end == {("runreel.events", 0): Position(0, 0, 20)}
    history.say(0, *whole(young := Speaker()))
    assert [row.position.offset for row in Reader(history.store).rows(young.run)] == list(range(20, 30))
    history.retention().apply()
    assert history.spans() == [(20, 29, 10)]


def test_what_is_said_of_a_run_again_is_a_run_and_copies_from_kafka_are_none(tmp_path: Path) -> None:
    history = History(DirectoryStore(tmp_path))
    old, young = Speaker(), Speaker()
    said = whole(old)
    history.say(120, *said)
    history.say(1, *whole(young))
    history.retention().apply()
    store_events(history.store, said, first=0, received=NOW - 120 * DAY * SECOND)  # the group was reset
    assert list(Reader(history.store).rows(old.run)) == []
    history.retention().apply()
    assert history.spans() == [(10, 19, 10)]
    history.say(0, said[-1])
    assert [row.event for row in Reader(history.store).rows(old.run)] == [said[-1]]
    assert history.retention().apply() == []


def test_each_workspace_has_its_own_age(tmp_path: Path) -> None:
    history = History(DirectoryStore(tmp_path))
    runs = {name: Speaker(workspace=name) for name in ("a", "b", "c")}
    for speaker in runs.values():
        history.say(30, *whole(speaker))
    ages = Ages(None, {"a": 20.0 * DAY, "b": 40.0 * DAY, "c": None})
    assert [one.run for one in history.retention(ages).apply()] == [runs["a"].run]
    assert [one.run for one in history.retention(Ages(20.0 * DAY, {"c": None})).apply()] == [runs["b"].run]
    assert Reader(history.store).runs() == {runs["c"].run: "c"}
    assert history.retention(Ages()).apply() == []


def test_content_goes_when_no_run_refers_to_it_and_never_under_those_who_trust_it(any_store: Store) -> None:
    history = History(any_store)
    old, young = Speaker(), Speaker()
    history.say(120, *whole(old))
    history.say(1, *whole(young))
    mine = history.artifact(old.run, "a1", b"mine alone")
    again = history.artifact(old.run, "a2", b"mine, and soon another's")
    shared = history.artifact(old.run, "a3", b"shared")
    history.artifact(young.run, "b3", b"shared")

    history.retention().apply()

    assert keys(any_store, "artifacts/") == ["artifacts/b3"]
    assert keys(any_store, "content/") == sorted([mine, again, shared])  # all of it: somebody may just trust it
    other = history.artifact(young.run, "b2", b"mine, and soon another's")
    assert other == f"{again}~1"
    history.retention(after=1800).apply()
    assert keys(any_store, "content/") == sorted([mine, again, other, shared])
    history.retention(after=3700).apply()
    assert keys(any_store, "content/") == sorted([other, shared])
    assert any_store.get(other) == b"mine, and soon another's"
    assert len(keys(any_store, "leaving/")) == 2
    history.retention(after=3 * 3600 + 60).apply()
    assert keys(any_store, "leaving/") == []
    assert history.artifact(young.run, "b4", b"mine alone") == mine


def test_content_that_was_found_before_it_was_marked_stays(tmp_path: Path) -> None:
    history = History(DirectoryStore(tmp_path))
    old, young = Speaker(), Speaker()
    history.say(120, *whole(old))
    history.say(1, *whole(young))
    content = history.artifact(old.run, "a1", b"bytes")
    history.retention().apply()
    write_info(  # it found the content a moment before
        history.store,
        ArtifactInfo(
            id="b1", run=young.run, workspace="default", state="stored", content=content, position="0", time=0
        ),
    )
    history.retention(after=3700).apply()
    assert history.store.get(content) == b"bytes"
    assert keys(history.store, "leaving/") == []


def lived(store: Store) -> History:
    """Runs that share segments, with artifacts and caches."""
    history = History(store)
    runs = [Speaker(f"0192f3c1-a7e2-7c31-9d1e-00000000000{number}") for number in range(5)]
    for number, speaker in enumerate(runs):
        speaker.session = f"{number:032x}"
    stories = [story(speaker, 8) for speaker in runs]
    history.say(200, *stories[0], *stories[4][:6])
    history.say(150, *stories[1])
    history.say(120, *stories[4][6:8], *stories[2])
    history.say(1, *stories[3], *stories[4][8:])
    for number, speaker in enumerate(runs):
        history.artifact(speaker.run, f"a{number}", b"of two" if number in (1, 3) else speaker.run.encode())
    rebuild(store)
    return history


def left(history: History) -> dict[str, Any]:
    """All that matters in the end: what is read, and what lies there."""
    reader = Reader(history.store)
    held = {run: [row.event.id for row in reader.rows(run)] for run in reader.runs()}
    others = [
        info.key
        for info in history.store.list()
        if not info.key.startswith(("log/", "runs/", "tombstones/", "staging/"))
    ]
    return {"rows": held, "spans": history.spans(), "others": others, "caches": history.caches()}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_cut_off_at_any_change_it_is_finished_by_the_next_call(tmp_path: Path, after: bool) -> None:
    reference = lived(DirectoryStore(tmp_path / "reference"))
    reference.retention().apply()
    expected = left(reference)
    assert len(expected["rows"]) == 2
    cut = 0
    for at in range(1, 100):
        history = lived(DirectoryStore(tmp_path / f"store-{at}"))
        whole_store, history.store = history.store, Breaking(history.store, at, after=after)  # type: ignore[assignment]
        try:
            history.retention().apply()
        except Crash:
            cut += 1
        else:
            break
        finally:
            history.store = whole_store
        history.retention().apply()
        assert left(history) == expected, at
    assert cut > 20


def test_two_at_once_do_no_harm(tmp_path: Path) -> None:
    reference = lived(DirectoryStore(tmp_path / "reference"))
    reference.retention().apply()
    for number in range(3):
        history = lived(DirectoryStore(tmp_path / f"{number}"))
        start, failed = threading.Barrier(3), []

        def work(history: History = history, start: threading.Barrier = start, failed: list[Any] = failed) -> None:
            retention = history.retention()
            start.wait(30)
            try:
                retention.apply()
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        history.retention().apply()
        assert left(history) == left(reference)


def test_what_two_leave_of_a_segment_is_told_apart(tmp_path: Path) -> None:
    """One knew of a run more that is gone: each index lies beside the rows that it tells of."""
    history = History(DirectoryStore(tmp_path))
    one, two, stays = Speaker(), Speaker(), Speaker()
    history.say(100, *whole(one), *whole(two), *whole(stays))
    log = Log(history.store)
    [old] = log.cover(EPOCH, 0)
    log.tombstones.put(one.run, Position(0, 0, 29))
    first = Retention(log, Ages(), 0)._merger.rewrite(old)
    log.tombstones.put(two.run, Position(0, 0, 29))
    second = Retention(log, Ages(), 0)._merger.rewrite(old)
    assert first.key != second.key
    assert {log.index(first).rows, log.index(second).rows} == {20, 10}
    for each in (first, second):
        assert len(list(Reader(history.store).rows(stays.run))) == 10
        history.store.delete([each.index])


def test_a_tombstone_goes_when_kafka_has_forgotten_the_run(tmp_path: Path) -> None:
    history = History(DirectoryStore(tmp_path))
    history.say(120, *whole(Speaker()))
    history.say(1, *whole(Speaker()))
    history.retention().apply()
    for after, count in ((7 * DAY, 1), (8 * DAY + 60, 0)):
        history.retention(after=after).apply()
        assert len(keys(history.store, "tombstones/")) == count


def test_the_keeper_of_a_partition_0_removes_what_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETAIN_FIRST", "MERGE_SECONDS"):
        monkeypatch.setattr(keepers, name, 0.05)
    history = History(DirectoryStore(tmp_path))
    history.say(120, *whole(Speaker()))
    history.say(1, *whole(young := Speaker()))
    asked = threading.Event()
    for partition in (1, 0):
        called: list[int] = []

        def retain(called: list[int] = called) -> None:
            called.append(1)
            history.retention().apply()
            asked.set()

        keeper = Keeper(Log(history.store), retain=retain)
        keeper.opened(EPOCH, partition)
        if partition:
            wait_for(lambda: len(history.spans()) == 2)
        else:
            assert asked.wait(30)
        keeper.close(Deadline(30))
        assert called == ([] if partition else [1])
    assert Reader(history.store).runs() == {young.run: "default"}
