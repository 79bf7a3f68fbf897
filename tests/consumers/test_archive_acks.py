"""The files of acknowledgements: what they hold, and when they go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from archiving import Kept, Letters, Speaker, settings
from runreel import codec
from runreel.deadline import Deadline
from runreel.events import SESSION_CLOSED, Event, SessionClosed
from runreel.hub import acknowledged
from runreel_consumers.archive.acks import KEPT, Acks
from runreel_consumers.archive.followers import Batch
from runreel_consumers.archive.positions import Epoch
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.loop import Place
from runreel_consumers.store import DirectoryStore


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def acks(tmp_path: Path, clock: Clock) -> Acks:
    return Acks(tmp_path / "acks", tmp_path / "spool", clock)


def store(acks: Acks, *events: Event) -> None:
    offsets = list(range(len(events)))
    epoch = Epoch(ordinal=0, id="id", topic="runreel.events", partitions=1)
    batch = Batch(epoch, 0, 0, len(events), list(events), offsets, [0] * len(events), [])
    acks.stored([batch], Deadline(5))


def closed(speaker: Speaker) -> Event:
    return speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq))


def left(tmp_path: Path) -> set[str]:
    return set(os.listdir(tmp_path / "acks"))


def test_a_closed_sessions_file_goes_after_its_time(acks: Acks, clock: Clock, tmp_path: Path) -> None:
    one, other = Speaker(), Speaker()
    store(acks, one.param(0), one.param(1), closed(one), other.param(0))
    assert acknowledged(tmp_path / "acks", one.session) == 2
    acks.tick()
    clock.now += KEPT - 10
    acks.tick()
    assert left(tmp_path) == {one.session, other.session}
    clock.now += 3700
    acks.tick()
    assert left(tmp_path) == {other.session}  # it may still speak


def test_it_stays_while_its_spool_is_there(acks: Acks, clock: Clock, tmp_path: Path) -> None:
    one = Speaker()
    store(acks, one.param(0), closed(one))
    (tmp_path / "spool" / one.session).mkdir(parents=True)
    clock.now += KEPT + 10
    acks.tick()
    assert left(tmp_path) == {one.session}
    (tmp_path / "spool" / one.session).rmdir()
    acks.tick()
    assert left(tmp_path) == {one.session}  # a look is not taken at every tick
    clock.now += 3700
    acks.tick()
    assert left(tmp_path) == set()


def test_one_that_is_closed_with_a_gap_is_not_closed_yet(acks: Acks, clock: Clock, tmp_path: Path) -> None:
    one = Speaker()
    first, second, third = one.param(0), one.param(1), closed(one)
    store(acks, first, third)
    clock.now += KEPT + 10
    acks.tick()
    assert acknowledged(tmp_path / "acks", one.session) == 0
    store(acks, second)
    assert acknowledged(tmp_path / "acks", one.session) == 2
    clock.now += KEPT + 3700
    acks.tick()
    assert left(tmp_path) == set()


def test_after_a_restart_a_copy_is_acknowledged_as_before(acks: Acks, clock: Clock, tmp_path: Path) -> None:
    one = Speaker()
    said = [one.param(0), one.param(1), closed(one)]
    store(acks, *said)
    again = Acks(tmp_path / "acks", tmp_path / "spool", clock)
    store(again, said[1])
    assert acknowledged(tmp_path / "acks", one.session) == 2
    clock.now += KEPT + 10
    again.tick()
    assert left(tmp_path) == set()


def test_a_one_shot_session_is_closed_by_its_last_event(acks: Acks, clock: Clock, tmp_path: Path) -> None:
    one = Speaker()
    last = msgspec.structs.replace(one.param(0), final=True)
    store(acks, last)
    clock.now += KEPT + 10
    acks.tick()
    assert left(tmp_path) == set()


def test_what_a_topic_may_not_carry_is_a_dead_letter_and_acknowledged(acks: Acks, tmp_path: Path) -> None:
    """Else its emitter would send it for ever; also where nothing but it has come."""
    store_, one, other = DirectoryStore(tmp_path / "store"), Speaker(workspace="elsewhere"), Speaker(workspace="team")
    letters = Letters()
    sink = ArchiveSink(settings(topic_workspaces={"runreel.events": "team"}), store_, letters, [acks])  # type: ignore[arg-type]
    place = Place("runreel.events", 0, "one")
    sink.opened(place, 1, 0)
    said = [one.param(0), one.param(1), other.param(0), closed(one)]
    sink.add(place, [Kept(codec.encode(event), offset) for offset, event in enumerate(said[:3])])
    assert not sink.awaited
    sink.flush(Deadline(5))
    sink.add(place, [Kept(codec.encode(said[3]), 3)])
    assert sink.awaited
    sink.flush(Deadline(5))
    folder = tmp_path / "acks"
    assert (acknowledged(folder, one.session), acknowledged(folder, other.session)) == (2, 0)
    assert (sink.counts["dead"], sink.counts["events"]) == (3, 1)
    assert [letter["value"] for letter in letters.sent] == [
        codec.encode(event) for event in said if event.run == one.run
    ]
