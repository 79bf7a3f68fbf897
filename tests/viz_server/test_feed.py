"""The feed: the archive and Kafka's tail joined, live, for whoever looks. On librdkafka's built-in broker."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from confluent_kafka import Producer

from feeding import Archive, Emitter, opened
from runreel import events as ev
from runreel import ids
from runreel.errors import NotFound
from runreel_consumers.archive.positions import Position
from runreel_server.feed import Feed
from runreel_server.feed import feed as feed_module
from runreel_server.problems import Problem
from support import wait_for


def tell(broker: str, run: str, position: str) -> None:
    """Say what the catalog says of a run that has ended: all up to a position is stored."""
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    body = json.dumps({"id": run, "state": "SUCCEEDED", "position": position})
    producer.produce("runreel.runs", body, key=run, partition=0)
    assert producer.flush(10) == 0


def test_a_run_is_seen_live_and_changes_are_told_as_frames(feed: Feed, broker: str) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    live = opened(feed, emitter.run)
    assert live.view()["state"] == "RUNNING"
    emitter.send(emitter.step("train"))
    frames = wait_for(lambda: [frame for frame in live.drain() if b'"train"' in frame.body])
    data = json.loads(frames[-1].body.split(b"data: ")[1])
    assert data["patch"]["steps"]["train"]["state"] == "RUNNING"
    assert data["position"] == live.position


def test_a_run_that_nobody_knows_is_not_found(feed: Feed) -> None:
    with pytest.raises(NotFound, match="no run"):
        feed.live(ids.new_run())


def test_points_of_the_tail_join_the_series_once(feed: Feed, broker: str) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    first = emitter.points("train", "loss", 3.0, 2.0)
    emitter.send(emitter.step("train"), first)
    opened(feed, emitter.run)
    wait_for(lambda: len(feed.recent(emitter.run)) == 4)
    series = feed.series(emitter.run).get([("e-train", "loss")])["e-train", "loss"]
    emitter.send(first, emitter.points("train", "loss", 1.0))
    wait_for(lambda: len(series.tiles) == 3)
    assert series.tiles.columns.value.tolist() == [3.0, 2.0, 1.0]
    assert series.tiles.columns.at.tolist() == [0.0, 1.0, 2.0]


def test_a_strange_word_ends_neither_the_tail_nor_the_frames(
    feed: Feed, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(emitter.step("train"), emitter.points("train", "loss", 3.0))
    live = opened(feed, emitter.run)
    series = feed.series(emitter.run).get([("e-train", "loss")])["e-train", "loss"]
    for time_, values in ((1, [1, 2]), (1 << 63, [1]), (1, [10**400])):
        data = {"name": "loss", "time": [time_], "value": values}
        emitter.send(emitter.event(ev.METRICS, data, "train", "e-train"))
    wait_for(lambda: live.view()["events"] == 7)
    live.drain()
    emitter.send(emitter.step("after"))
    wait_for(lambda: [frame for frame in live.drain() if b'"after"' in frame.body])
    assert len(series.tiles) == 2

    def broken(_: object) -> bool:
        raise RuntimeError("a defect of the fold")

    other = Emitter(broker)
    other.begin()
    second = opened(feed, other.run)
    monkeypatch.setattr(live, "hear", broken)
    emitter.send(emitter.step("lost"))
    other.send(other.step("on"))
    wait_for(lambda: "on" in second.view()["steps"])


def test_a_delta_holds_points_and_lines_in_bounds(feed: Feed, broker: str) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    live = opened(feed, emitter.run)
    wait_for(lambda: live.position == live.at)
    count = 500
    lines = ev.Logs(time=list(range(count)), level=["INFO"] * count, text=[f"line {i}" for i in range(count)])
    emitter.send(
        emitter.step("train"),
        emitter.points("train", "loss", *map(float, range(1000)), float("nan")),
        emitter.event(ev.LOGS, lines, "train", "e-train"),
    )
    found: dict[str, Any] = {"points": 0, "lines": 0}

    def told() -> bool:
        for frame in live.drain():
            data = json.loads(frame.body.split(b"data: ")[1])
            for columns in data.get("points", {}).values():
                assert len(columns["value"]) <= 40
                found["points"] += len(columns["value"])
                found["last"] = columns["value"][-1]
            assert len(data.get("lines", {}).get("last", [])) <= 50
            found["lines"] += data.get("lines", {}).get("count", 0)
        return found["points"] > 0 and found["lines"] == count

    wait_for(told)
    assert found["last"] == "NaN"
    assert live.view()["series"]["train"]["loss"]["count"] == 1001


def test_a_run_is_complete_when_the_archive_has_all_of_it(feed: Feed, broker: str) -> None:
    """Seen live is not yet stored."""
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(*emitter.last_words())
    live = opened(feed, emitter.run)
    wait_for(lambda: live.view()["state"] == "SUCCEEDED" and live.view()["events"] == 4)
    assert not live.view()["complete"]
    _, partition, offset = live.at.split(":")
    for stored, complete in ((int(offset) - 1, False), (int(offset), True)):
        position = str(Position(0, int(partition), stored))
        tell(broker, emitter.run, position)
        wait_for(lambda p=position: (feed.runs.summary(emitter.run) or {}).get("position") == p)  # type: ignore[misc]
        wait_for(lambda c=complete: live.view()["complete"] == c)  # type: ignore[misc]


def test_the_archives_word_about_another_topics_offsets_completes_nothing(feed: Feed, broker: str) -> None:
    """A topic that is made again begins its offsets anew; the word about the old one may come late."""
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(*emitter.last_words())
    live = opened(feed, emitter.run)
    wait_for(lambda: live.view()["events"] == 4)
    topic, partition, offset = live.at.split(":")
    position = str(Position(7, int(partition), int(offset) + 100))
    tell(broker, emitter.run, position)
    wait_for(lambda: (feed.runs.summary(emitter.run) or {}).get("position") == position)
    wait_for(lambda: feed._topic_ids.get(7) == "gone-7")  # it was taken in
    assert not live.view()["complete"]
    assert live.stored_upto(topic, int(partition), int(offset))
    assert live.view()["complete"]


def test_a_run_is_complete_though_the_archives_word_was_lost(feed: Feed, broker: str, archive: Archive) -> None:
    """The built-in broker forgets notifications like all else; what they told of was in the archive before."""
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(*emitter.last_words())
    live = opened(feed, emitter.run)
    wait_for(lambda: live.view()["events"] == 4)
    assert not live.view()["complete"]
    archive.events = list(emitter.said)
    feed._missed("runreel.runs", "hub", 0, 7)
    wait_for(lambda: feed.live(emitter.run).view()["complete"])


def test_copies_that_come_after_the_end_do_not_hold_a_run_up(feed: Feed, broker: str) -> None:
    """The archive's word names its last event that was no copy; an emitter that was not answered sends again."""
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(*emitter.last_words())
    live = opened(feed, emitter.run)
    wait_for(lambda: live.view()["events"] == 4)
    topic, partition, offset = live.at.split(":")
    emitter.send(*emitter.said)
    wait_for(lambda: int(live.at.rpartition(":")[2]) == int(offset) + len(emitter.said))
    assert not live.view()["complete"]
    assert live.stored_upto(topic, int(partition), int(offset))
    assert live.view()["complete"]


def test_the_archives_word_may_come_before_the_events_that_it_tells_of(feed: Feed, broker: str) -> None:
    """Notifications and events are two topics: nothing orders them."""
    emitter = Emitter(broker)
    emitter.begin()
    live = opened(feed, emitter.run)
    wait_for(lambda: live.view()["events"] == 2)
    topic, partition, offset = live.at.split(":")
    live.stored_upto(topic, int(partition), int(offset) + 2)
    emitter.send(*emitter.last_words())
    wait_for(lambda: live.view()["events"] == 4)
    assert live.view()["complete"]


def test_a_frame_repeats_nothing_of_the_run_that_has_not_changed(feed: Feed, broker: str) -> None:
    """Its environment with all packages would go to every viewer ten times a second."""
    emitter = Emitter(broker)
    emitter.begin()
    live = opened(feed, emitter.run)
    emitter.send(emitter.step("one"))
    wait_for(lambda: [frame for frame in live.drain() if b'"one"' in frame.body])
    emitter.send(emitter.step("two"))
    frame = wait_for(lambda: next((frame for frame in live.drain() if b'"two"' in frame.body), None))
    patch = json.loads(frame.body.split(b"data: ")[1])["patch"]
    assert patch["events"] == 4
    assert not {"environment", "params", "pipeline", "started"} & patch.keys()


def test_frames_tell_when_a_run_and_its_steps_will_end(feed: Feed, broker: str) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    live = opened(feed, emitter.run)
    feed._medians = lambda own: {"run": 100.0, "steps": {"train": 60.0}} if own["pipeline"] == "p" else {}
    emitter.send(emitter.step("train"))

    def told() -> Any:
        for frame in live.drain():
            patch = json.loads(frame.body.split(b"data: ")[1])["patch"]
            step = patch.get("steps", {}).get("train")
            if step and step["expected"] == 60.0:
                return patch
        return None

    patch = wait_for(told)
    assert patch["median"] == 100.0
    assert patch["eta"] == patch["steps"]["train"]["eta"] > patch["steps"]["train"]["started"]
    assert live.view()["eta"] is not None


def test_a_frame_of_a_task_tells_anew_when_the_step_that_it_is_in_will_end(feed: Feed, broker: str) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    emitter.send(emitter.step("get"), emitter.step("get/1"), emitter.step("get/2"))
    live = opened(feed, emitter.run)
    for done in (2, 4, 6):
        far = {"time": [time.time_ns() // 1000], "done": [done], "total": 10}
        emitter.send(emitter.event(ev.PROGRESS, far, "get/1", "e-get/1"))
        bodies = wait_for(lambda: [frame.body for frame in live.drain() if b'"get/1"' in frame.body])
    assert json.loads(bodies[-1].split(b"data: ")[1])["patch"]["steps"]["get"]["eta"]


def test_a_run_nobody_looks_at_is_forgotten_and_opened_again(
    feed: Feed, broker: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitter = Emitter(broker)
    emitter.begin()
    opened(feed, emitter.run)
    monkeypatch.setattr(feed_module, "KEPT_SECONDS", 0.0)
    wait_for(lambda: emitter.run not in feed._lives)
    loads = archive.loads
    assert feed.live(emitter.run).view()["state"] == "RUNNING"
    assert archive.loads == loads + 1


def test_channels_are_runs_and_the_list_of_runs_and_nothing_else(feed: Feed) -> None:
    async def test() -> None:
        assert (await feed.channel("runs")).name == "runs"
        with pytest.raises(Problem, match="run:ID or runs"):
            feed.check("everything")
        with pytest.raises(NotFound):
            await feed.channel(f"run:{ids.new_run()}")

    asyncio.run(test())


def test_summaries_of_the_catalog_reach_the_list(feed: Feed, broker: str) -> None:
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    run = ids.new_run()
    for position, state in (("2", "RUNNING"), ("3", "SUCCEEDED"), ("1", "PENDING")):
        body = json.dumps({"id": run, "state": state, "position": position})
        producer.produce("runreel.runs", body, key=run, partition=0)
    assert producer.flush(10) == 0
    wait_for(lambda: feed.runs.summary(run))
    wait_for(lambda: feed.runs.advance() or feed.runs.position)
    assert json.loads(feed.runs.take().body.split(b"data: ")[1])["state"]["runs"][run]["state"] == "SUCCEEDED"
