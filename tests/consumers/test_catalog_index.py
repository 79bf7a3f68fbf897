"""The list of runs: filtered, sorted, paged, found; a cache of the stored catalog."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from archiving import START
from runreel import ids
from runreel.codec import iso
from runreel_consumers.catalog.days import Day
from runreel_consumers.catalog.index import Index
from runreel_consumers.catalog.listing import SORTS, Query, moment, stretches
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


@pytest.mark.parametrize(
    "sort",
    [
        "-started",
        "started",
        "-duration",
        "pipeline",
        "id",
        "metric:train:loss",
        "-param:lr",
        "tag:n",
        "metric:absent:x",
    ],
)
def test_pages_hold_each_run_once_in_the_order_asked_for(store: DirectoryStore, sort: str) -> None:
    index, summaries = filled(store)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = index.list(START, Query(sort=sort, limit=7, cursor=cursor))
        assert (page.total, page.first) == (30, len(seen) + 1)
        seen += page.runs
        cursor = page.next
        if cursor is None:
            break
    whole = index.list(START, Query(sort=sort, limit=100)).runs
    assert seen == whole
    assert sorted(run["id"] for run in seen) == sorted(summary["id"] for summary in summaries)
    if sort == "metric:train:loss":
        assert [run["metrics"]["train:loss"] for run in seen] == sorted(100 - number for number in range(30))


def test_filters_narrow_the_list_and_its_total(store: DirectoryStore) -> None:
    index, _ = filled(store)
    assert index.list(START, Query(pipeline="p1")).total == 10
    assert [run["tags"]["n"] for run in index.list(START, Query(tag=("n=7",))).runs] == ["7"]
    assert index.list(START, Query(tag=("absent",))).total == 0
    assert index.list(START, Query(q="LR=0.7")).total == 1
    assert index.list(START, Query(workspace="other")).runs == []
    assert index.list(START, Query(state=("FAILED",))).total == 0


def test_filters_may_be_of_several_values_and_hold_together(store: DirectoryStore) -> None:
    index, summaries = filled(store)
    failed, running = made(40, state="FAILED", owner="cron"), made(41, state="RUNNING", finished=None, owner="cron")
    for one in (failed, running):
        index.put(one)
    both = Query(state=("FAILED", "RUNNING"))
    assert [one["id"] for one in index.list(START, both).runs] == [running["id"], failed["id"]]
    assert index.list(START, Query(state=("FAILED", "SUCCEEDED"), owner="cron")).total == 1
    assert index.list(START, Query(id=(failed["id"], summaries[3]["id"]))).total == 2
    assert index.list(START, Query(tag=("n", "n=40"))).total == 1


def test_time_parts_the_list_and_no_run_is_in_both_parts(store: DirectoryStore) -> None:
    index, _ = filled(store)
    middle = START + 12 * 60 * SECOND
    before, after = index.list(START, Query(until=middle)), index.list(START, Query(since=middle))
    assert (before.total, after.total) == (12, 18)


def test_runs_without_a_metric_come_last_whichever_way_it_is_sorted(store: DirectoryStore) -> None:
    index = Index(store)
    values = [3, "Infinity", None, -1.5, "NaN", "-Infinity"]
    for number, value in enumerate(values):
        index.put(made(number, metrics={} if value is None else {"m": value}, tags={"n": str(number)}))
    order = [
        [one["tags"]["n"] for one in index.list(START, Query(sort=sort)).runs] for sort in ("metric:m", "-metric:m")
    ]
    assert [ids[:4] for ids in order] == [["5", "3", "0", "1"], ["1", "0", "3", "5"]]
    assert [sorted(ids[4:]) for ids in order] == [["2", "4"], ["2", "4"]]
    first = index.list(START, Query(sort="-metric:m", limit=1))
    assert index.list(START, Query(sort="-metric:m", limit=1, cursor=first.next)).runs[0]["tags"] == {"n": "0"}


def test_a_value_that_a_run_has_no_more_finds_it_no_more(store: DirectoryStore) -> None:
    index, run = Index(store), ids.new_run()
    index.put(made(1, run, tags={"stage": "first"}))
    index.put(made(2, run, tags={"stage": True}))
    assert index.list(START, Query(tag=("stage=first",))).total == 0
    assert index.list(START, Query(tag=("stage=true",))).total == 1
    index.drop(run)
    assert index.list(START, Query(tag=("stage",))).total == 0


def test_how_runs_ended_is_counted_from_a_moment_on(store: DirectoryStore) -> None:
    index, _ = filled(store)
    index.put(made(30, state="FAILED"))
    index.put(made(31, state="RUNNING", finished=None))
    assert index.ended(START + 20 * 60 * SECOND) == {"SUCCEEDED": 10, "FAILED": 1}


def test_no_list_is_sorted_by_hand_nor_all_read_for_a_page(store: DirectoryStore) -> None:
    """What a page costs is its own rows, however many there are: every order has an index."""
    index, _ = filled(store, 3)
    for sort in (*SORTS, *(f"-{sort}" for sort in SORTS), "metric:train:loss", "-param:lr"):
        for filtered in (Query(sort=sort), Query(sort=sort, state=("FAILED", "SUCCEEDED"))):
            for stretch in stretches(filtered, START):
                text, values = stretch.rows(10)
                plan = [row[3] for row in index._database.execute(f"EXPLAIN QUERY PLAN {text}", values)]
                assert not any("TEMP B-TREE" in line for line in plan), (sort, plan)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("90s", 1_000_000 - 90),
        ("2h", 1_000_000 - 7_200),
        ("7d", 1_000_000 - 604_800),
        ("1970-01-02", 86_400),
        ("1970-01-02T01:00:00 01:00", 86_400),
        ("5000000", 5),
    ],
)
def test_a_moment_may_be_a_time_a_day_or_how_long_ago(text: str, micros: int) -> None:
    assert moment(text, 1_000_000 * SECOND) == micros * SECOND


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "24", "24 h", "", "99999999999999999999"])
def test_what_is_no_moment_says_what_would_be_one(text: str) -> None:
    if text == "24":
        assert moment(text, 0) == 24  # microseconds, as everywhere
        return
    with pytest.raises(ValueError, match="24h"):
        moment(text, 0)


def test_a_run_that_is_not_heard_of_any_more_is_shown_as_stalled(store: DirectoryStore) -> None:
    index = Index(store)
    run = made(1, state="RUNNING", finished=None, stalls=iso(START + SECOND))
    index.put(run)
    assert index.list(START, Query(state=("RUNNING",))).total == 1
    assert index.list(START + 2 * SECOND, Query(state=("RUNNING",))).total == 0
    (shown,) = index.list(START + 2 * SECOND, Query(state=("STALLED",))).runs
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


def test_runs_are_found_by_what_they_use_of_others(store: DirectoryStore) -> None:
    index = Index(store)
    first = made(1, links={"uses": [["a-flights", "train"], ["s3://b/x", ""]], "refers": [["s3://b/y", "a-1"]]})
    index.put(first)
    index.put(made(2, links={"uses": [["a-flights", "score"]], "refers": []}))
    assert [who for _, who in index.links("uses", ["a-flights", "s3://b/x"], 10)] == ["score", "", "train"]
    assert index.links("refers", ["s3://b/y"], 10) == [(first["id"], "a-1")]
    index.put({**first, "links": {"uses": [], "refers": []}, "position": f"{0:08d}-{0:05d}-{9:020d}"})
    assert [who for _, who in index.links("uses", ["a-flights", "s3://b/x"], 10)] == ["score"]
    index.drop(index.links("uses", ["a-flights"], 1)[0][0])
    assert index.links("uses", ["a-flights"], 10) == []


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


def test_a_cursor_is_of_one_sort(store: DirectoryStore) -> None:
    index, _ = filled(store)
    cursor = index.list(START, Query(sort="pipeline", limit=2)).next
    with pytest.raises(ValueError, match="is of a list by 'pipeline'"):
        index.list(START, Query(sort="-started", cursor=cursor))


def test_a_cursor_of_anybodys_making_is_refused_or_harmless(store: DirectoryStore) -> None:
    index, _ = filled(store)
    for forged in ([], ["-started", {}, "x"], ["-started", 10**30, "x"], ["-started", 1, 2], "text", None):
        cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
        with pytest.raises(ValueError, match="cursor"):
            index.list(START, Query(cursor=cursor))


@pytest.mark.parametrize(("name", "value"), [("sort", "colour"), ("sort", "metric:"), ("cursor", "!!!")])
def test_a_sort_or_a_cursor_that_is_none_is_refused_by_its_name(store: DirectoryStore, name: str, value: str) -> None:
    index, _ = filled(store)
    with pytest.raises(ValueError, match=f"{name} '{value}'"):
        index.list(START, Query(**{name: value}))
