"""Lines of the archive and of the tail as one log: slices, searches, places, and the whole as text."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel import events as ev
from runreel.codec import iso
from runs import RUN, SECOND, START, Clock, Voice, lines, speaking
from serving import Server, listening


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def texts(answer: Any) -> list[str]:
    return [line["text"] for line in answer["lines"]]


def test_lines_that_the_archive_lacks_come_from_the_tail(server: Server) -> None:
    voice = speaking()
    for number in range(10):
        lines(voice, f"line {number}")
    server.archive(voice.events[:-3])
    server.tell(voice.events[-3:])
    found = server.get(f"/runs/{RUN}/logs?limit=5")
    assert texts(found) == [f"line {number}" for number in range(5, 10)]
    assert found["total"] == 10
    earlier = server.get(f"/runs/{RUN}/logs?before={found['before']}")
    assert texts(earlier) == [f"line {number}" for number in range(5)]
    assert earlier["before"] is None


def test_a_follower_gets_each_line_once(server: Server) -> None:
    voice = speaking()
    lines(voice, "one", "two")
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/logs")
    assert texts(found) == ["one", "two"]
    server.tell([lines(voice, "three"), lines(voice, "four")])
    after = server.get(f"/runs/{RUN}/logs?after={found['after']}")
    assert texts(after) == ["three", "four"]
    assert texts(server.get(f"/runs/{RUN}/logs?after={after['after']}")) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), limit=st.integers(1, 7), back=st.booleans())
def test_slices_in_a_row_are_the_log(
    tmp_path_factory: pytest.TempPathFactory, seed: int, limit: int, back: bool
) -> None:
    """However lines are spread over archive, tail and both, walking by cursors meets each line once, in order."""
    chance = random.Random(seed)
    one, other = speaking(), Voice("b" * 32, Clock())
    for number in range(12):
        voice = chance.choice((one, other))
        voice.clock.pass_(chance.choice((0, 0.5)))
        lines(voice, *[f"{voice.session[0]}{number}.{row}" for row in range(chance.randint(1, 3))])
    events = sorted([*one.events, *other.events], key=lambda event: event.time)
    server = Server(tmp_path_factory.mktemp("log"))
    cut = chance.randint(0, len(events))
    server.archive(events[:cut] or events[:1])
    server.tell(events[max(1, cut - 3) :])
    whole = server.get(f"/runs/{RUN}/logs?limit=1000")
    start = f"after={whole['lines'][0]['cursor']}" if not back else f"before={whole['lines'][-1]['cursor']}"
    met: list[str] = []
    cursor: str | None = start
    while cursor is not None:
        found = server.get(f"/runs/{RUN}/logs?limit={limit}&{cursor}")
        met = texts(found) + met if back else met + texts(found)
        if back:
            cursor = found["before"] and f"before={found['before']}"
        else:
            cursor = f"after={found['after']}" if found["lines"] else None
    assert met == (texts(whole)[:-1] if back else texts(whole)[1:])


def test_lines_are_chosen_by_step_level_and_text(server: Server) -> None:
    voice = speaking()
    lines(voice, "all is well", step=None)
    lines(voice, "Loss is NaN", level="error")
    lines(voice, "epoch 1", "epoch 2")
    server.archive(voice.events[:-1])
    server.tell(voice.events[-1:])
    assert texts(server.get(f"/runs/{RUN}/logs?step=")) == ["all is well"]
    assert texts(server.get(f"/runs/{RUN}/logs?step=train&level=ERROR")) == ["Loss is NaN"]
    found = server.get(f"/runs/{RUN}/logs?q=EPOCH")
    assert (texts(found), found["hits"], found["scanned"]) == (["epoch 1", "epoch 2"], 2, 4)
    assert texts(server.get(f"/runs/{RUN}/logs?until={voice.events[-1].time - 1}"))[-1] == "epoch 1"


def test_lines_are_answered_from_a_moment_on_and_around_a_place(server: Server) -> None:
    voice = speaking()
    said = [lines(voice, f"line {number}") for number in range(10)]
    server.archive(voice.events[:-4])
    server.tell(voice.events[-4:])
    address = f"/runs/{RUN}/logs"
    onward = server.get(f"{address}?from={said[4].time}&limit=3")
    assert texts(onward) == ["line 4", "line 5", "line 6"]
    assert texts(server.get(f"{address}?before={onward['before']}&limit=2")) == ["line 2", "line 3"]
    assert texts(server.get(f"{address}?after={onward['after']}")) == ["line 7", "line 8", "line 9"]
    middle = server.get(f"{address}?around={iso(said[4].time)}&limit=5")
    assert texts(middle) == [f"line {number}" for number in (2, 3, 4, 5, 6)]
    place = middle["lines"][2]["cursor"]
    assert server.get(f"{address}?around={place}&limit=5") == middle
    assert texts(server.get(f"{address}?around={place}&limit=1")) == ["line 4"]
    assert texts(server.get(f"{address}?before={middle['before']}")) == ["line 0", "line 1"]
    assert texts(server.get(f"{address}?after={middle['after']}")) == ["line 7", "line 8", "line 9"]
    assert texts(server.get(f"{address}?around={said[9].time + 5}&limit=4")) == ["line 8", "line 9"]
    detail = server.get(f"{address}?around=x", 400)["detail"]
    assert detail == "around='x': give a cursor of an answer, or a time like 2026-11-22T09:00:00Z"
    detail = server.get(f"{address}?around={place}&before={place}", 400)["detail"]
    assert detail.endswith(": give one of them")


def test_expressions_are_searched_and_a_bad_one_is_told_at_its_parameter(server: Server) -> None:
    voice = speaking()
    lines(voice, "loss=0.25", "loss=nan", "LOSS=7")
    server.archive(voice.events)
    server.tell([lines(voice, "loss=0.125")])
    regex = quote(r"^loss=\d\.")
    assert texts(server.get(f"/runs/{RUN}/logs?regex={regex}")) == ["loss=0.25", "loss=0.125"]
    assert texts(server.get(f"/runs/{RUN}/logs?regex={regex}&q=25")) == ["loss=0.25", "loss=0.125"]
    for route in ("logs", "hits"):
        detail = server.get(f"/runs/{RUN}/{route}?regex=loss(", 400)["detail"]
        assert detail == "regex='loss(' is no expression that RE2 takes: missing ): loss("


def test_a_search_tells_when_its_hits_were_said(server: Server) -> None:
    voice = speaking()
    said = [lines(voice, "hit" if number % 3 == 0 else "miss", level="ERROR") for number in range(30)]
    server.archive(voice.events[:-10])
    server.tell(voice.events[-10:])
    times = [event.time for event in said[::3]]
    found = server.get(f"/runs/{RUN}/hits?q=HIT")
    assert found == {"times": times, "before": None, "scanned": 30, "total": 30, "hits": 10}
    page = server.get(f"/runs/{RUN}/logs?q=hit&limit=4")
    rest = server.get(f"/runs/{RUN}/hits?q=hit&before={page['before']}")
    assert rest["times"] + [line["time"] for line in page["lines"]] == times
    assert page["scanned"] + rest["scanned"] == 30
    assert server.get(f"/runs/{RUN}/hits?q=hit&level=INFO")["hits"] == 0
    assert server.get(f"/runs/{RUN}/hits?q=hit&until={times[3]}")["times"] == times[:4]


def test_of_very_many_hits_some_are_told_and_all_are_counted(server: Server) -> None:
    voice = speaking()
    for _ in range(5):
        lines(voice, *["same"] * 1_000)
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/hits?q=same")
    assert (found["hits"], len(found["times"])) == (5_000, 1_000)
    assert found["times"][0] < START + 2 * SECOND < START + 4 * SECOND < found["times"][-1]


def test_a_step_is_asked_for_with_all_that_lies_in_it_and_like_tasks_by_their_pattern(server: Server) -> None:
    voice = speaking()
    for path in ("train/fold-1", "train/fold-1/eval", "train/fold-22", "train/folder", "trainer", "a+b", "a+b/c"):
        voice.start(path, path.replace("/", "-"))
        lines(voice, path, step=path)
    lines(voice, "train")
    lines(voice, "run", step=None)
    server.archive(voice.events[:-3])
    server.tell(voice.events[-3:])

    def under(*paths: str) -> list[str]:
        found = server.get(f"/runs/{RUN}/logs?" + "&".join(f"under={quote(path, safe='')}" for path in paths))
        assert found["total"] == len(found["lines"])
        return sorted(texts(found))

    assert under("train") == ["train", "train/fold-1", "train/fold-1/eval", "train/fold-22", "train/folder"]
    assert under("train/fold-*") == ["train/fold-1", "train/fold-1/eval", "train/fold-22"]
    assert under("a+b", "trainer") == ["a+b", "a+b/c", "trainer"]
    assert under("nothing") == []


def test_long_texts_are_cut_on_request_and_lines_that_were_overwritten_left_out(server: Server) -> None:
    voice = speaking()
    lines(voice, "x" * 5_000)
    lines(voice, " 10%\r", " 20%\r", stream="stderr")
    lines(voice, "between")
    lines(voice, "100%\r", stream="stderr")
    server.archive(voice.events)
    found = server.get(f"/runs/{RUN}/logs?width=100&overwritten=drop")
    assert texts(found) == ["x" * 100, "between", "100%\r"]
    assert [line.get("length") for line in found["lines"]] == [5_000, None, None]
    place = found["lines"][0]["cursor"]
    assert texts(server.get(f"/runs/{RUN}/logs?around={place}&limit=1")) == ["x" * 5_000]


def test_a_frames_lines_have_the_places_that_the_log_has(server: Server) -> None:
    """By their clock's offset too, or a page would show them twice."""
    voice = speaking()
    voice.say(ev.SESSION_OFFSET, ev.SessionOffset(session=voice.session, offset=3 * SECOND))
    server.archive(voice.events)
    live = server.app.extensions["runreel"]["source"].live(RUN)
    live.advance()
    live.drain()
    server.tell([lines(voice, "a", "b" * 1_001), lines(voice, "\\xff", more=True, escaped=True, step=None)])
    live.advance()
    (frame,) = live.drain()
    said = json.loads(frame.body.split(b"data: ")[1])["lines"]
    found = server.get(f"/runs/{RUN}/logs?width=1000")["lines"]
    places = ["{time}-{session}-{seq}-{row}".format(**line) for line in said["last"]]
    assert places == [line.pop("cursor") for line in found]
    for line in (*said["last"], *found):
        line.pop("row", None)
        line.pop("execution", None)
    assert (said["count"], said["last"]) == (3, found)
    assert [line.get("length") for line in found] == [None, 1_001, None]


def test_the_log_is_streamed_as_text_whole_or_filtered(tmp_path: Path) -> None:
    server = Server(tmp_path, port=21_100)
    voice = speaking()
    voice.start("a%2Fb", "f" * 16)
    first = lines(voice, "one", "twö\n  three")
    lines(voice, "pieces ", more=True)
    lines(voice, "of one text", "\x1b[31mred\x1b[0m", step="train")
    last = lines(voice, "of a step", step="a%2Fb", level="ERROR")
    server.archive(voice.events[:-1])
    server.tell(voice.events[-1:])
    with ExitStack() as stack:
        _, port = listening(server.services, stack)

        def get(query: str = "") -> tuple[int, str]:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            stack.callback(connection.close)
            connection.request("GET", f"/api/v1/runs/{RUN[-8:]}/logs.txt{query}")
            answer = connection.getresponse()
            if answer.status == 200:
                assert answer.getheader("content-type") == "text/plain; charset=utf-8"
                assert answer.getheader("content-disposition") == f'attachment; filename="{RUN[-8:]}.log"'
            return answer.status, answer.read().decode()

        status, text = get()
        assert status == 200
        rows = text.split("\n")
        assert rows[0] == f"{iso(first.time - 1)} INFO train one"
        assert rows[1:3] == [f"{iso(first.time)} INFO train twö", "  three"]
        assert rows[3].endswith(" INFO train pieces of one text")
        assert rows[4].endswith(" \x1b[31mred\x1b[0m")
        assert rows[5:] == [f"{iso(last.time)} ERROR a/b of a step", ""]
        assert get("?q=of&level=ERROR")[1] == f"{iso(last.time)} ERROR a/b of a step\n"
        assert get("?step=")[1] == ""
        assert get("?colour=red")[0] == get("?regex=(")[0] == 400
        assert get("?under=a%252Fb")[1].count("\n") == 1
