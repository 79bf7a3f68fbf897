"""The list of runs: filtered, sorted, paged, found; a cache of the stored catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archiving import START
from runreel import ids
from runreel.codec import iso
from runreel_consumers.catalog.days import Day
from runreel_consumers.catalog.index import Index
from runreel_consumers.store import DirectoryStore

SECOND = 1_000_000


def made(number: int, run: str | None = None, **changes: Any) -> dict[str, Any]:
    """A summary as the catalog writes them."""
    started = START + number * 60 * SECOND
    said = {
        "id": run or ids.new_run(),
        "workspace": "default",
        "pipeline": f"p{number % 3}",
        "experiment": "e",
        "owner": "me",
        "state": "SUCCEEDED",
        "started": iso(started),
        "finished": iso(started + (number % 7 + 1) * SECOND),
        "heard": iso(started),
        "stalls": None,
        "params": {"lr": number / 10},
        "tags": {"n": str(number)},
        "metrics": {"train:loss": 100 - number},
        "position": f"{0:08d}-{0:05d}-{number:020d}",
    }
    return {**said, **changes}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def filled(store: DirectoryStore, count: int = 30) -> tuple[Index, list[dict[str, Any]]]:
    summaries = [made(number) for number in range(count)]
    index = Index(store)
    for summary in summaries:
        index.put(summary)
    return index, summaries


@pytest.mark.parametrize("sort", ["-started", "started", "-duration", "pipeline", "metric:train:loss", "-param:lr"])
def test_pages_hold_each_run_once_in_the_order_asked_for(store: DirectoryStore, sort: str) -> None:
    index, summaries = filled(store)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = index.list(START, sort=sort, limit=7, cursor=cursor)
        assert page.total == 30
        seen += page.runs
        cursor = page.next
        if cursor is None:
            break
    whole = index.list(START, sort=sort, limit=100).runs
    assert seen == whole
    assert sorted(run["id"] for run in seen) == sorted(summary["id"] for summary in summaries)
    if sort == "metric:train:loss":
        assert [run["metrics"]["train:loss"] for run in seen] == sorted(100 - number for number in range(30))


def test_filters_narrow_the_list_and_its_total(store: DirectoryStore) -> None:
    index, _ = filled(store)
    assert index.list(START, pipeline="p1").total == 10
    assert [run["tags"]["n"] for run in index.list(START, tags=["n=7"]).runs] == ["7"]
    assert index.list(START, tags=["absent"]).total == 0
    assert index.list(START, q="LR=0.7").total == 1
    assert index.list(START, workspace="other").runs == []
    assert index.list(START, state="FAILED").total == 0


def test_a_run_that_is_not_heard_of_any_more_is_shown_as_stalled(store: DirectoryStore) -> None:
    index = Index(store)
    run = made(1, state="RUNNING", finished=None, stalls=iso(START + SECOND))
    index.put(run)
    assert index.list(START, state="RUNNING").total == 1
    assert index.list(START + 2 * SECOND, state="RUNNING").total == 0
    (shown,) = index.list(START + 2 * SECOND, state="STALLED").runs
    assert shown["state"] == "STALLED"


def test_of_two_summaries_of_a_run_the_greater_position_wins(store: DirectoryStore) -> None:
    index, run = Index(store), ids.new_run()
    newer, older = made(9, run, state="FAILED"), made(3, run)
    index.put(newer)
    index.put(older)
    assert index.get(run, START) == newer


def test_the_index_follows_the_stored_days(store: DirectoryStore, tmp_path: Path) -> None:
    index = Index(store, tmp_path / "cache" / "index.sqlite")
    first, second = made(1), made(2)
    day = Day(store, "default", "2026-11-22", "runreel.events-00000")
    day.put(first)
    day.put(second)
    day.write()
    assert index.refresh() == 1
    assert index.refresh() == 0
    assert {run["id"] for run in index.list(START).runs} == {first["id"], second["id"]}
    again = Day(store, "default", "2026-11-22", "runreel.events-00000")
    again.drop(first["id"])
    again.write()
    index.refresh()
    assert [run["id"] for run in index.list(START).runs] == [second["id"]]
    store.delete([day.key])
    index.refresh()
    assert index.list(START).total == 0
    index.close()


def test_a_cache_that_cannot_be_read_is_made_anew(store: DirectoryStore, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"no database at all" * 100)
    index = Index(store, path)
    index.put(made(1))
    assert index.list(START).total == 1
    index.close()


def test_runs_are_found_by_the_end_of_their_id(store: DirectoryStore) -> None:
    index, summaries = filled(store)
    assert index.find(ids.short(summaries[4]["id"])) == [summaries[4]["id"]]
    assert index.find("zzzzzzzz") == []


def test_experiments_tell_their_recent_runs(store: DirectoryStore) -> None:
    index, _ = filled(store)
    index.put(made(50, experiment="other", state="FAILED"))
    first, second = index.experiments(recent=5)
    assert (first["name"], first["runs"], first["recent"][0]["state"]) == ("other", 1, "FAILED")
    assert (second["name"], second["runs"], len(second["recent"])) == ("e", 30, 5)


@pytest.mark.parametrize(("name", "value"), [("sort", "colour"), ("cursor", "!!!")])
def test_a_sort_or_a_cursor_that_is_none_is_refused_by_its_name(store: DirectoryStore, name: str, value: str) -> None:
    index, _ = filled(store)
    with pytest.raises(ValueError, match=f"{name} '{value}'"):
        index.list(START, **{name: value})
