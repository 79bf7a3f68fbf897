"""The list of runs, and the experiments: from the catalog and from what the tail says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runreel import events as ev
from runreel.codec import parse_time
from runreel.events import State
from runreel_server.feed.recent import Taken
from runs import SECOND, Clock, Voice
from serving import IDENTITY, Server


def run_id(number: int) -> str:
    return f"0192f3c1-a7e2-7c31-9d1e-{number:012d}"


def told(
    number: int, *, ended: State | None = "SUCCEEDED", seconds: float = 10, pipeline: str = "p", **fields: Any
) -> Voice:
    """A run of now, which began `number` minutes ago."""
    began = time.time_ns() // 1000 - number * 60 * SECOND
    voice = Voice(f"{number:032x}", Clock(began), run=run_id(number))
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline=pipeline, **fields))
    voice.say(ev.TAGS, {"kind": "even" if number % 2 == 0 else "odd"})
    voice.start("train", "e" * 16)
    times = [voice.clock.now]
    metrics = ev.Metrics(name="loss", time=times, value=[float(number)])
    voice.say(ev.METRICS, metrics, subject="train", execution="e" * 16)
    voice.clock.pass_(seconds)
    if ended is not None:
        error = ev.Error(type="ValueError", message="no rows") if ended == "FAILED" else None
        voice.finish("train", "e" * 16, ended, error=error)
        voice.say(ev.RUN_FINISHED, ev.RunFinished(state=ended, error=error))
        voice.close()
    return voice


@pytest.fixture
def server(tmp_path: Path) -> Server:
    server = Server(tmp_path)
    for number in range(1, 10):
        voice = told(number, ended="FAILED" if number == 4 else "SUCCEEDED", seconds=number, experiment="night")
        server.catalog(voice.events)
    return server


def ids_of(answer: Any) -> list[int]:
    return [int(one["id"][-12:]) for one in answer["runs"]]


def test_runs_are_listed_newest_first_and_paged_by_cursor(server: Server) -> None:
    met, cursor = [], ""
    while cursor is not None:
        page = server.get(f"/runs?limit=4{cursor and '&cursor='}{cursor}")
        assert page["total"] == 9
        met.append(ids_of(page))
        cursor = page["next"]
    assert met == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=FAILED", [4]),
        ("state=FAILED&state=RUNNING", [4]),
        ("tag=kind%3Deven", [2, 4, 6, 8]),
        ("since=5m", [1, 2, 3, 4]),
        ("since=1970-01-02&until=6m", [6, 7, 8, 9]),
        (f"id={run_id(3)}&id={run_id(5)}", [3, 5]),
        ("tag=kind%3Dodd&sort=-tag:kind&limit=2", [9, 7]),
        ("sort=-failed&limit=1", [4]),
        ("tag=kind&limit=1", [1]),
        ("q=000007", [7]),
        ("pipeline=other", []),
        ("experiment=night&sort=-duration&limit=2", [9, 8]),
        ("sort=metric:train:loss&limit=2", [1, 2]),
        ("sort=-metric:train:loss&limit=2", [9, 8]),
    ],
)
def test_the_list_is_filtered_and_sorted(server: Server, query: str, found: list[int]) -> None:
    assert ids_of(server.get(f"/runs?{query}")) == found


def test_a_run_in_the_list_says_what_its_pipeline_did_before(server: Server) -> None:
    (failed,) = server.get("/runs?state=FAILED")["runs"]
    assert failed["failure"]["step"] == "train"
    assert failed["failure"]["message"] == "no rows"
    assert [one["state"] for one in failed["recent"]].count("FAILED") == 1
    assert failed["recent"][-1]["id"] == run_id(1)
    assert failed["recent"][-1]["duration"] == pytest.approx(1, abs=0.1)
    assert failed["median"] == pytest.approx(7, abs=0.1)  # of the runs that had ended when it began
    assert server.get("/runs")["today"] == {"SUCCEEDED": 8, "FAILED": 1}


def notify(server: Server, voice: Voice, position: str) -> None:
    """Have the tail bring what the catalog says of a run."""
    other = Server(server.folder / f"other-{position}")
    other.catalog(voice.events)
    (summary,) = other.get("/runs")["runs"]
    message = msgspec.json.encode({**summary, "position": position})
    server.services.feed._take([Taken("runreel.runs", IDENTITY, 0, 0, voice.run, message, None)])


def test_a_run_that_the_tail_tells_of_is_listed_at_once_and_its_newest_word_counts(server: Server) -> None:
    assert 0 not in ids_of(server.get("/runs"))
    position = "99999999-00000-0000000000000000000"
    notify(server, told(0, ended=None), f"{position}1")
    (running,) = server.get("/runs?state=RUNNING")["runs"]
    assert running["id"] == run_id(0)
    assert running["eta"] is None or running["eta"] > running["started"]
    notify(server, told(0), f"{position}3")
    notify(server, told(0, ended=None), f"{position}2")
    assert server.get("/runs?state=RUNNING")["runs"] == []
    assert ids_of(server.get("/runs?limit=1")) == [0]


def test_experiments_have_their_last_runs(server: Server) -> None:
    server.catalog(told(30, experiment="day").events)
    night, day = server.get("/experiments")["experiments"]
    assert (night["name"], night["runs"], day["name"], day["runs"]) == ("night", 9, "day", 1)
    assert night["recent"][-1] == {"id": run_id(1), "state": "SUCCEEDED", "duration": pytest.approx(1, abs=0.1)}
    assert server.get("/experiments?workspace=none") == {"experiments": []}


def test_home_and_the_list_show_them(server: Server) -> None:
    client = server.app.test_client()
    for address in ("/", "/runs", "/runs?state=FAILED"):
        page = client.get(address)
        assert page.status_code == 200
        assert f"/runs/{run_id(4)}" in page.get_data(as_text=True)


def test_home_and_the_runs_own_page_say_alike_how_much_is_done(server: Server) -> None:
    voice = told(20, ended=None, pipeline="alone", seconds=20 * 55)  # of the 20 minutes that 60 take
    voice.say(ev.GRAPH, ev.Graph(steps={"train": ev.GraphStep(parents=[])}))
    progress = ev.Progress(time=[voice.clock.now], done=[55], total=60, unit="epoch")
    voice.say(ev.PROGRESS, progress, subject="train", execution="e" * 16)
    voice.clock.pass_(98)
    voice.beat()  # it is not silent
    server.archive(voice.events)
    server.catalog(voice.events)
    (listed,) = server.get("/runs?pipeline=alone")["runs"]
    ends = [parse_time(one["eta"]) for one in (listed, server.get(f"/runs/{run_id(20)}"))]
    assert abs(ends[0] - ends[1]) < 60 * SECOND  # 109 s from each of two moments
    assert all(80 < (end - parse_time(listed["started"])) / SECOND - 20 * 60 < 170 for end in ends)
    client = server.app.test_client()
    assert ">92 %</b>" in client.get("/").text
    assert 'data-out="percent">92 %<' in client.get(f"/runs/{run_id(20)}").text


def test_a_run_that_is_silent_has_no_end_in_sight(server: Server) -> None:
    """Neither in the list nor on home, as on its own page, although its progress would tell when it ends."""
    for number, pipeline in ((20, "silent"), (0, "alive")):
        voice = told(number, ended=None, pipeline=pipeline, seconds=10)
        voice.say(ev.GRAPH, ev.Graph(steps={"train": ev.GraphStep(parents=[])}))
        progress = ev.Progress(time=[voice.clock.now], done=[1], total=1_000, unit="epoch")
        voice.say(ev.PROGRESS, progress, subject="train", execution="e" * 16)
        server.archive(voice.events)
        server.catalog(voice.events)
    silent, alive = (server.get(f"/runs?pipeline={name}")["runs"][0] for name in ("silent", "alive"))
    assert (silent["state"], silent["eta"], alive["state"]) == ("STALLED", None, "RUNNING")
    assert alive["eta"] is not None
    assert server.get(f"/runs/{silent['id']}")["eta"] is None
    html = server.app.test_client().get("/").text
    assert html.count(">≈ ") == 1  # of the one that is alive


def test_a_run_that_is_said_to_be_gone_leaves_the_list_at_once(server: Server) -> None:
    """Whether its summary was told or is in the stored catalog: that one is written a moment later."""
    summary = server.get("/runs?limit=1")["runs"][0]
    runs, place = server.services.runs, ("runreel.runs", IDENTITY, 0)
    told = {**summary, "id": run_id(99), "position": "00000000-00000-00000000000000000099"}
    assert runs.hear(Taken(*place, 1, run_id(99), msgspec.json.encode(told), None))
    assert server.get("/runs")["total"] == 10
    assert runs.hear(Taken(*place, 2, run_id(99), b"", None))
    assert not runs.hear(Taken(*place, 3, run_id(5), b"", None))
    assert ids_of(server.get("/runs")) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert run_id(99).encode() not in runs.take().body
    assert f'"{run_id(99)}":null'.encode() in runs.drain()[-1].body
