"""What a session takes and how it arrives."""

from __future__ import annotations

import gc
import math
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runreel import codec, events
from runreel.errors import SettingError
from runreel.transports.memory import MemoryTransport
from sessions import child, session, texts, told, unique, values, wired
from support import wait_for


@pytest.fixture
def way() -> MemoryTransport:
    return MemoryTransport()


def test_a_session_opens_speaks_and_closes_without_a_gap(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    one.say(events.RUN_STARTED, events.RunStarted(pipeline="p"))
    assert one.close(10)
    said = unique(event.message for event in way.sent)
    assert [event.type for event in said] == [events.SESSION_OPENED, events.RUN_STARTED, events.SESSION_CLOSED]
    assert codec.payload(said[0]).role == "owner"
    assert codec.payload(said[0]).pid == os.getpid()
    assert codec.payload(said[-1]) == events.SessionClosed(last=2, how="clean")
    assert {event.session for event in said} == {one.id}


def test_nothing_is_left_in_the_spool_once_all_is_acknowledged(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    one.line("a", "e", "x" * 100_000)
    assert one.close(10)
    assert list((tmp_path / "spool").iterdir()) == []


def test_no_thread_starts_before_the_first_word(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    assert not one.opened().started
    one.line(None, None, "now")
    assert one.opened().started
    assert one.close(10)


def test_order_is_kept_between_structure_and_streams(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    series = one.series("a", "e", "loss")
    for step in range(5):
        one.point(series, step, 0.5)
        one.line("a", "e", f"line {step}")
        one.say(events.TAGS, {"step": step})
    assert one.close(10)
    kinds = [event.type for event in way.events()][1:-1]
    assert kinds == [events.METRICS, events.LOGS, events.TAGS] * 5


def test_points_of_a_series_travel_in_columns(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    loss, accuracy = one.series("a", "e", "loss"), one.series("a", "e", "acc")
    for i in range(10_000):
        one.point(loss, None, float(i), 1000 + i)
        one.point(accuracy, i, i, 1000 + i)
    assert one.close(10)
    said = way.events(events.METRICS)
    assert len(said) < 60
    assert values(said, "loss") == [float(i) for i in range(10_000)]
    assert values(said, "acc") == list(range(10_000))
    of_loss = next(event for event in said if codec.payload(event).name == "loss")
    first = codec.payload(of_loss)
    assert (first.name, first.at, first.time[:2]) == ("loss", None, [1000, 1001])
    assert of_loss.time == first.time[-1]
    assert (of_loss.subject, of_loss.execution) == ("a", "e")
    assert [at for event in said for at in codec.payload(event).at or []] == list(range(10_000))


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1),
            st.floats() | st.integers(-(2**63), 2**63 - 1),
            st.integers(0, 2**50),
        ),
        max_size=40,
    )
)
@settings(max_examples=25, deadline=None)
def test_every_number_survives(tmp_path_factory: pytest.TempPathFactory, points: list[tuple]) -> None:
    way = MemoryTransport()
    one = session(tmp_path_factory.mktemp("s"), way)
    series = one.series("a", "e", "loss")
    for at, value, when in points:
        one.point(series, at, value, when)
    assert one.close(10)
    found = []
    for event in way.events(events.METRICS):
        data = codec.payload(event)
        ats = [None] * len(data.time) if data.at is None else codec.read(data.at)
        found += zip(ats, codec.read(data.value), data.time, strict=True)

    def spelled(rows: list[tuple]) -> list[str]:
        return sorted(repr(row) for row in rows)

    assert spelled(found) == spelled(points)


def test_nan_and_the_infinities_survive(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    series = one.series(None, None, "loss")
    for value in (math.nan, math.inf, -math.inf):
        one.point(series, None, value)
    one.points(series, None, [math.nan, math.inf])
    assert one.close(10)
    assert [repr(value) for value in values(way.events())] == ["nan", "inf", "-inf", "nan", "inf"]


def test_columns_of_points_of_any_length(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    series = one.series("a", "e", "loss")
    one.points(series, range(40_000), [i / 7 for i in range(40_000)])
    one.points(series, None, [1, 2], [5, 6])
    assert one.close(10)
    assert values(way.events()) == [i / 7 for i in range(40_000)] + [1, 2]
    assert codec.payload(way.events(events.METRICS)[-1]).time == [5, 6]


def test_wrong_arguments_are_told_at_the_call(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    series = one.series("a", "e", "loss")
    with pytest.raises(TypeError, match="value is 'high'"):
        one.point(series, None, "high")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at has 1 entries, value has 2"):
        one.points(series, [1], [1, 2])
    with pytest.raises(ValueError, match="make it an artifact"):
        one.say(events.PARAMS, {"x": "y" * 1_100_000})
    assert one.close(10)


@pytest.mark.parametrize("size", [0, 1, 24, 25, 64, 65, 4000, 65_536, 65_537, 2_500_000])
def test_a_line_of_any_length_arrives_whole(tmp_path: Path, way: MemoryTransport, size: int) -> None:
    one = session(tmp_path, way)
    line = ("0123456789\u00e4\n" * (size // 11 + 1))[:size]
    one.line("a", "e", line)
    one.line("a", "e", "after")
    assert one.close(20)
    assert texts(way.events()) == [line, "after"]
    assert all(len(event.message) <= codec.MAX_EVENT for event in way.sent)


def test_bytes_that_are_not_utf8_survive_marked(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    one.line("a", "e", b"caf\xe9 \\ ok", "ERROR", "stderr")
    one.line("a", "e", "lone \udce9 surrogate")
    assert one.close(10)
    first, second = (codec.payload(event) for event in way.events(events.LOGS))
    assert (first.escaped, first.stream, first.level) == (True, "stderr", ["ERROR"])
    assert codec.unescape(first.text[0]) == b"caf\xe9 \\ ok"
    assert codec.unescape(second.text[0]) == b"lone \xe9 surrogate"


def test_progress_is_told_five_times_a_second_and_the_last_one_always(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    began = time.time_ns() // 1000
    for i in range(1001):
        one.progress("a", "e", i, 1000, "row", None, began + i * 1000)
    wait_for(lambda: any(1000.0 in codec.payload(event).done for event in way.events(events.PROGRESS)))
    assert one.close(10)
    done = [value for event in way.events(events.PROGRESS) for value in codec.payload(event).done]
    assert done[0] == 0
    assert done[-1] == 1000
    assert len(done) <= 7
    assert codec.payload(way.events(events.PROGRESS)[0]).unit == "row"


def test_progress_of_a_step_comes_before_its_end(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    one.progress("a", "e", 1, 2)
    one.progress("a", "e", 2, 2)
    one.say(events.STEP_FINISHED, events.StepFinished(state="SUCCEEDED"), subject="a", execution="e")
    assert one.flush(10)
    kinds = [event.type for event in way.events()]
    assert kinds.index(events.STEP_FINISHED) > kinds.index(events.PROGRESS)
    assert codec.payload(way.events(events.PROGRESS)[-1]).done[-1] == 2
    assert one.close(10)


def test_a_one_shot_session_neither_opens_nor_closes(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way, one_shot=True)
    one.say(events.TAGS, {"a": 1}, final=True)
    assert one.close(10)
    (event,) = way.events()
    assert (event.seq, event.final) == (0, True)
    assert list((tmp_path / "spool").iterdir()) == []


def test_losses_are_counted_and_said(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    one.lost("conversion")
    one.lost("conversion", 2)
    assert one.flush(10)
    one.lost("upload")
    assert one.close(10)
    counted: dict[str, int] = {}
    for event in way.events(events.LOSS):
        for reason, count in codec.payload(event).items():
            counted[reason] = counted.get(reason, 0) + count
    assert counted == {"conversion": 3, "upload": 1}


def test_after_the_end_nothing_is_said_and_nothing_raises(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    series = one.series("a", "e", "loss")
    assert one.close(10)
    before = len(way.sent)
    one.point(series, None, 1.0)
    one.line("a", "e", "late")
    one.say(events.TAGS, {})
    one.progress("a", "e", 1)
    assert one.close(10)
    assert one.flush(10)
    assert len(way.sent) == before


def test_many_threads_speak_at_once_and_nothing_is_lost(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)

    def speak(number: int) -> None:
        series = one.series("a", "e", f"s{number}")
        for i in range(5_000):
            one.point(series, None, i)
            if i % 100 == 0:
                one.line("a", "e", f"{number} {i} " + "x" * (i % 500))

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.close(20)
    said = unique(event.message for event in way.sent)
    for number in range(8):
        assert values(said, f"s{number}") == list(range(5_000))
    assert len(texts(said)) == 8 * 50


def test_a_bounded_wait_then_one_line_says_what_stays(
    tmp_path: Path, way: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    way.acknowledging = False
    one = session(tmp_path, way)
    one.line("a", "e", "waits")
    began = time.monotonic()
    assert not one.close(0.3)
    assert time.monotonic() - began < 9
    (line,) = [record.getMessage() for record in caplog.records if record.name == "runreel"]
    assert "runreel sync" in line
    assert "\n" not in line
    way.acknowledging = True
    wait_for(lambda: not list((tmp_path / "spool").iterdir()), what="the worker ships on in the background")


def test_heartbeats_are_said_while_connected_and_not_spooled(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way, heartbeat=0.05)
    one.line("a", "e", "first")
    wait_for(lambda: len(way.heartbeats) >= 2)
    assert one.close(10)
    beat = codec.decode(way.heartbeats[1].message)
    assert (beat.type, beat.id, beat.seq) == (events.HEARTBEAT, f"{one.id}-h1", None)
    assert codec.payload(beat).interval == 0.05
    assert codec.payload(beat).said >= 0
    unique(event.message for event in way.sent)


def test_a_spool_folder_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SettingError, match="RUNREEL_SPOOL_DIR"):
        session(tmp_path, MemoryTransport())


def test_a_session_rolls_over_before_its_seq_ends(
    tmp_path: Path, way: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runreel.spool.shipper.LAST_SEQ", 4)
    one = session(tmp_path, way)
    first = one.id
    for i in range(7):
        one.say(events.TAGS, {"i": i})
    assert one.close(10)
    said = unique(event.message for event in way.sent)
    by_session: dict[str, list] = {}
    for event in way.events():
        by_session.setdefault(event.session or "", []).append(event)
    assert len(by_session) == 3
    assert all(codec.payload(whole[-1]).last == whole[-1].seq for whole in by_session.values())
    parents = [codec.payload(whole[0]).parent for whole in by_session.values()]
    assert parents == [None, *list(by_session)[:2]]
    assert next(iter(by_session)) == first
    assert sorted(codec.payload(event)["i"] for event in said if event.type == events.TAGS) == list(range(7))


def test_a_session_that_nobody_holds_any_more_still_ships(tmp_path: Path, way: MemoryTransport) -> None:
    one = session(tmp_path, way)
    one.line("a", "e", "kept")
    del one
    gc.collect()
    wait_for(lambda: texts(way.events()) == ["kept"])


def test_a_signal_handler_that_logs_at_1_khz_in_a_loop_of_calls(tmp_path: Path) -> None:
    """It interrupts calls at any place; a lock would deadlock here."""
    process = child(
        tmp_path,
        """
import json
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
import itertools
count, enough = itertools.count(), False
def handler(number, frame):  # it may interrupt itself
    global enough
    one.line("a", "e", "signal")
    heard = next(count)
    one.point(one.series("a", "e", "signals"), None, heard)
    enough = enough or heard > 1000
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
said, end = 0, time.monotonic() + 60
while not enough and time.monotonic() < end:
    one.point(series, None, said)
    one.line("a", "e", "x" * 300)
    one.say("runreel.tags", {"i": said}) if said % 1000 == 0 else None
    said += 1
signal.setitimer(signal.ITIMER_REAL, 0, 0)
print(json.dumps({"said": said, "heard": next(count), "closed": one.close(30)}))
""",
    )
    answer = told(process)
    assert answer["closed"], process
    assert answer["heard"] > 1000
    said = unique(wired(tmp_path / "wire"))
    assert values(said) == list(range(answer["said"]))
    assert sorted(values(said, "signals")) == list(range(answer["heard"]))
    assert len(texts(said)) == answer["said"] + answer["heard"]


def test_a_handler_that_raises_in_the_middle_of_calls_holds_up_nothing(tmp_path: Path) -> None:
    """As Ctrl-C in a notebook: a slot whose writer was thrown out of its call is not waited for."""
    process = child(
        tmp_path,
        """
import json
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
class Out(Exception): pass
def handler(number, frame): raise Out
signal.signal(signal.SIGALRM, handler)
said, out, end = 0, 0, time.monotonic() + 60
while out < 500 and time.monotonic() < end:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        while True:
            one.point(series, None, said)
            one.line("a", "e", "x" * 2000)
            said += 1
    except Out:
        out += 1
signal.setitimer(signal.ITIMER_REAL, 0)
closed = one.close(30)
print(json.dumps({"said": said, "out": out, "closed": closed, "left": len(list((folder / "spool").iterdir()))}))
""",
    )
    answer = told(process)
    assert answer["closed"]
    assert answer["left"] == 0
    assert answer["out"] >= 500
    said = unique(wired(tmp_path / "wire"))
    assert sorted(set(values(said))) == list(range(max(values(said)) + 1))
    assert answer["said"] <= len(texts(said)) <= answer["said"] + answer["out"]
