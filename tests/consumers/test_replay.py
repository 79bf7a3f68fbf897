"""Replay, export and import: the same run again, under another id or under its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from archiving import START, Letters, Speaker, store_events
from runreel import codec, ids
from runreel.errors import CodecError, NotFound
from runreel.events import (
    CONFLICT,
    LOSS,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OFFSET,
    SESSION_OPENED,
    STREAMS,
    Conflict,
    Event,
    RunStarted,
    SessionClosed,
    SessionOffset,
    SessionOpened,
)
from runreel.ids import derived_session
from runreel.state import fold
from runreel_consumers.archive.reader import Reader
from runreel_consumers.replay import Renewal, paced, part
from runreel_consumers.store import DirectoryStore
from runreel_consumers.transfer import export, load

SECOND = 1_000_000


def whole(speaker: Speaker, count: int = 12) -> list[Event]:
    return [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(pipeline="p")),
        *speaker.mixture(count),
        speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)),
    ]


def test_events_come_at_the_runs_pace_or_faster() -> None:
    speaker = Speaker()
    said = []
    for _ in range(3):
        speaker.time += SECOND // 10
        said.append(speaker.param(1))
    begin = time.monotonic()
    assert list(paced(said, speed=1.0)) == said
    slow = time.monotonic() - begin
    begin = time.monotonic()
    assert list(paced(said, speed=float("inf"))) == said
    fast = time.monotonic() - begin
    assert slow >= 0.2
    assert fast < slow


def test_a_replay_ends_when_told_to() -> None:
    speaker = Speaker()
    first = speaker.param(1)
    speaker.time += 3600 * SECOND
    stop = threading.Event()
    replayed = paced([first, speaker.param(2)], stop=stop)
    assert next(replayed) == first
    stop.set()
    assert list(replayed) == []


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="write a number above 0, or max"):
        list(paced([], speed=speed))


def test_a_part_begins_with_all_structure_from_before_it() -> None:
    said = whole(Speaker(), 30)
    start, until = said[15].time, said[20].time
    found = list(part(lambda: said, start, until))
    assert found == [event for event in said[:15] if event.type not in STREAMS] + said[15:21]
    assert list(part(lambda: said, None, None)) == said


def test_a_replayed_run_is_the_same_but_for_its_id_and_origin() -> None:
    speaker, new = Speaker(), ids.new_run()
    member = Speaker(speaker.run)
    joined = member.say(SESSION_OPENED, SessionOpened(role="member", parent=speaker.session))
    said = [*whole(speaker), joined, *member.mixture(5)]
    renewal = Renewal(new, speaker.run)
    renewed = [renewal.renew(event) for event in said]
    assert list(renewal.losses()) == []
    assert {event.run for event in renewed} == {new}
    assert [event.seq for event in renewed] == [event.seq for event in said]
    assert {event.session for event in renewed} == {derived_session(new, s.session) for s in (speaker, member)}
    assert all(event.id == f"{event.session}-{event.seq}" for event in renewed)
    assert renewed == [Renewal(new, speaker.run).renew(event) for event in said]
    old, again = fold(said).view(), fold(renewed).view()
    assert again["origin"] == {"run": speaker.run}
    assert codec.payload(renewed[len(said) - 6]).parent == renewed[0].session
    for name in ("pipeline", "state", "started", "params", "steps", "missing", "events"):
        assert again[name] == old[name]


def test_what_is_said_of_a_session_is_said_of_its_replay() -> None:
    speaker = Speaker()
    new = ids.new_run()
    said = [speaker.param(1), speaker.say(CONFLICT, Conflict(session=speaker.session, seq=0, hashes=["a", "b"]))]
    said.append(speaker.say(SESSION_OFFSET, SessionOffset(session=speaker.session, offset=3)))
    renewal = Renewal(new, speaker.run)
    session = derived_session(new, speaker.session)
    assert [codec.payload(renewal.renew(event)).session for event in said[1:]] == [session, session]


def test_what_the_origin_lacks_is_told_as_a_loss() -> None:
    speaker, new = Speaker(), ids.new_run()
    said = whole(speaker)
    renewal = Renewal(new, speaker.run)
    for event in said[:4] + said[7:]:
        renewal.renew(event)
    (loss,) = renewal.losses()
    assert (loss.type, loss.run, loss.seq, loss.final) == (LOSS, new, 0, True)
    assert codec.payload(loss) == {"origin": 3}


def test_a_part_is_counted_anew_without_gaps_and_times_shift_in_rows_too() -> None:
    speaker, new = Speaker(), ids.new_run()
    said = whole(speaker, 30)
    taken = list(part(lambda: said, said[15].time, None))
    renewal = Renewal(new, speaker.run, whole=False, shift=SECOND)
    renewed = [renewal.renew(event) for event in taken]
    assert [event.seq for event in renewed] == list(range(len(taken)))
    assert [event.time for event in renewed] == [event.time + SECOND for event in taken]
    assert codec.payload(renewed[-1]).last == len(taken) - 1
    for old, again in zip(taken, renewed, strict=True):
        if old.type in STREAMS:
            assert codec.payload(again).time == [when + SECOND for when in codec.payload(old).time]
    assert list(renewal.losses()) == []
    assert fold(renewed).view()["missing"] == []


def test_a_run_goes_out_as_cloudevents_and_back_and_adds_nothing(tmp_path: Path) -> None:
    store, speaker = DirectoryStore(tmp_path), Speaker()
    said = whole(speaker, 30)
    store_events(store, said, each=7)
    reader = Reader(store)
    lines = list(export(reader, speaker.run))
    outside = [JSONFormat().read(CloudEvent, line) for line in lines]
    assert [event.get_id() for event in outside] == [event.id for event in said]
    letters, told = Letters(), []
    assert load(iter([*lines, b"\n"]), letters, "runreel.events", told.append) == len(said)  # type: ignore[arg-type]
    assert told == [len(said)]
    sent = [codec.decode(one["value"]) for one in letters.sent]
    assert sent == said
    assert {one["key"] for one in letters.sent} == {speaker.run.encode()}
    store_events(store, sent, first=len(said))
    assert list(export(reader, speaker.run)) == lines


def test_a_run_that_is_not_there_cannot_go_out(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no run"):
        next(export(Reader(DirectoryStore(tmp_path)), ids.new_run()))


def test_a_line_that_is_no_event_is_named() -> None:
    good = codec.encode(Speaker().param(1))
    bare = codec.encode(msgspec.structs.replace(Speaker().param(1), session=None, seq=None, id="x", time=START))
    for lines, message in (([good, b"{}"], "line 2: not an event"), ([bare], "line 1: session is missing")):
        with pytest.raises(CodecError, match=message):
            load(lines, Letters(), "runreel.events")  # type: ignore[arg-type]
