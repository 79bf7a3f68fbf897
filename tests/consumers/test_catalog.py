"""The catalog: bounded summaries, what needs a clock, and that all of it can be deleted and made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from archiving import START, Kept, Speaker
from cataloging import PLACE, Archive, archive, impatient
from runreel import codec
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.events import (
    CONFLICT,
    GRAPH,
    HEARTBEAT,
    LOGS,
    PROGRESS,
    RUN_FINISHED,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OFFSET,
    SESSION_OPENED,
    STEP_FINISHED,
    STEP_STARTED,
    Error,
    Event,
    Graph,
    GraphStep,
    Heartbeat,
    Logs,
    Progress,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
    StepFinished,
    StepStarted,
)
from runreel_consumers.archive.keyframes import Keyframes
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.catalog import follower
from runreel_consumers.catalog.live import Live
from runreel_consumers.catalog.pipelines import durations
from runreel_consumers.catalog.rebuild import CACHES, rebuild
from runreel_consumers.catalog.summary import summary
from support import wait_for

__all__ = ["archive", "impatient"]

SECOND = 1_000_000


def whole(speaker: Speaker, pipeline: str = "p", state: str = "SUCCEEDED", steps: int = 3) -> list[Event]:
    """A run from its beginning to its end."""
    said = [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner", host="h")),
        speaker.say(RUN_STARTED, RunStarted(pipeline=pipeline, experiment="e", owner="me")),
        *speaker.mixture(6),
    ]
    for number in range(steps):
        path, execution = f"s{number}", f"x{number}"
        said.append(speaker.say(STEP_STARTED, StepStarted(), path, execution))
        speaker.time += SECOND * (number + 1)
        error = Error(type="ValueError", message="no") if state == "FAILED" and number == 1 else None
        said.append(
            speaker.say(
                STEP_FINISHED, StepFinished(state="FAILED" if error else "SUCCEEDED", error=error), path, execution
            )
        )
    said.append(speaker.say(RUN_FINISHED, RunFinished(state=state)))  # type: ignore[arg-type]
    said.append(speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)))
    return said


def test_a_summary_is_told_and_stored_alike(archive: Archive) -> None:
    speaker = Speaker()
    archive.take(*whole(speaker, state="FAILED"))
    wait_for(lambda: RunObjects(archive.store).find(speaker.run) or archive.take())
    summary = archive.told()[speaker.run]
    assert summary == archive.stored()[speaker.run]
    assert (summary["state"], summary["pipeline"], summary["complete"]) == ("FAILED", "p", True)
    assert summary["steps"] == {"total": 3, "SUCCEEDED": 2, "FAILED": 1}
    failed = summary["failing"]
    assert (failed["step"], failed["line"]) == ("s1", "no")
    assert summary["started"] < failed["finished"] < summary["finished"]
    assert summary["metrics"] == {"train:loss": 4.5}
    assert summary["params"] == {"p": 3}
    assert [bar["step"] for bar in summary["bars"]] == ["s0", "s1", "s2"]


def test_a_bar_has_the_progress_of_a_step_that_goes_on(archive: Archive) -> None:
    speaker = Speaker()
    archive.take(
        speaker.say(STEP_STARTED, StepStarted(), "train", "e" * 16),
        speaker.say(PROGRESS, Progress(time=[START], done=[3], total=12), "train", "e" * 16),
        speaker.say(STEP_STARTED, StepStarted(), "wait", "f" * 16),
        speaker.say(PROGRESS, Progress(time=[START], done=[3]), "wait", "f" * 16),
    )
    train, wait = archive.told()[speaker.run]["bars"]
    assert train["progress"] == {"done": 3, "total": 12}
    assert "progress" not in wait
    archive.take(speaker.say(STEP_FINISHED, StepFinished(state="SUCCEEDED"), "train", "e" * 16))
    assert "progress" not in archive.told()[speaker.run]["bars"][0]


def test_a_bar_tells_what_a_skipped_step_needs(archive: Archive) -> None:
    """By it a list tells apart what a branch passed over, and what came to nothing because another step failed."""
    speaker = Speaker()
    archive.take(
        speaker.say(STEP_STARTED, StepStarted(), "get", "e" * 16),
        speaker.say(STEP_FINISHED, StepFinished(state="FAILED"), "get", "e" * 16),
        speaker.say(STEP_STARTED, StepStarted(parents=["get"]), "tell", "f" * 16),
        speaker.say(STEP_FINISHED, StepFinished(state="SKIPPED"), "tell", "f" * 16),
    )
    get, tell = archive.told()[speaker.run]["bars"]
    assert "parents" not in get
    assert tell["parents"] == ["get"]


def test_a_summary_is_bounded_however_large_the_run(archive: Archive) -> None:
    speaker = Speaker()
    steps = {f"step-{number}": GraphStep(parents=[]) for number in range(5_000)}
    series = [speaker.points(f"m{number}", [1.0]) for number in range(200)]
    long = [speaker.say("runreel.params", {f"k{number}": "v" * 5_000}) for number in range(80)]
    archive.take(speaker.say(GRAPH, Graph(steps=steps)), *series, *long)
    summary = archive.told()[speaker.run]
    assert summary["steps"] == {"total": 5_000, "PENDING": 5_000}
    assert (len(summary["bars"]), len(summary["metrics"]), len(summary["params"])) == (40, 50, 50)
    assert len(msgspec.json.encode(summary)) < 50_000


def test_deleted_it_is_made_again_byte_for_byte(archive: Archive) -> None:
    """Also where an owner spoke late, a run still goes on, events came twice, and one of the last 20 runs failed."""
    speakers = [Speaker(workspace="w1" if number % 5 == 0 else "default") for number in range(25)]
    lives = [whole(s, "p", "FAILED" if n == 3 else "SUCCEEDED") for n, s in enumerate(speakers)]
    going = Speaker()
    archive.take(*going.mixture(9))
    for life in lives:
        archive.take(*life[2:6])
        archive.take(*life[:2], *life[6:], *life[4:7])
    wait_for(lambda: archive.take() or all(RunObjects(archive.store).find(s.run) for s in speakers))
    archive.end()

    def kept() -> dict[str, bytes]:
        found = {}
        for folder in CACHES:
            for info in archive.store.list(folder):
                parts = info.key.split("/")
                if folder == "runs/":
                    parts[3] = ""  # a folder's name has its position and a UUID
                if folder != "live/":
                    found["/".join(parts)] = archive.store.get(info.key)
        return found

    before = {key: data for key, data in kept().items() if not key.endswith(("/manifest.json", "/state"))}
    assert rebuild(archive.store) == 26
    after = {key: data for key, data in kept().items() if not key.endswith(("/manifest.json", "/state"))}
    assert sorted(after) == sorted(before)
    assert {key for key in before if before[key] != after[key]} == set()
    assert list(Keyframes(archive.store).runs()) == [going.run]
    archive.die()


def test_a_pipeline_tells_how_long_its_last_twenty_runs_took(archive: Archive) -> None:
    speakers = [Speaker(start=START + number * 60 * SECOND) for number in range(23)]
    for number, speaker in enumerate(speakers):
        archive.take(*whole(speaker, "slow", "FAILED" if number == 22 else "SUCCEEDED"))
    found = wait_for(
        lambda: (
            archive.take() or (one if len((one := durations(archive.store, "default", "slow")).runs) == 20 else None)
        )
    )
    assert [took.run for took in found.runs] == [speaker.run for speaker in speakers[2:22]]
    assert found.medians()["steps"] == {"s0": 1.001, "s1": 2.001, "s2": 3.001}
    assert durations(archive.store, "default", "absent").medians() == {}


def given_run(speakers: list[Speaker], state: str = "SUCCEEDED", *, declared: bool = True) -> list[Event]:
    """A run that nobody owns: each session is a member, does one step and closes."""
    said = []
    for number, speaker in enumerate(speakers):
        said.append(speaker.say(SESSION_OPENED, SessionOpened(role="member")))
        if declared and not number:
            steps = {f"s{at}": GraphStep(parents=[]) for at in range(len(speakers))}
            said.append(speaker.say(GRAPH, Graph(steps=steps)))
        said.append(speaker.say(STEP_STARTED, StepStarted(), f"s{number}", f"x{number}"))
        ended = StepFinished(state=state if number else "SUCCEEDED")  # type: ignore[arg-type]
        said.append(speaker.say(STEP_FINISHED, ended, f"s{number}", f"x{number}"))
        said.append(speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)))
    return said


@pytest.mark.parametrize(("declared", "grace"), [(True, 60), (False, 900)])
@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_a_run_that_nobody_owns_ends_by_grace(archive: Archive, declared: bool, grace: int, state: str) -> None:
    first = Speaker()
    speakers = [first, Speaker(first.run), Speaker(first.run)]
    archive.take(*given_run(speakers, state, declared=declared))
    heard = START // 1000 * 1000
    archive.now = heard + (grace - 1) * SECOND
    archive.take()
    assert archive.said(RUN_FINISHED) == []
    archive.now = START + (grace + 1) * SECOND
    archive.take()
    (ended,) = archive.said(RUN_FINISHED)
    assert codec.payload(ended).state == state
    assert (ended.time, ended.final, ended.seq) == (heard + grace * SECOND, True, 0)
    archive.take(ended)
    assert archive.told()[first.run]["state"] == state


def test_a_step_that_goes_on_or_is_still_to_come_holds_the_end_back(archive: Archive) -> None:
    speaker = Speaker()
    said = given_run([speaker, Speaker(speaker.run)])
    archive.take(*said[:-2])
    archive.now += 3600 * SECOND
    archive.take()
    assert archive.said(RUN_FINISHED) == []


def test_what_is_said_again_after_a_crash_is_a_duplicate(archive: Archive) -> None:
    first = Speaker()
    archive.take(*given_run([first, Speaker(first.run)]))
    archive.now += 3600 * SECOND
    archive.take()
    (once,) = archive.said(RUN_FINISHED)
    archive.die()
    archive.now += 3600 * SECOND
    archive.take()
    (again,) = archive.said(RUN_FINISHED)
    assert codec.encode(again) == codec.encode(once)


def beat(speaker: Speaker, number: int, time: int) -> Event:
    event = speaker.say(HEARTBEAT, Heartbeat(interval=5.0, said=speaker.seq))
    speaker.seq -= 1
    return msgspec.structs.replace(event, seq=None, id=f"{speaker.session}-h{number}", time=time)


def test_a_clock_that_is_off_is_said_and_said_again_when_it_moves(archive: Archive) -> None:
    speaker = Speaker()
    received = START // 1000 * 1000
    archive.take(speaker.say(SESSION_OPENED, SessionOpened(role="owner")))
    archive.take(beat(speaker, 0, received - 1_900_000))
    assert archive.said(SESSION_OFFSET) == []
    for number, skew in enumerate((-3_000_000, -4_500_000, -5_500_000), 1):
        archive.take(beat(speaker, number, received - skew))
        archive.take(*archive.said(SESSION_OFFSET)[-1:])
    assert [codec.payload(event).offset for event in archive.said(SESSION_OFFSET)] == [-3_000_000, -5_500_000]


def test_a_run_without_a_sign_of_life_for_a_day_has_failed(archive: Archive) -> None:
    speaker = Speaker()
    archive.take(
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(pipeline="p")),
        beat(speaker, 0, speaker.time),
    )
    assert archive.told()[speaker.run]["stalls"] is not None
    archive.now += 23 * 3600 * SECOND
    archive.take()
    assert archive.said(RUN_FINISHED) == []
    archive.now += 2 * 3600 * SECOND
    archive.take()
    (ended,) = archive.said(RUN_FINISHED)
    assert codec.payload(ended).error.type == "Stalled"


@pytest.mark.parametrize("leave", [Archive.die, lambda archive: (archive.end(), archive._begin())])
def test_a_restart_goes_on_from_keyframes_and_the_rows_beyond(
    archive: Archive, leave: Callable[[Archive], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = Speaker()
    life = whole(speaker)
    archive.take(*life[:4])
    monkeypatch.setattr(follower, "KEEP_SECONDS", 1e9)
    archive.take(*life[4:8])
    leave(archive)
    archive.take(*life[8:])
    wait_for(lambda: archive.told().get(speaker.run, {}).get("state") == "SUCCEEDED" or archive.take())
    assert archive.told()[speaker.run]["events"] == len(life)
    assert archive.told()[speaker.run]["complete"]


def test_a_late_word_on_a_run_that_was_put_away_is_taken_in(archive: Archive) -> None:
    speaker = Speaker()
    life = whole(speaker)
    archive.take(*life)
    objects = RunObjects(archive.store)
    first = wait_for(lambda: archive.take() or objects.find(speaker.run))
    before = first.rows((0,)).num_rows
    wait_for(lambda: archive.take() or not list(Keyframes(archive.store).runs()))
    late = Speaker(speaker.run).say("runreel.params", {"late": 77})
    archive.take(late)
    second = wait_for(
        lambda: archive.take() or ((found := objects.find(speaker.run)) and found.upto > first.upto and found)
    )
    assert second.rows((0,)).num_rows == before + 1
    assert archive.told()[speaker.run]["params"] == {"p": 3, "late": 77}
    assert archive.told()[speaker.run]["events"] == len(life) + 1


def test_copies_of_what_a_run_said_leave_it_put_away(archive: Archive) -> None:
    speaker = Speaker()
    life = whole(speaker)
    archive.take(*life)
    objects = RunObjects(archive.store)
    wait_for(lambda: archive.take() or not list(Keyframes(archive.store).runs()))
    before = objects.find(speaker.run)
    archive.letters.sent.clear()
    archive.take(*life[3:9])
    assert list(Keyframes(archive.store).runs()) == [speaker.run]  # until it is known that they are copies
    wait_for(lambda: archive.take() or not list(Keyframes(archive.store).runs()))
    assert before is not None
    assert objects.find(speaker.run).folder == before.folder
    assert archive.told() == {}


def test_a_conflict_is_said_when_the_objects_are_made_and_everybody_chooses_the_same(archive: Archive) -> None:
    speaker = Speaker()
    life = whole(speaker)
    other = msgspec.structs.replace(life[1], data=codec.encode_data(RunStarted(pipeline="another", owner="me")))
    archive.take(*life, other)
    said = wait_for(lambda: archive.take() or archive.said(CONFLICT))
    archive.take(said[0])
    wait_for(lambda: archive.take() or not list(Keyframes(archive.store).runs()))
    assert len({codec.encode(event) for event in archive.said(CONFLICT)}) == 1
    summary = archive.told()[speaker.run]
    assert summary["conflicts"] == 1
    before = archive.stored()
    rebuild(archive.store)
    assert archive.stored() == before
    assert codec.payload(said[0]).seq == 1


def test_a_change_is_told_though_the_store_failed_in_the_middle_of_its_batch(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch comes again, and all that was folded of it before is a copy then."""
    monkeypatch.setattr(follower, "SETTLE_SECONDS", 1e9)
    first, second = Speaker(), Speaker()
    *begun, finished, closed = whole(first)
    archive.take(*begun)
    assert archive.told()[first.run]["state"] == "RUNNING"
    load = archive.catalog._loader.load

    def away(*args: Any, **keys: Any) -> Any:
        monkeypatch.setattr(archive.catalog._loader, "load", load)
        raise NotReachable("the store is away")

    monkeypatch.setattr(archive.catalog._loader, "load", away)
    messages = [finished, closed, second.param(1)]
    kept = [Kept(codec.encode(event), archive.offset + i) for i, event in enumerate(messages)]
    archive.sink.add(PLACE, kept)
    archive.offset += len(kept)
    with pytest.raises(NotReachable):
        archive.sink.flush(Deadline(30))
    archive.take()
    assert archive.told()[first.run]["state"] == "SUCCEEDED"
    assert archive.stored()[first.run]["state"] == "SUCCEEDED"


def test_of_a_traceback_a_summary_keeps_the_point() -> None:
    """What is cut off is its end, and with it what went wrong: the last line alone was worth keeping."""
    speaker = Speaker()
    traceback = (
        "Traceback (most recent call last):\n" + "  File 'x.py', line 1\n" * 100 + "KeyError: 'wind_gust'\nand more\n"
    )
    live = Live(speaker.run, "runreel.events")
    for offset, event in enumerate(
        (
            speaker.say(SESSION_OPENED, SessionOpened(role="owner", host="h")),
            speaker.say(RUN_STARTED, RunStarted(pipeline="p")),
            speaker.say(STEP_STARTED, StepStarted(), "weather", "x"),
            speaker.say(LOGS, Logs(time=[speaker.time], level=["ERROR"], text=[traceback]), "weather", "x"),
            speaker.say(STEP_FINISHED, StepFinished(state="FAILED"), "weather", "x"),
        )
    ):
        live.apply(event, event.time, Position(0, 0, offset))
    assert summary(live)["failing"]["line"] == "KeyError: 'wind_gust'"
