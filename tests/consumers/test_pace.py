"""The pace of a replay, its pauses, and the signs of life meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from archiving import Speaker
from runreel import codec
from runreel.events import HEARTBEAT, SESSION_CLOSED, SESSION_OPENED, Event, SessionClosed, SessionOpened
from runreel_consumers.beats import INTERVAL, Beats
from runreel_consumers.pace import Pace
from support import wait_for

SECOND = 1_000_000


def apart(seconds: float, count: int = 3) -> list[Event]:
    """Events that are so far apart."""
    speaker, said = Speaker(), []
    for _ in range(count):
        speaker.time += int(seconds * SECOND)
        said.append(speaker.param(1))
    return said


def test_events_come_at_the_runs_pace_or_faster() -> None:
    said = apart(0.1)
    begin = time.monotonic()
    assert list(Pace(1.0).events(said)) == said
    slow = time.monotonic() - begin
    begin = time.monotonic()
    assert list(Pace(float("inf")).events(said)) == said
    fast = time.monotonic() - begin
    assert slow >= 0.2
    assert fast < slow


def test_what_is_before_its_start_comes_at_once() -> None:
    said = apart(3600)
    assert next(Pace(1.0).events(said[:2], said[1].time)) == said[0]
    assert list(Pace(1.0).events(said[:2], said[1].time)) == said[:2]


def test_a_replay_ends_when_told_to() -> None:
    first, second, _ = apart(3600)
    stop = threading.Event()
    replayed = Pace(stop=stop).events([first, second])
    assert next(replayed) == first
    stop.set()
    assert list(replayed) == []


def test_a_pause_holds_it_and_it_goes_on_from_there() -> None:
    """Not with all at once that would have come meanwhile."""
    pace, came = Pace(1.0), list[float]()
    said = apart(0.5)

    def play() -> None:
        for _ in pace.events(said):
            came.append(time.monotonic())
            if len(came) == 1:
                pace.toggle()  # here, so that no busy machine lets the second come before

    thread = threading.Thread(target=play)
    thread.start()
    wait_for(lambda: pace.paused)
    begin = time.monotonic()
    wait_for(lambda: time.monotonic() - begin > 1.5)
    assert len(came) == 1
    again = time.monotonic()
    pace.toggle()
    thread.join(30)
    assert len(came) == 3
    assert came[2] - again >= 0.5  # 1.0, were nothing else on this machine


def test_it_can_be_told_to_end_in_a_pause() -> None:
    stop = threading.Event()
    pace = Pace(float("inf"), stop=stop)
    pace.toggle()
    thread = threading.Thread(target=lambda: list(pace.events(apart(1))))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="write a number above 0, or max"):
        Pace(speed)


def test_a_stopped_process_goes_on_from_where_it_was() -> None:
    """SIGSTOP cannot be caught, Ctrl-Z need not be: the time that is lost is told by the clock."""
    source = """
        import time
        from types import SimpleNamespace
        from runreel_consumers.pace import Pace
        events = [SimpleNamespace(time=int(i * 400_000)) for i in range(6)]
        for event in Pace(1.0).events(events):
            print(time.monotonic(), flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        came = [float(process.stdout.readline())]
        # It sleeps, so it waits for the next one: what passes while an event is handed on is the reader's own time.
        wait_for(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].startswith("S"))
        os.kill(process.pid, signal.SIGSTOP)
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 3.0)
        os.kill(process.pid, signal.SIGCONT)
        came += [float(line) for line in process.stdout]
    assert len(came) == 6
    assert came[-1] - came[1] >= 0.8  # 1.6, were each printed at once


def test_sessions_give_signs_of_life_of_now_while_they_lived() -> None:
    now, sent = [0.0], list[Event]()
    speaker, closing, silent = Speaker(), Speaker(), Speaker()
    beats = Beats(sent.append, {speaker.session: 7 * SECOND}, clock=lambda: now[0])
    for one in (speaker, closing, silent):
        beats.heard(one.say(SESSION_OPENED, SessionOpened(role="owner")))
    beats.heard(speaker.param(1))
    beats.heard(closing.say(SESSION_CLOSED, SessionClosed(last=1)))
    beats.tick(speaker.time)
    assert sent == []
    now[0] = INTERVAL
    speaker.time += 60 * SECOND
    beats.heard(speaker.param(2))
    before = time.time_ns() // 1000
    beats.tick(speaker.time)
    (beat,) = sent
    assert (beat.type, beat.session, beat.seq, beat.run) == (HEARTBEAT, speaker.session, None, speaker.run)
    assert 0 <= beat.time + 7 * SECOND - before < 60 * SECOND
    assert (codec.payload(beat).said, codec.payload(beat).interval) == (2, INTERVAL)
    beats.tick(speaker.time)
    assert len(sent) == 1
