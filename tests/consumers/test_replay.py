"""Replay, export and import: the same run again, under another id or under its own."""

from __future__ import annotations

from collections.abc import Iterable
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
    PARAMS,
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
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.reader import Reader
from runreel_consumers.replay import Renewal, in_turn, part
from runreel_consumers.store import DirectoryStore
from runreel_consumers.transfer import export, load

SECOND = 1_000_000


def said_by(events: Iterable[Event]) -> dict[str, Intervals]:
    """The seqs of each session."""
    said: dict[str, Intervals] = {}
    for event in events:
        assert event.session is not None
        assert event.seq is not None
        add(said.setdefault(event.session, []), event.seq)
    return said


def whole(speaker: Speaker, count: int = 12) -> list[Event]:
    return [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(pipeline="p")),
        *speaker.mixture(count),
        speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)),
    ]


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
    assert list(renewal.losses(said_by(said))) == []
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
    there = said[:4] + said[7:]
    for event in there:
        renewal.renew(event)
    (loss,) = renewal.losses(said_by(there))
    assert (loss.type, loss.run, loss.seq, loss.final) == (LOSS, new, 0, True)
    assert codec.payload(loss) == {"origin": 3}


def test_of_a_part_only_what_is_missing_within_it_is_told_as_a_loss() -> None:
    speaker = Speaker()
    said = whole(speaker, 30)
    there = [event for event in said if event.seq not in (3, 16, 17, 30)]
    taken = [event for event in there if 10 <= (event.seq or 0) <= 25]
    renewal = Renewal(ids.new_run(), speaker.run, whole=False)
    for event in taken:
        renewal.renew(event)
    (loss,) = renewal.losses(said_by(there))
    assert codec.payload(loss) == {"origin": 2}


def test_a_replay_of_a_replay_tells_a_loss_once() -> None:
    speaker, first, second = Speaker(), ids.new_run(), ids.new_run()
    said = whole(speaker)
    del said[4:7]
    once = Renewal(first, speaker.run)
    replayed = [once.renew(event) for event in said]
    replayed += once.losses(said_by(said))
    twice = Renewal(second, first)
    again = [twice.renew(event) for event in replayed]
    assert list(twice.losses(said_by(replayed))) == []
    views = [fold(events).view() for events in (replayed, again)]
    assert [view["losses"] for view in views] == [{"origin": 3}, {"origin": 3}]
    assert [[(gap["from"], gap["to"]) for gap in view["missing"]] for view in views] == [[(4, 6)], [(4, 6)]]
    assert views[1]["origin"] == {"run": first, "first": speaker.run}


def test_what_is_not_known_here_is_told_again_too() -> None:
    speaker = Speaker()
    event = speaker.say("runreel.metrics", {"name": "x", "time": [START], "value": [1], "later": {"a": 1}}, "train")
    renewed = Renewal(ids.new_run(), speaker.run, shift=SECOND).renew(event)
    assert renewed.data == b'{"name":"x","time":[%d],"value":[1],"later":{"a":1}}' % (START + SECOND)
    broken = msgspec.structs.replace(event, data=b'{"time":"then"}')
    assert Renewal(ids.new_run(), speaker.run, shift=SECOND).renew(broken).data == broken.data


def test_an_execution_that_several_join_follows_from_the_new_run() -> None:
    speaker, new = Speaker(), ids.new_run()
    joined = ids.joined_execution(speaker.run, "train")
    renewal = Renewal(new, speaker.run)
    said = [speaker.say(PARAMS, {"a": 1}, "train", execution) for execution in (joined, "own")]
    assert [renewal.renew(event).execution for event in said] == [ids.joined_execution(new, "train"), "own"]


def test_a_session_speaks_in_the_order_of_its_seqs() -> None:
    """A batch of points is stamped by its last row, and may come after what was said later."""
    one, other = Speaker(), Speaker()
    first, second, third = one.param(0), one.param(1), one.param(2)
    late = msgspec.structs.replace(second, time=third.time + SECOND)
    between = other.param(9)
    told = list(in_turn([first, third, between, late], {one.session: [0, 2], other.session: [0, 0]}))
    assert told == [first, between, late, third]
    gap = list(in_turn([first, third, between], {one.session: [0, 0, 2, 2], other.session: [0, 0]}))
    assert gap == [first, third, between]


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
    assert list(renewal.losses(said_by(said))) == []
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
