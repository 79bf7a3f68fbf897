"""Artifacts: outputs and versions, what became of their bytes, inputs that wait, parents that follow from them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from runreel import events as ev
from runreel.state import RunState
from runs import SECOND, Clock, Voice, shuffled, told


@pytest.fixture
def voice() -> Voice:
    """A process with two steps begun."""
    speaker = Voice("s", Clock())
    speaker.open()
    speaker.start("make", "m")
    speaker.start("use", "u")
    return speaker


def service(voice: Voice, number: int = 0, **data: Any) -> Voice:
    """A service that says what became of an artifact."""
    speaker = Voice(f"service-{number}", voice.clock)
    speaker.say(ev.ARTIFACT_STORED, ev.ArtifactStored(**data), final=True)
    return speaker


def test_an_output_is_shown_as_it_was_declared(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", type="Dataset", by="chunks", size=3, metadata={"rows": 2}, show=True)
    shown = told(voice).view()["artifacts"]["A1"]
    assert shown["created"] == "2026-11-22T09:00:00.004000Z"
    assert {key: shown[key] for key in ("id", "name", "type", "step", "execution", "role", "size", "metadata")} == {
        "id": "A1",
        "name": "data",
        "type": "Dataset",
        "step": "make",
        "execution": "m",
        "role": "output",
        "size": 3,
        "metadata": {"rows": 2},
    }
    assert (shown["version"], shown["state"], shown["show"]) == (1, "pending", True)


def test_stored_tells_where_the_bytes_are(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", by="chunks", size=3, sha256="aa")
    shown = told(voice, service(voice, id="A1", uri="content/aa", size=3, sha256="aa")).view()["artifacts"]["A1"]
    assert (shown["state"], shown["uri"], shown["sha256"]) == ("stored", "content/aa", "aa")


def test_a_heartbeat_tells_how_much_of_an_artifact_has_come_until_it_is_there(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", by="chunks", size=2_100)
    before = voice.clock.now
    voice.clock.pass_(1)
    voice.beat(A1=700)
    voice.beat(A1=1_400)

    def shown(*voices: Voice, until: int | None = None) -> tuple[Any, ...]:
        one = told(*voices, until=until).view()["artifacts"]["A1"]
        return one["state"], one["size"], one["declared"], one["sent"]

    assert shown(voice, until=before) == ("pending", 2_100, 2_100, None)
    assert shown(voice) == ("pending", 2_100, 2_100, 1_400)
    some = service(voice, id="A1", size=1_500, failed="its end never came", incomplete=True)
    assert shown(voice, some) == ("incomplete", 1_500, 2_100, None)
    assert shown(voice, some, service(voice, 1, id="A1", size=2_100)) == ("stored", 2_100, 2_100, None)


def test_a_heartbeat_touches_the_artifacts_that_it_tells_of_and_those_that_it_leaves_out(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", by="chunks", size=2_100)
    state = told(voice)
    assert ("artifact", "A1") in state.apply(voice.beat(A1=700))
    assert ("artifact", "A1") in state.apply(voice.beat())
    assert state.view()["artifacts"]["A1"]["sent"] is None


def test_stored_may_come_before_the_declaration(voice: Voice) -> None:
    stored = service(voice, id="A1", uri="content/aa")
    assert told(stored).view()["artifacts"] == {}
    voice.output("make", "m", "data", "A1", by="claim")
    assert told(stored, voice).view()["artifacts"]["A1"]["state"] == "stored"


def test_what_failed_tells_why_and_heals_when_it_is_stored(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", by="chunks")
    failed, incomplete = (
        service(voice, 1, id="A1", failed="sha256 differs"),
        service(voice, 2, id="A1", incomplete=True),
    )
    shown = told(voice, failed).view()["artifacts"]["A1"]
    assert (shown["state"], shown["reason"]) == ("failed", "sha256 differs")
    assert told(voice, failed, incomplete).view()["artifacts"]["A1"]["state"] == "incomplete"
    stored = service(voice, 3, id="A1")
    late = service(voice, 4, id="A1", failed="too late")
    assert told(voice, failed, incomplete, stored, late).view()["artifacts"]["A1"]["state"] == "stored"


def test_what_failed_within_the_step_says_so_itself(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", by="chunks", state="failed", reason="disk full")
    shown = told(voice).view()["artifacts"]["A1"]
    assert (shown["state"], shown["reason"]) == ("failed", "disk full")


def test_a_reference_is_stored_where_it_is(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1", uri="s3://other/x")
    shown = told(voice).view()["artifacts"]["A1"]
    assert (shown["state"], shown["uri"]) == ("stored", "s3://other/x")


def test_an_output_without_an_id_is_known_by_its_event(voice: Voice) -> None:
    event = voice.say(ev.ARTIFACT, ev.Artifact(name="x", uri="u"), subject="make", execution="m")
    assert set(told(voice).view()["artifacts"]) == {event.id}


def test_versions_count_the_outputs_of_a_step_and_name(voice: Voice) -> None:
    for number, (path, name) in enumerate([("make", "a"), ("make", "b"), ("use", "a"), ("make", "a")]):
        voice.output(path, path[0], name, f"A{number}")
    state = RunState(voice.run)
    for event in shuffled(Random(1), voice.events):
        state.apply(event)
    versions = {key: one["version"] for key, one in state.view()["artifacts"].items()}
    assert versions == {"A0": 1, "A1": 1, "A2": 1, "A3": 2}


def test_an_output_that_comes_late_moves_the_versions_after_it_and_says_so(voice: Voice) -> None:
    first = voice.output("make", "m", "a", "A1")
    voice.output("make", "m", "a", "A2")
    state = RunState(voice.run)
    for event in voice.events:
        if event is not first:
            state.apply(event)
    assert state.view()["artifacts"]["A2"]["version"] == 1
    assert {("artifact", "A1"), ("artifact", "A2")} <= set(state.apply(first))
    assert state.view()["artifacts"]["A2"]["version"] == 2


def test_versions_follow_the_corrected_clocks(voice: Voice) -> None:
    fast = Voice("fast", voice.clock, skew=60 * SECOND)
    fast.open("member")
    fast.output("make", "m", "a", "early")
    voice.output("make", "m", "a", "late")
    catalog = Voice("catalog", voice.clock)
    catalog.say(ev.SESSION_OFFSET, ev.SessionOffset(session="fast", offset=-60 * SECOND), final=True)
    for voices, version in (((voice, fast), 2), ((voice, fast, catalog), 1)):
        assert told(*voices).view()["artifacts"]["early"]["version"] == version


def test_saying_an_output_again_changes_it_but_not_its_place(voice: Voice) -> None:
    voice.output("make", "m", "a", "A1")
    voice.output("make", "m", "a", "A2")
    voice.output("make", "m", "a", "A1", metadata={"more": 1})
    shown = told(voice).view()["artifacts"]["A1"]
    assert (shown["version"], shown["metadata"]) == (1, {"more": 1})


# -- inputs and parents


@pytest.mark.parametrize(
    "by", [{"id": "A1"}, {"step": "make", "name": "data"}, {"name": "data"}, {"uri": "s3://x"}, {"uri": "content/aa"}]
)
def test_an_input_waits_until_its_output_comes(voice: Voice, by: dict[str, Any]) -> None:
    voice.input("use", "u", **by)
    state = told(voice)
    shown = state.view()["steps"]["use"]
    assert (shown["inputs"][0]["state"], shown["parents"]) == ("pending", [])
    touched = list(state.apply(voice.output("make", "m", "data", "A1", uri="s3://x")))
    touched += state.apply(service(voice, id="A1", uri="content/aa").events[0])
    shown = state.view()["steps"]["use"]
    assert (shown["inputs"][0]["state"], shown["inputs"][0]["artifact"]) == ("resolved", "A1")
    assert shown["parents"] == ["make"]
    assert ("step", "use") in touched


def test_of_several_outputs_of_a_name_the_last_one_before_the_input_is_meant(voice: Voice) -> None:
    voice.output("make", "m", "a", "A1")
    voice.output("make", "m", "a", "A2")
    voice.input("use", "u", step="make", name="a")
    voice.output("make", "m", "a", "A3")
    assert told(voice).view()["steps"]["use"]["inputs"][0]["artifact"] == "A2"


def test_said_parents_beat_declared_ones_beat_inputs_beat_expected_ones(voice: Voice) -> None:
    def parents() -> list[str]:
        found: list[str] = told(voice).view()["steps"]["use"]["parents"]
        return found

    voice.say(ev.GRAPH, {"steps": {"use": {"parents": ["expected"]}}, "expected": True})
    assert parents() == ["expected"]
    voice.output("make", "m", "data", "A1")
    voice.input("use", "u", id="A1")
    assert parents() == ["make"]
    voice.say(ev.GRAPH, {"steps": {"use": {"parents": ["declared"]}}})
    assert parents() == ["declared"]
    voice.start("use", "u2", parents=["said"])
    assert parents() == ["said"]
    voice.start("use", "u3", parents=[])
    assert parents() == []


def test_a_step_is_no_parent_of_itself_or_of_what_it_is_made_of(voice: Voice) -> None:
    for number, path in enumerate(("use", "use/part", "used")):
        voice.output(path, path, "x", f"A{number}")
        voice.input("use", "u", id=f"A{number}")
    assert told(voice).view()["steps"]["use"]["parents"] == ["used"]
    voice.start("loop", "l", parents=["loop", "make"])
    assert told(voice).view()["steps"]["loop"]["parents"] == ["make"]


def test_the_inputs_shown_are_those_of_the_last_attempt(voice: Voice) -> None:
    voice.output("make", "m", "data", "A1")
    voice.input("use", "u", id="A1")
    voice.finish("use", "u", "FAILED")
    voice.start("use", "again")
    shown = told(voice).view()["steps"]["use"]
    assert (shown["inputs"], shown["parents"]) == ([], [])


def test_an_input_of_the_run_is_shown_with_the_run(voice: Voice) -> None:
    voice.input(None, None, uri="s3://given", name="raw")
    assert told(voice).view()["inputs"] == [
        {"artifact": None, "name": "raw", "step": None, "uri": "s3://given", "state": "pending"}
    ]
