"""The archive's page is true: its examples read an archive, by DuckDB and pandas, without our code."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from archiving import START, Speaker, store_events
from runreel.events import (
    LOGS,
    RUN_FINISHED,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OPENED,
    STEP_FINISHED,
    STEP_STARTED,
    Error,
    Event,
    Logs,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
    StepFinished,
    StepStarted,
)
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.merge import Merger
from runreel_consumers.archive.reader import Reader
from runreel_consumers.catalog.rebuild import rebuild
from runreel_consumers.store import DirectoryStore

PAGE = (Path(__file__).parents[2] / "docs" / "archive.md").read_text()
SQL = dict(re.findall(r"<!-- (.*?) -->\n```sql\n(.*?)```", PAGE, re.S))
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.S)


class Told:
    """An archive with one failed run among others, segments of several levels, overlaps and repeats."""

    def __init__(self, folder: Path) -> None:
        self.store = DirectoryStore(folder / "archive")
        self.failed, other = Speaker(), Speaker()
        self.said = [*_failed(self.failed), *other.mixture(30)]
        store_events(self.store, self.said[:25], each=5)
        Merger(Log(self.store), lambda: START + 3_600_000_000).merge(Log(self.store).epochs.all()[0], 0)
        store_events(self.store, self.said[20:], first=20, each=7)
        store_events(self.store, self.said[3:9], first=len(self.said))
        rebuild(self.store)


def _failed(speaker: Speaker) -> list[Event]:
    error = Error(type="ValueError", message="no")
    return [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(pipeline="nightly")),
        speaker.say(STEP_STARTED, StepStarted(), "train", "x-train"),
        speaker.points("loss", [0.5, float("nan")]),
        speaker.points("loss", [float("inf"), 3]),
        speaker.say(
            LOGS, Logs(time=[speaker.time] * 2, level=["INFO", "ERROR"], text=["a", "it broke"]), "train", "x-train"
        ),
        speaker.say(STEP_FINISHED, StepFinished(state="FAILED", error=error), "train", "x-train"),
        speaker.say(RUN_FINISHED, RunFinished(state="FAILED")),
        speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)),
    ]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.chdir(tmp_path)
    return Told(tmp_path)


@pytest.fixture
def engine(told: Told) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute(SQL["each event once"])
    return engine


def rows(engine: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """A query's answer, by Arrow: DuckDB's own ways to Python need more packages for times."""
    answer: list[dict[str, Any]] = engine.sql(query).arrow().read_all().to_pylist()
    return answer


def test_duckdb_reads_each_event_once(told: Told, engine: duckdb.DuckDBPyConnection) -> None:
    positions = rows(engine, SQL["the files to read"])
    assert sorted(row["offset"] for row in positions) == list(range(len(told.said) + 6))
    found = rows(engine, "SELECT id, type, data, epoch_us(time) AS time, seq FROM events")
    expected = {event.id: (event.type, event.data.decode(), event.time, event.seq) for event in told.said}
    assert len(found) == len(expected)
    assert {row["id"]: (row["type"], row["data"], row["time"], row["seq"]) for row in found} == expected


def test_duckdb_counts_points_and_lines(told: Told, engine: duckdb.DuckDBPyConnection) -> None:
    found = {run: rest for run, *rest in engine.sql(SQL["counted"]).fetchall()}
    assert found[told.failed.run] == [9, 4, 2]


def test_duckdb_finds_the_failed_run_in_the_catalog(told: Told, engine: duckdb.DuckDBPyConnection) -> None:
    shown = [(row["run"], row["step"], row["line"]) for row in rows(engine, SQL["failed"])]
    assert shown == [(told.failed.run, "train", "it broke")]


def test_duckdb_reads_points_with_what_json_cannot_say(told: Told, engine: duckdb.DuckDBPyConnection) -> None:
    found = [value for _, value in engine.sql(SQL["points"]).fetchall()]
    ours = Reader(told.store).points(told.failed.run)["x-train", "loss"].value.tolist()
    everywhere = {str(value) for value in found}
    assert {str(value) for value in ours} == {"0.5", "nan", "inf", "3.0"} <= everywhere
    assert sorted(map(str, found))[-1] == "nan"


def test_pandas_reads_a_finished_runs_own_lines(told: Told) -> None:
    space: dict[str, object] = {}
    exec(PYTHON[0], space)
    found = space["errors"](Path("archive"), told.failed.run)  # type: ignore[operator]
    assert found["text"].tolist() == ["it broke"]


def test_pandas_reads_a_segment(told: Told) -> None:
    paths = sorted(Path("archive/log").rglob("*.parquet"))
    frame = pd.concat(pd.read_parquet(path) for path in paths).drop_duplicates(["epoch", "partition", "offset"])
    frame = frame.drop_duplicates(["run", "session", "seq"])
    assert sorted(frame["id"]) == sorted(event.id for event in told.said)
    assert str(frame["received"].dtype).startswith("datetime64[us")


def test_the_readers_example_runs(told: Told) -> None:
    space: dict[str, object] = {}
    exec(PYTHON[1], space)
    assert list(space["mean_loss"](told.store, told.failed.run)) == ["x-train"]  # type: ignore[operator]


def test_each_folder_of_an_archive_is_on_the_page(told: Told) -> None:
    assert {name for name in os.listdir("archive") if not name.startswith(".")} <= set(re.findall(r"`(\w+)/", PAGE))


def test_the_page_names_every_column(told: Told) -> None:
    path = next(Path("archive/log").rglob("*.parquet"))
    table = PAGE[PAGE.index("## Columns of the log") : PAGE.index("## Examples")]
    assert set(pd.read_parquet(path).columns) <= set(re.findall(r"`(\w+)`", table))
