"""What the catalog expects of a run, by the last one of its pipeline that succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from archiving import START, Speaker
from cataloging import Archive, archive, impatient
from runreel import codec
from runreel.events import (
    GRAPH,
    RUN_FINISHED,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OPENED,
    STEP_FINISHED,
    STEP_STARTED,
    Event,
    Graph,
    GraphStep,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
    StepFinished,
    StepStarted,
)
from runreel.state import fold
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.catalog import follower, learning, pipelines
from support import wait_for

__all__ = ["archive", "impatient"]

SECOND = 1_000_000


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LEARN_SECONDS", 0.0)


def begins(speaker: Speaker, **more: Any) -> list[Event]:
    return [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(**{"pipeline": "p", **more})),
    ]


def step(speaker: Speaker, path: str, *parents: str, total: float | None = None) -> list[Event]:
    started = StepStarted(parents=list(parents), total=total)
    return [
        speaker.say(STEP_STARTED, started, path, f"x-{path}"),
        speaker.say(STEP_FINISHED, StepFinished(state="SUCCEEDED"), path, f"x-{path}"),
    ]


def ends(speaker: Speaker, state: Any = "SUCCEEDED") -> list[Event]:
    return [
        speaker.say(RUN_FINISHED, RunFinished(state=state)),
        speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)),
    ]


def first_run(speaker: Speaker, state: str = "SUCCEEDED") -> list[Event]:
    declared = speaker.say(GRAPH, Graph(steps={"never": GraphStep()}))
    steps = [*step(speaker, "load", total=12), *step(speaker, "train", "load"), *step(speaker, "train/fold-1")]
    return [*begins(speaker), declared, *steps, *ends(speaker, state)]


def later(number: int = 1) -> Speaker:
    return Speaker(start=START + number * 60 * SECOND)


def put_away(archive: Archive, run: str) -> None:
    wait_for(lambda: RunObjects(archive.store).find(run) or archive.take())


@pytest.mark.parametrize("stored", [True, False])
def test_a_run_is_expected_to_do_what_the_last_one_did(archive: Archive, stored: bool) -> None:
    """Also right after that one's end, when its summary is not filed yet."""
    speaker, next_ = Speaker(), later()
    archive.take(*first_run(speaker))
    if stored:
        put_away(archive, speaker.run)
    archive.take(*begins(next_))
    (event,) = archive.said(GRAPH)
    assert (event.run, event.final, event.seq, event.time) == (next_.run, True, 0, next_.time)
    said = codec.payload(event)
    assert said.expected
    assert {path: (one.parents, one.total) for path, one in said.steps.items()} == {
        "load": ([], 12),
        "train": (["load"], None),
        "train/fold-1": ([], None),
    }
    archive.take(event)
    archive.take(*step(next_, "load"))
    assert len(archive.said(GRAPH)) == 1
    assert archive.told()[next_.run]["steps"] == {"total": 3, "SUCCEEDED": 1, "PENDING": 2}
    archive.take(*ends(next_))
    assert archive.told()[next_.run]["steps"] == {"total": 3, "SUCCEEDED": 1, "SKIPPED": 2}
    third = later(2)
    archive.take(*begins(third))
    assert list(codec.payload(archive.said(GRAPH)[-1]).steps) == ["load"]


def test_only_a_run_that_succeeded_teaches(archive: Archive) -> None:
    good, bad, other = Speaker(), later(1), Speaker(start=START + 120 * SECOND, workspace="elsewhere")
    archive.take(*first_run(good))
    archive.take(*begins(bad), *step(bad, "wrong"), *ends(bad, "FAILED"))
    archive.take(*begins(other))
    assert [event for event in archive.said(GRAPH) if event.run == other.run] == []
    next_ = later(3)
    archive.take(*begins(next_))
    assert "wrong" not in codec.payload(archive.said(GRAPH)[-1]).steps
    assert archive.said(GRAPH)[-1].run == next_.run


def test_who_says_it_himself_is_not_told(archive: Archive) -> None:
    """A graph of its own, a replay, a run that came whole, one without a pipeline, one that began long ago."""
    speaker = Speaker()
    archive.take(*first_run(speaker))
    declaring, replay, whole, nameless, old = (later(number) for number in range(1, 6))
    archive.take(*begins(declaring), declaring.say(GRAPH, Graph(steps={"own": GraphStep()})))
    archive.take(*begins(replay, origin={"run": speaker.run}))
    archive.take(*begins(whole), *ends(whole))
    archive.take(*begins(nameless, pipeline=""))
    archive.catalog._now = lambda: archive.now + 3600 * SECOND
    archive.take(*begins(old))
    assert archive.said(GRAPH) == []


def test_what_is_said_again_after_a_crash_is_the_same(archive: Archive) -> None:
    archive.take(*first_run(Speaker()))
    next_ = later()
    archive.take(*begins(next_))
    (once,) = archive.said(GRAPH)
    archive.now = next_.time
    archive.die()
    archive.take()
    (again,) = archive.said(GRAPH)
    assert codec.encode(again) == codec.encode(once)


def test_of_very_many_steps_those_within_others_are_left_out(monkeypatch: pytest.MonkeyPatch, archive: Archive) -> None:
    monkeypatch.setattr(learning, "MAX_EVENT", learning._ROOM + 90)
    archive.take(*first_run(Speaker()))
    archive.take(*begins(later()))
    assert list(codec.payload(archive.said(GRAPH)[-1]).steps) == ["load", "train"]


def test_at_a_past_moment_they_wait_as_they_did_then(archive: Archive) -> None:
    archive.take(*first_run(Speaker()))
    next_ = later()
    said = begins(next_)
    archive.take(*said)
    (event,) = archive.said(GRAPH)
    events = [*said, event, *step(next_, "load"), *ends(next_)]
    waiting = dict.fromkeys(["load", "train", "train/fold-1"], "PENDING")
    shown = [
        {path: one["state"] for path, one in fold(events, until).view()["steps"].items()}
        for until in (said[-1].time, None)
    ]
    assert shown == [waiting, {"load": "SUCCEEDED", "train": "SKIPPED", "train/fold-1": "SKIPPED"}]


def test_runs_that_begin_together_look_once_at_those_that_have_ended(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many short runs at once each pair would be looked at."""
    looked: list[str] = []
    took = pipelines.took
    monkeypatch.setattr(pipelines, "took", lambda live: looked.append(live.run) or took(live))
    before, begun = [Speaker() for _ in range(5)], [later() for _ in range(5)]
    archive.take(*(event for speaker in before for event in first_run(speaker)))
    del looked[:]
    archive.take(*(event for speaker in begun for event in begins(speaker)))
    archive.take()
    assert looked.count(before[0].run) < len(begun)
