"""The live page's feed beside a real Kafka and MinIO that end and come back, and when the server itself does."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from native_stack.machine import free_port

import parts
from native import Native
from puppets import Puppet
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import TopicIds
from runreel_consumers.store import open_store
from support import wait_for
from watching import Watch, bare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BEGIN = 'run = runreel.start("restarts"); step = run.step("work")'
CLOCKED = ("eta", "heartbeat")


class Place:
    """Consumers and a server as processes, and a step that speaks to them."""

    def __init__(self, native: Native, folder: Path, prefix: str) -> None:
        self.native = native
        self.settings = parts.settings(native, native.bucket, prefix)
        self.parts = parts.Parts(folder, self.settings)
        self.parts.start("consume", "archive")
        self.serve(str(free_port()))
        self.url = self.parts.url()
        emitter = {k: v for k, v in self.settings.items() if k.startswith(("RUNREEL_KAFKA", "RUNREEL_TOPIC"))}
        (folder / "step").mkdir()
        self.step = Puppet(folder / "step", **emitter)
        self.said = 0
        self.step.do(BEGIN)
        self.run = self.step.ask("run.flush(60) and run.id")
        wait_for(lambda: self.get(f"/runs/{self.run}"), 60, what="the run on the server")

    def serve(self, port: str) -> None:
        """Start the server."""
        self.parts.start("serve", "--port", port)

    def say(self, count: int, size: int = 10) -> None:
        """The step says lines; answers before they are sent."""
        self.step.do(f"for n in range({self.said}, {self.said + count}): step.log(f'{{n:06d}} ' + '.' * {size})")
        self.said += count

    def end(self) -> None:
        """The run ends."""
        self.step.do("step.finish(); run.finish()")
        assert self.step.close() == 0

    def get(self, path: str) -> Any:
        """A JSON answer of the server, None where it has none."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1{path}", timeout=40) as answer:
                return json.loads(answer.read())
        except (urllib.error.HTTPError, OSError):
            return None

    def forget(self) -> None:
        """Have Kafka forget all messages, as its retention does, once the archive has them."""
        topic = self.settings["RUNREEL_TOPIC_EVENTS"]
        settings = Settings(environ=self.settings)
        reader = Reader(open_store(settings))
        admin = AdminClient({"bootstrap.servers": self.native.kafka, "log_level": 0})
        identity = TopicIds(admin).of([topic])
        consumer = Consumer({"bootstrap.servers": self.native.kafka, "group.id": topic, "log_level": 0})
        try:
            for number in range(2):
                place = TopicPartition(topic, number)
                high = consumer.get_watermark_offsets(place, timeout=30)[1]
                if not high:
                    continue
                wait_for(lambda n=number, h=high: reader.end(identity)[topic, n].offset >= h, 60, what="the archive")  # type: ignore[misc]
                place.offset = high
                for done in admin.delete_records([place]).values():
                    assert done.result(30).low_watermark == high
        finally:
            consumer.close()

    def whole(self, watch: Watch) -> None:
        """Check, once the run has ended, that the client has all of it and the same as a fresh load."""
        wait_for(lambda: watch.state.get("complete"), 90, what=f"completeness; {watch.state}")
        assert watch.wrong == []
        assert timeless(watch.state) == timeless(self.get(f"/runs/{self.run}"))
        assert watch.state["state"] == "SUCCEEDED"
        assert "missing" not in watch.state or watch.state["missing"] == []
        answer = self.get(f"/runs/{self.run}/logs?limit=1")
        assert answer["total"] == self.said

    def close(self) -> None:
        """Leave nothing behind."""
        self.step.process.kill()
        self.step.close()
        self.parts.kill()


def timeless(state: dict[str, Any]) -> Any:
    """A state without what depends on when one looks."""
    return bare({name: value for name, value in state.items() if name not in CLOCKED})


@pytest.fixture
def place(native: Native, tmp_path: Path, prefix: str) -> Iterator[Place]:
    """A run that goes on, seen by a server."""
    made = Place(native, tmp_path, prefix)
    yield made
    made.close()


def test_kafka_is_killed_and_comes_back_and_the_page_goes_on_without_a_gap_or_a_repeat(place: Place) -> None:
    kafka = place.native.stack.kafka
    with Watch(place.url, place.run) as watch:
        wait_for(lambda: watch.kinds, what="the snapshot")
        place.say(40)
        wait_for(lambda: watch.lines == 40, 60, what="the lines before")
        assert kafka.kill()
        place.say(50)
        kafka.start()
        place.say(60)
        wait_for(lambda: watch.lines >= 150, 90, what="the lines said meanwhile")
        kafka.restart()
        place.say(30)
        place.end()
        place.whole(watch)
        assert watch.lines == place.said
        assert watch.kinds.count("snapshot") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_and_comes_back_in_the_middle_of_a_run(place: Place, how: signal.Signals) -> None:
    with Watch(place.url, place.run) as watch:
        wait_for(lambda: watch.kinds, what="the snapshot")
        place.say(40)
        wait_for(lambda: watch.lines == 40, 60, what="the lines before")
        os.kill(place.parts.pid("serve"), how)
        place.parts.wait("serve")
        place.say(50)
        place.serve(place.url.rpartition(":")[2])
        place.say(20)
        wait_for(lambda: place.get(f"/runs/{place.run}"), 60, what="the server")
        place.end()
        place.whole(watch)


def test_a_server_that_comes_back_after_kafka_forgot_has_it_from_the_archive(place: Place) -> None:
    os.kill(place.parts.pid("serve"), signal.SIGKILL)
    place.parts.wait("serve")
    place.say(100)
    assert place.step.ask("run.flush(60)") == "True"
    place.forget()
    place.serve(place.url.rpartition(":")[2])
    wait_for(lambda: place.get(f"/runs/{place.run}"), 60, what="the server")
    with Watch(place.url, place.run) as watch:
        place.say(30)
        place.end()
        place.whole(watch)


def test_a_server_that_slept_while_kafka_forgot_heals_what_it_shows_from_the_archive(place: Place) -> None:
    """A laptop that is closed for longer than a topic keeps: nobody reloads the page, and it is whole."""
    with Watch(place.url, place.run) as watch:
        wait_for(lambda: watch.kinds, what="the snapshot")
        place.say(40)
        wait_for(lambda: watch.lines == 40, 60, what="the lines before")
        os.kill(place.parts.pid("serve"), signal.SIGSTOP)
        place.say(1_000, size=5_000)  # more than a broker sends at once to one that is not awake
        assert place.step.ask("run.flush(60)") == "True"
        place.forget()
        os.kill(place.parts.pid("serve"), signal.SIGCONT)
        place.say(30)
        place.end()
        place.whole(watch)
