"""When the catalog says what: at once where somebody waits, and again where the built-in broker forgot it unheard."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from archiving import Kept, Speaker, whole
from cataloging import PLACE, Archive, archive, impatient
from runreel import codec
from runreel.deadline import Deadline
from runreel.events import (
    CONFLICT,
    GRAPH,
    HEARTBEAT,
    RUN_FINISHED,
    SESSION_OFFSET,
    STEP_FINISHED,
    STEP_STARTED,
    Event,
    Graph,
    GraphStep,
    Heartbeat,
    RunStarted,
    StepFinished,
    StepStarted,
)
from runreel_consumers.archive.followers import Batch, Follower
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.catalog import follower
from support import wait_for

__all__ = ["archive", "impatient"]

SECOND = 1_000_000


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "AGAIN_SECONDS", 0.3)


def said_twice(archive: Archive, kind: str) -> Event:
    """The first one is lost; the second has the same bytes, and comes back."""
    first = wait_for(lambda: archive.take() or archive.said(kind))[0]
    archive.letters.sent.clear()
    [second] = wait_for(lambda: archive.take() or archive.said(kind))
    assert codec.encode(second) == codec.encode(first)
    archive.take(second)
    archive.letters.sent.clear()
    return second


def silent(archive: Archive, kind: str) -> bool:
    """Whether it is not said any more: for longer than it takes to say it again."""
    deadline = archive.catalog._ticked + 1.0
    wait_for(lambda: archive.take() or archive.catalog._ticked > deadline)
    return archive.said(kind) == []


def test_the_end_by_grace_is_said_until_it_is_heard(archive: Archive) -> None:
    step = Speaker()
    archive.take(
        step.say(GRAPH, Graph(steps={"a": GraphStep()})),
        step.say(STEP_STARTED, StepStarted(), "a", "x"),
        step.say(STEP_FINISHED, StepFinished(state="SUCCEEDED"), "a", "x"),
        step.say("runreel.session.closed", {"last": 3, "how": "clean"}),
    )
    archive.now += 61 * SECOND
    said_twice(archive, RUN_FINISHED)
    wait_for(lambda: archive.take() or archive.stored().get(step.run, {}).get("state") == "SUCCEEDED")
    assert silent(archive, RUN_FINISHED)


def test_a_clock_that_is_off_is_said_until_it_is_heard_though_no_heartbeat_follows(archive: Archive) -> None:
    speaker = Speaker()
    life = whole(speaker, 3)
    beat = msgspec.structs.replace(
        speaker.say(HEARTBEAT, Heartbeat(interval=5.0)),
        seq=None,
        id=f"{speaker.session}-h0",
        time=archive.now - 10 * SECOND,
    )
    archive.take(*life[:5], beat)
    said = said_twice(archive, SESSION_OFFSET)
    assert codec.payload(said).offset >= 10 * SECOND - 5000
    assert silent(archive, SESSION_OFFSET)


def test_a_conflict_is_said_until_it_is_heard_and_the_objects_wait_for_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = Speaker()
    life = whole(speaker, 6)
    other = msgspec.structs.replace(life[1], data=codec.encode_data(RunStarted(pipeline="another")))
    made: list[int] = []
    make = RunObjects.make
    monkeypatch.setattr(
        RunObjects, "make", lambda self, log, run, *rest: made.append(run) or make(self, log, run, *rest)
    )
    archive.take(*life, other)
    said_twice(archive, CONFLICT)
    wait_for(lambda: archive.take() or not list(Keyframes(archive.store).runs()))
    assert len(made) == 2  # before it was told, and after
    assert archive.stored()[speaker.run]["conflicts"] == 1
    assert silent(archive, CONFLICT)


def test_a_summary_whose_notification_is_lost_is_in_the_stored_catalog(archive: Archive) -> None:
    """Servers read it every few seconds, whatever they were told."""
    speaker = Speaker()
    archive.take(*whole(speaker, 6))
    archive.letters.sent.clear()
    wait_for(lambda: archive.take() or archive.stored().get(speaker.run, {}).get("complete"))


def test_a_new_run_and_its_end_are_told_with_their_batch_before_anybody_is_answered(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So whoever waits for its events to be stored finds the run in the list afterwards, as it is."""
    monkeypatch.setattr(follower, "TELL_SECONDS", 1e9)
    speaker, states = Speaker(), []

    class Answering(Follower):
        def stored(self, batches: Sequence[Batch], deadline: Deadline) -> None:
            states.append({run: summary["state"] for run, summary in archive.told().items()})

    archive.sink._followers = [archive.catalog, Answering()]
    life = whole(speaker, 6)
    for part in (life[:2], life[2:8], life[8:9], life[9:]):
        messages = [Kept(codec.encode(event), archive.offset + i) for i, event in enumerate(part)]
        archive.offset += len(part)
        archive.sink.add(PLACE, messages)
        archive.sink.flush(Deadline(30))
    assert states == [{speaker.run: state} for state in ("RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED")]
    assert len([one for one in archive.letters.sent if one["topic"] == "runreel.runs"]) == 2
