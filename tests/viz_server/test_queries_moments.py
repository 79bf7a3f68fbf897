"""A run as it was: at any moment, live or stored, and what changes between two moments."""

from __future__ import annotations

import errno
import json
import random
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runreel import events as ev
from runreel.errors import NotFound
from runreel.events import Event
from runreel.state import fold, fold_streams
from runreel_server.queries import cursors, stories
from runreel_server.queries.source import Source
from runreel_server.queries.stories import Story
from runs import RUN, SECOND, START, Clock, Voice, random_run
from serving import Server
from watching import bare, merge

TIMELESS = ("eta", "median")


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def source_of(server: Server) -> Source:
    source: Source = server.app.extensions["runreel"]["source"]
    return source


def folded(events: list[Event], until: int) -> dict[str, Any]:
    """The state at `until` by the fold's own definition."""
    return fold(events, until).view(now=until, tally=fold_streams(events, until))


def plain(state: dict[str, Any]) -> dict[str, Any]:
    """A state without what follows from earlier runs and from the clock of who looks."""
    steps = {path: {**step, "eta": None} for path, step in state["steps"].items()}
    return {**state, **dict.fromkeys(TIMELESS), "steps": steps}


LAW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@LAW
@given(
    seed=st.integers(0, 10**6),
    shares=st.lists(st.floats(-0.1, 1.1), min_size=3, max_size=8),
    stride=st.sampled_from((1, 7, 1_000)),
)
def test_a_story_at_any_moment_is_the_fold_of_what_was_then(seed: int, shares: list[float], stride: int) -> None:
    """However far the folds that are kept lie from one another; some of the streams' data lie in a file."""
    events = random_run(random.Random(seed))
    story = Story(events[0].run)
    first, last = min(event.time for event in events), max(event.time for event in events)
    with patch.object(cursors, "STRIDE", stride), patch.object(stories, "MOST_DATA", 300):
        story.load((event, None) for event in events)
    for number, share in enumerate(shares):
        until = int(first + share * (last - first))
        if number % 2:  # as who asks for much goes there, a part at a time
            parts = 0
            while story.toward(until):
                parts += 1
            assert parts <= len(events) // stride
        state, tally, *_ = story.at(until)
        assert state.to_bytes() == fold(events, until).to_bytes() or state.view() == fold(events, until).view()
        assert _series(state, tally) == _series(fold(events, until), fold_streams(events, until))


def test_what_comes_after_a_moment_is_not_missing_at_it(server: Server) -> None:
    """Stored, and by a patch, which a page gets that is dragged; what never came is missing at both."""
    voice = Voice("s", Clock())
    voice.open()
    batch, lost, after = (voice.say(ev.PARAMS, {"a": number}) for number in range(3))
    batch = msgspec.structs.replace(batch, time=after.time + 60 * SECOND)
    server.archive([voice.events[0], batch, after])
    source = source_of(server)
    then = source.state(RUN, after.time)
    assert then["missing"] == [{"session": "s", "from": lost.seq, "to": lost.seq}]
    assert "missing" not in json.loads(source.delta_text(RUN, after.time, batch.time))


def _series(state: Any, tally: Any) -> Any:
    view = state.view(tally=tally)
    return view["series"], {path: (step["progress"], step["lines"]) for path, step in view["steps"].items()}


@LAW
@given(seed=st.integers(0, 10**6), cut=st.floats(0, 1), share=st.floats(0, 1))
def test_events_of_the_tail_take_their_place_in_the_story(seed: int, cut: float, share: float) -> None:
    chance = random.Random(seed)
    events = random_run(chance)
    with patch.object(cursors, "STRIDE", 5):
        whole, grown = Story(RUN), Story(RUN)
    whole.load((event, None) for event in events)
    mixed = chance.sample(events, len(events))
    stored = int(cut * len(events))
    grown.load((event, None) for event in mixed[:stored])
    until = int(events[0].time + share * (events[-1].time - events[0].time))
    grown.at(until)
    for event in mixed[max(0, stored - 3) :]:  # some come again
        grown.hear(event, None)
    assert _series(*grown.at(until)[:2]) == _series(*whole.at(until)[:2])
    assert grown.at(until)[0].view()["steps"] == whole.at(until)[0].view()["steps"]


def test_a_moment_is_the_same_live_and_stored(server: Server, tmp_path: Path) -> None:
    events = random_run(random.Random(11), steps=8)
    moment = events[len(events) // 2].time
    server.archive(events[: len(events) // 3])
    server.tell(events[len(events) // 3 :])
    live = source_of(server).state(RUN, moment)
    stored = Server(tmp_path / "stored")
    stored.archive(events)
    kept = source_of(stored).state(RUN, moment)
    for state in (live, kept):  # what is in the archive already depends on when one looks
        for session in state["sessions"].values():
            del session["stored"]
    assert live == kept


def test_the_past_stays_while_the_run_goes_on(server: Server) -> None:
    events = random_run(random.Random(5), steps=8)
    early = [event for event in events if event.time <= events[len(events) // 2].time]
    late = [event for event in events if event not in early and event.type != ev.SESSION_OFFSET]
    server.archive(early)
    source, moment = source_of(server), early[-1].time
    before = plain(source.state(RUN, moment))
    server.tell(late)
    assert plain(source.state(RUN, moment))["steps"].keys() == before["steps"].keys()
    assert source.state(RUN)["events"] > before["events"]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_a_delta_leads_from_one_moment_to_another_and_back(
    seed: int, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("runreel_server.queries.moments.LARGE", 0)
        monkeypatch.setattr("runreel_server.queries.cursors.STRIDE", 11)
        monkeypatch.setattr("runreel_server.queries.stories.MOST_DATA", 100)
    events = random_run(random.Random(seed), steps=8)
    server = Server(tmp_path)
    server.archive(events)
    source = source_of(server)
    early, late = events[len(events) // 4].time, events[3 * len(events) // 4].time
    for start, end in ((early, late), (late, early), (early, early), (events[0].time - 1, late)):
        old, new = source.state(RUN, start), source.state(RUN, end)
        assert bare(merge(old, json.loads(source.delta_text(RUN, start, end)))) == bare(new)


@pytest.mark.parametrize("seed", range(12))
def test_the_past_of_a_run_of_many_steps_is_the_fold_of_what_was_then(
    seed: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are rendered once, and put together at each moment: also while the tail brings more, and where sessions
    have stalled."""
    monkeypatch.setattr("runreel_server.queries.moments.LARGE", 0)
    monkeypatch.setattr("runreel_server.queries.cursors.STRIDE", 11)
    chance = random.Random(seed)
    events = [event for event in random_run(chance, steps=8) if event.type != ev.SESSION_OFFSET]
    mixed = chance.sample(events, len(events))
    known = mixed[: len(mixed) // 2]
    server.archive(known)
    source = source_of(server)
    for event in mixed[len(known) :]:
        server.tell([event])
        known.append(event)
        for _ in range(3):
            until = chance.randint(events[0].time, events[-1].time + 60 * SECOND)
            shown = [one for one in known if one.time <= until or one.type in ev.STREAMS]
            if not any(one.time <= until for one in known):
                continue
            expected = fold(known, until).view(
                now=until, tally=fold_streams(shown, until), stored=source.live(RUN).stored
            )
            assert plain(source.state(RUN, until)) == plain(expected)


def test_a_run_too_large_to_keep_tells_the_same_past(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    events = random_run(random.Random(3), steps=8)
    server.archive(events[:-4])
    again = server.beside()
    server.tell(events[-4:])
    moment = events[len(events) // 2].time
    kept = source_of(server).state(RUN, moment)
    again.tell(events[-4:])
    monkeypatch.setattr("runreel_server.queries.stories.MOST_BYTES", 100)
    assert source_of(again).state(RUN, moment) == kept


def test_a_disk_that_is_full_changes_no_past(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    events = random_run(random.Random(3), steps=8)
    server.archive(events)
    again, moment = server.beside(), events[len(events) // 2].time
    kept = source_of(server).state(RUN, moment)
    monkeypatch.setattr("runreel_server.queries.stories.MOST_DATA", 0)
    monkeypatch.setattr("runreel_server.queries.spill.os.pwrite", _full)
    assert source_of(again).state(RUN, moment) == kept


def _full(*_: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_past_that_nobody_asks_for_holds_no_more_of_the_tail_and_is_whole_when_it_is_asked_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event for event in random_run(random.Random(3), steps=8) if event.type != ev.HEARTBEAT]
    server.archive(events[:10])
    source = source_of(server)
    source.state(RUN, events[5].time)
    monkeypatch.setattr("runreel_server.queries.stories.MOST_WAITING", 3)
    server.tell(events[10:])
    assert source.state(RUN, events[-1].time + 1000 * SECOND)["events"] == len(events)


def test_a_story_that_grows_too_large_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event for event in random_run(random.Random(3), steps=8) if event.type != ev.HEARTBEAT]
    server.archive(events[:10])
    source, live = source_of(server), source_of(server).live(RUN)
    source.state(RUN, events[5].time)
    assert len(live.listeners) == 2  # the series', and the story's
    monkeypatch.setattr("runreel_server.queries.moments.MOST_BYTES", 2_000)
    server.tell(events[10:])
    state = source.state(RUN, events[-1].time + 1000 * SECOND)
    assert state["events"] == len(events)
    assert len(live.listeners) == 1


def test_the_state_of_a_complete_run_is_made_once_until_more_comes(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.start("load", "1" * 16)
    voice.finish("load", "1" * 16)
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    server.archive(voice.events)
    source = source_of(server)
    first = source.state_text(RUN)
    assert json.loads(first) == source.state(RUN)
    assert json.loads(first)["complete"]
    assert source.state_text(RUN) is first
    late = Voice("b" * 32, voice.clock)
    late.say(ev.PARAMS, {"note": "late"}, final=True)
    server.tell(late.events)
    assert json.loads(source.state_text(RUN))["params"] == {"note": "late"}


def test_a_state_says_when_it_will_end(server: Server) -> None:
    """Nine of twelve units in nine seconds: three more, and the next step's median after that."""
    earlier = "0192f3c1-a7e2-7c31-9d1e-000000000001"
    past = Voice("e" * 32, Clock(START - 3600 * SECOND), run=earlier)
    past.open()
    past.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    for path, seconds in (("a", 12), ("b", 30)):
        past.start(path, f"x-{path}")
        past.clock.pass_(seconds)
        past.finish(path, f"x-{path}")
    past.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    past.close()
    server.catalog(past.events)
    voice = Voice("f" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    voice.say(ev.GRAPH, {"steps": {"a": {}, "b": {"parents": ["a"]}}})
    voice.start("a", "1" * 16)
    began = voice.clock.now
    progress = ev.Progress(time=[began + 9 * SECOND], done=[9.0], total=12.0)
    voice.say(ev.PROGRESS, progress, subject="a", execution="1" * 16, passes=9)
    server.archive(voice.events)
    state = source_of(server).state(RUN, began + 9 * SECOND)
    assert state["steps"]["b"]["expected"] == pytest.approx(30, abs=0.1)
    assert state["median"] == pytest.approx(42, abs=0.1)
    assert state["steps"]["a"]["eta"].startswith("2026-11-22T09:00:12")
    assert state["eta"].startswith("2026-11-22T09:00:42")


def test_a_run_is_found_by_any_end_of_its_id_that_it_alone_has(server: Server) -> None:
    other = f"0192f3c1-a7e2-7c31-9d1e-ffffff{RUN[-6:-2]}aa"
    twin = f"0192f3c1-a7e2-7c31-9d1e-ffffffff{RUN[-4:]}"
    events = [Voice("a" * 32, Clock(), run=run).open() for run in (RUN, other, twin)]
    server.archive(events)
    source = source_of(server)
    for end in (RUN, RUN.upper(), RUN[-8:], RUN[-6:], f"-{RUN[-12:]}"):
        assert source.live(end).run == RUN
    with pytest.raises(NotFound, match="ends 2 runs"):
        source.live(RUN[-4:])
    for name in ("7d1", "ffff", "no-such-run"):
        with pytest.raises(NotFound, match="no run"):
            source.live(name)


def test_an_id_that_came_from_outside_is_an_address_too(server: Server) -> None:
    server.archive([Voice("a" * 32, Clock(), run="nightly-2026-11-22").open()])
    assert source_of(server).live("nightly-2026-11-22").run == "nightly-2026-11-22"


def test_a_rewound_graph_keeps_the_newest_layout(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.start("load", "1" * 16)
    moment = voice.clock.now
    voice.finish("load", "1" * 16)
    voice.start("train", "2" * 16, parents=["load"])
    server.archive(voice.events)
    now, then = server.get(f"/runs/{RUN}/graph"), server.get(f"/runs/{RUN}/graph?at={moment}")
    places = [[(node["id"], node["x"], node["y"]) for node in graph["nodes"]] for graph in (now, then)]
    assert places[0] == places[1]
    assert [node["state"] for node in then["nodes"]] == ["RUNNING", "PENDING"]
    assert [node["state"] for node in now["nodes"]] == ["SUCCEEDED", "RUNNING"]
    before = server.get(f"/runs/{RUN}/graph?at={voice.events[0].time - 1}")
    assert [node["state"] for node in before["nodes"]] == ["PENDING", "PENDING"]


def test_a_graph_is_folded_as_asked(server: Server) -> None:
    voice = Voice("a" * 32, Clock())
    for number in range(6):
        voice.start(f"load/file-{number}", f"{number:016x}")
    server.archive(voice.events)

    def names(fold: str) -> list[str]:
        return [node["id"] for node in server.get(f"/runs/{RUN}/graph{fold}")["nodes"]]

    assert names("") == ["load"]
    assert names("?fold=all") == ["load"]
    assert len(names("?fold=none")) == 7
    assert len(names("?fold=load")) == 7


def test_a_past_that_was_followed_is_that_of_the_archive_though_it_was_received_late(tmp_path: Path) -> None:
    """A session counts as silent by when the broker heard of it: a replay, or a spool shipped late, has no stalls."""
    clock, late = Clock(), 3_600 * SECOND
    owner, member = Voice("a" * 32, clock), Voice("b" * 32, clock)
    owner.open()
    owner.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    clock.pass_(10)
    member.open(role="member")
    member.start("train", "e" * 16)
    clock.pass_(90)
    member.finish("train", "e" * 16)
    told = sorted([*owner.events, *member.events], key=lambda event: event.time)
    stored, followed = Server(tmp_path / "stored"), Server(tmp_path / "followed")
    stored.archive(told, late=late)
    followed.archive(told[:2], late=late)
    source_of(followed).state(RUN, START + SECOND)
    followed.tell(told[2:], late=late)
    for seconds in (5, 15, 60, 95):
        one, other = (source_of(server).state(RUN, START + seconds * SECOND) for server in (stored, followed))
        assert other["steps"] == one["steps"], seconds
    assert source_of(followed).state(RUN, START + 60 * SECOND)["steps"]["train"]["state"] == "RUNNING"
