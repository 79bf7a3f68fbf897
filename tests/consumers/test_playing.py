"""How a replay that was broken off is gone on with: the command that it says plays the rest of the same part."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from archiving import Speaker, store_events, whole
from runreel.codec import iso
from runreel.errors import NotReachable
from runreel.events import RUN_STARTED, Event, RunStarted
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.bulk import Bulk
from runreel_consumers.playing import STOPPED, Playing
from runreel_consumers.replaying import Replay
from runreel_consumers.store import DirectoryStore
from runreel_consumers.transfer import HEADERS


def test_the_rest_of_a_part_is_shown_up_to_the_same_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, stop = Speaker(), threading.Event()
    events = whole(speaker, 60)
    store_events(DirectoryStore(tmp_path), events, each=9)
    last = events[40].time
    replay = Replay(Reader(DirectoryStore(tmp_path)), speaker.run, speed=float("inf"), until=iso(last), stop=stop)
    shown: list[Event] = []

    def told(event: Event) -> list[str]:
        shown.append(event)
        if len(shown) == 7:
            stop.set()
        return [event.type]

    monkeypatch.setattr("runreel_consumers.replaying.told", told)
    assert Playing(replay, speaker.run, "max", stop).show() == STOPPED
    said = capsys.readouterr().err.splitlines()[-1]
    assert len(shown) == 7
    assert said.endswith(f"--from {iso(shown[-1].time)} --until {iso(last)} --speed max")


def test_a_run_of_many_processes_is_shown_to_begin_once(tmp_path: Path) -> None:
    speaker = Speaker()
    begins = [speaker.say(RUN_STARTED, RunStarted(pipeline="p")) for _ in range(3)]
    store_events(DirectoryStore(tmp_path), [*begins, *whole(speaker, 5)])
    shown: list[str] = []
    replay = Replay(Reader(DirectoryStore(tmp_path)), speaker.run, speed=float("inf"))
    replay.show(shown.append)
    assert sum("▶ p" in line for line in shown) == 1


@pytest.mark.parametrize("keep", [False, True])
def test_a_part_of_which_nothing_arrived_is_begun_again_as_that_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    class Away:
        """A Kafka that takes nothing."""

        def __init__(self, settings: Settings) -> None:
            pass

        def topic(self, workspace: str) -> str:
            return workspace

        def outbox(self, stop: threading.Event) -> Away:
            return self

        def send(self, *message: object, **how: object) -> None:
            raise NotReachable("Kafka is away")

    speaker, stop = Speaker(), threading.Event()
    events = whole(speaker, 60)
    store_events(DirectoryStore(tmp_path), events, each=9)
    first, last = iso(events[20].time), iso(events[40].time)
    replay = Replay(
        Reader(DirectoryStore(tmp_path)), speaker.run, speed=float("inf"), start=first, until=last, stop=stop
    )
    monkeypatch.setattr("runreel_consumers.playing.Line", Away)
    with pytest.raises(NotReachable):
        Playing(replay, speaker.run, "max", stop).send(Settings(environ={"HOME": "/nonexistent"}), None, keep=keep)
    said = capsys.readouterr().err.splitlines()[-1]
    kept = " --times kept" if keep else ""
    assert said.endswith(f" --from {first} --until {last}{kept} --speed max"), said


def test_a_queue_that_is_full_holds_nobody_who_wants_to_end() -> None:
    stop = threading.Event()
    quiet = Settings(environ={"HOME": "/nonexistent"}).replace(kafka_config={"queue.buffering.max.messages": "2"})
    outbox = Bulk(quiet, "127.0.0.1:1", HEADERS, stop)
    outbox.send("topic", b"1", key=b"r", headers=HEADERS)
    outbox.send("topic", b"2", key=b"r", headers=HEADERS)
    stop.set()
    with pytest.raises(NotReachable, match="stopped while Kafka took nothing"):
        outbox.send("topic", b"3", key=b"r", headers=HEADERS)
    outbox.open().purge()
