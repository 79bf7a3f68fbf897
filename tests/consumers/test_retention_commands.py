"""`runreel archive retain`: what it says, what it refuses, and that consumers and servers go on beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiving import Speaker, produce, store_events, whole
from commands import run
from consuming import consumer, environ
from runreel.settings import Settings
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.reader import Reader
from runreel_consumers.catalog.days import days
from runreel_consumers.store import DirectoryStore, open_store
from runreel_consumers.topics import create
from support import wait_for

__all__ = ["environ"]


def test_what_is_too_old_is_told_first_and_removed_then(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    old = Speaker(workspace="w")
    store_events(store, whole(old), received=1_000_000_000_000_000)
    place = {"RUNREEL_STORE": f"dir:{store.folder}"}

    told = run(tmp_path, "archive", "retain", "--older-than", "90d", "--dry-run", **place)
    assert told.stdout.decode().splitlines() == [
        f"{old.run}  w  last heard of 2001-09-09T01:46:40.033000Z",
        "1 runs would go",
    ]
    for elsewhere in ({"RUNREEL_ARCHIVE_RETENTION_OF": "w=ever"}, {"RUNREEL_ARCHIVE_RETENTION": "90000 d"}):
        kept = run(tmp_path, "archive", "retain", **place, **{"RUNREEL_ARCHIVE_RETENTION": "90 d", **elsewhere})
        assert kept.stdout.decode() == "0 runs removed\n"
    kept = run(tmp_path, "archive", "retain", "--older-than", "90d", "--workspace", "other", **place)
    assert kept.stdout.decode() == "0 runs removed\n"

    gone = run(tmp_path, "archive", "retain", "--older-than", "90d", "--workspace", "w", **place)
    assert gone.stdout.decode().endswith("1 runs removed\n")
    assert Reader(store).runs() == {}


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        ([], {}, "RUNREEL_ARCHIVE_RETENTION: is not set: set it, or give --older-than 90d"),
        (["--older-than", "90"], {}, "'90': write its unit: 12 h or 90 d"),
        (["--older-than", "soon"], {}, "'soon': write a span like 12 h or 7 d"),
        ([], {"RUNREEL_ARCHIVE_RETENTION": "90"}, "RUNREEL_ARCHIVE_RETENTION='90': write its unit"),
        ([], {"RUNREEL_ARCHIVE_RETENTION_OF": "w"}, "RUNREEL_ARCHIVE_RETENTION_OF='w': write NAME=SPAN pairs"),
    ],
)
def test_a_wrong_age_is_refused_before_anything_is_removed(
    arguments: list[str], variables: dict[str, str], told: str, tmp_path: Path
) -> None:
    store = DirectoryStore(tmp_path / "store")
    store_events(store, whole(Speaker()), received=1_000_000_000_000_000)
    answer = run(tmp_path, "archive", "retain", *arguments, RUNREEL_STORE=f"dir:{store.folder}", **variables)
    assert answer.returncode == 2
    assert told in answer.stderr.decode()
    assert len(Reader(store).runs()) == 1


@pytest.mark.slow
def test_beside_consumers_on_kafka_and_minio(environ: dict[str, str], tmp_path: Path) -> None:
    chosen = Settings(environ=environ)
    create(chosen, chosen.kafka)
    store = open_store(chosen)
    first, second = Speaker(), Speaker()
    with consumer(environ, kill=False):
        produce(chosen.kafka, chosen.topic_events, whole(first))
        wait_for(lambda: list(store.list("runs/")) and any(days(store)), 60)

        def removed() -> bool:
            answer = run(tmp_path, "archive", "retain", "--older-than", "1s", **environ)
            assert answer.returncode == 0, answer.stderr.decode()
            return Reader(store).runs() == {} and not any(days(store))

        wait_for(removed, 60, every=0.5)
        assert not list(store.list("runs/"))
        produce(chosen.kafka, chosen.topic_events, whole(second))
        wait_for(lambda: len(list(Reader(store).rows(second.run))) == 34, 60)
        wait_for(lambda: any(days(store)), 60)
    log = Log(store)
    rows = [log.index(each).rows for epoch in log.epochs.all() for n in range(4) for each in log.cover(epoch, n)]
    assert sum(rows) == 34
