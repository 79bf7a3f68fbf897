"""Series as CSV: all of their points, whatever the names, live and stored."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path
from threading import Lock
from urllib.parse import quote

import numpy as np
import pytest

from runreel import codec
from runreel import events as ev
from runreel_consumers.archive.stored_series import Groups
from runreel_server.charts import HEAD, Tiles, csv_rows, live_pieces, tables
from runs import RUN, START, Clock, Voice
from serving import Server, listening

COUNT = 5_000
VALUES = [float(n % 37) / 4 for n in range(COUNT)]


def telling() -> Voice:
    """A run whose step has said `COUNT` points."""
    clock = Clock()
    voice = Voice("0" * 32, clock)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.start("train", "f" * 16)
    for first in range(0, COUNT, 500):
        part = range(first, first + 500)
        data = ev.Metrics(name="loss", time=[START + n * 1_000 for n in part], value=[VALUES[n] for n in part])
        clock.now = START + first * 1_000
        voice.say(ev.METRICS, data, subject="train", execution="f" * 16)
    return voice


def test_a_name_is_quoted_and_no_formula_and_what_is_no_number_is_spelled() -> None:
    tiles = Tiles()
    tiles.append([0, 1.5], [1_795_338_000_000_000, 1_795_338_000_500_000], [0.5, np.nan])
    (points,) = live_pieces(tiles, Lock())
    assert (HEAD + csv_rows('=cmd|"x"!A1:loss', points)).split("\r\n") == [
        "series,at,time,value",
        '"\'=cmd|""x""!A1:loss",0,2026-11-22T09:00:00.000000Z,0.5',
        '"\'=cmd|""x""!A1:loss",1.5,2026-11-22T09:00:00.500000Z,NaN',
        "",
    ]


def test_who_reads_slowly_gets_each_point_once_though_late_ones_come_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is held for the reader but a piece: the points are taken as they are asked for."""
    monkeypatch.setattr(tables, "PIECE", 7)
    tiles = Tiles()
    there = list(range(0, 1_000, 10))
    for seq, first in enumerate(range(0, 100, 20)):  # some at one time, of several events
        part = there[first : first + 20]
        tiles.append(part, [one // 40 * 40 for one in part], [0.0] * 20, seq=seq)
    reading = live_pieces(tiles, Lock())
    came = [next(reading)["at"], next(reading)["at"]]
    tiles.append([-1, -2, 501, 9_999], [-5, 3, 500, 9_999], [0.0] * 4, seq=5)
    came += [points["at"] for points in reading]
    assert max(map(len, came)) == 7
    got = [int(at) for at in chain.from_iterable(came)]
    assert got == [*there[:52], 501, *there[52:]]


@pytest.mark.parametrize("stored", [False, True])
def test_all_points_are_saved_however_many_a_chart_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    monkeypatch.setattr(tables, "PIECE", 700)
    monkeypatch.setattr("runreel_consumers.archive.stored_points.LONG", 1_000)
    server, voice = Server(tmp_path), telling()
    if stored:
        server.archive(voice.events)
        server.put_away(RUN)
    else:
        server.archive(voice.events[:-3])
        server.tell(voice.events[-3:])
    with ExitStack() as stack:
        _, port = listening(server.services, stack)

        def get(query: str, name: str = "") -> tuple[int, str]:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            stack.callback(connection.close)
            connection.request("GET", f"/api/v1/runs/{RUN[-8:]}/series.csv?{query}")
            answer = connection.getresponse()
            if answer.status == 200:
                assert answer.getheader("content-type") == "text/csv; charset=utf-8; header=present"
                assert answer.getheader("content-disposition") == f'attachment; filename="{name}.csv"'
            return answer.status, answer.read().decode()

        status, text = get(f"key={quote('train:loss')}&key=train:absent", RUN[-8:])
        assert status == 200
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [float(row["value"]) for row in rows] == VALUES
        assert [row["at"] for row in rows] == [str(n) for n in range(COUNT)]
        assert {row["series"] for row in rows} == {"train:loss"}
        assert [codec.parse_time(row["time"]) for row in rows] == [START + n * 1_000 for n in range(COUNT)]
        assert get(f"key={quote('train:loss')}", "train_loss") == (status, text)
        assert get("")[0] == get("key=nothing")[0] == 400


def test_of_objects_that_were_made_anew_the_newer_ones_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runreel_consumers.archive.stored_points.LONG", 1_000)
    monkeypatch.setattr(Groups, "get", Groups._read)  # nothing of them is in memory
    server = Server(tmp_path)
    server.archive(telling().events)
    old = server.put_away(RUN)
    looked = server.get(f"/runs/{RUN}/series?key=train:loss&x=time&width=10")
    assert looked["train:loss"]["count"] == COUNT
    server.store.delete([info.key for info in server.store.list(old)])
    assert server.put_away(RUN) != old
    source = server.app.extensions["runreel"]["source"]
    table = "".join(source.series_.table(source.live(RUN), ["train:loss"]))
    assert table.count("\r\n") == 1 + COUNT
