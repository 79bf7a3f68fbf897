"""Service events are said when they are safe, and those who wait wait together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.events import ARTIFACT_STORED, ArtifactStored
from runreel.settings import Settings
from runreel_consumers.blobs.saying import Saying
from runreel_consumers.outbox import Outbox
from runs import Clock, Voice
from support import wait_for


class Slow(Outbox):
    """An outbox whose flush waits for the test."""

    def __init__(self) -> None:
        self.pending: list[bytes] = []
        self.flushed: list[list[bytes]] = []
        self.flushing = threading.Event()
        self.go = threading.Event()
        self.away = False

    def send(self, topic: str, value: bytes | None, **_: Any) -> None:
        self.pending.append(value or b"")

    def flush(self, deadline: Deadline) -> None:
        self.flushing.set()
        assert self.go.wait(30)
        if self.away:
            raise NotReachable("nobody is there")
        self.flushed.append(self.pending)
        self.pending = []


def stored(voice: Voice, number: int) -> Any:
    return voice.say(ARTIFACT_STORED, ArtifactStored(id=f"a{number}", uri="content/x", size=1))


def test_those_who_come_while_one_waits_share_the_next_wait() -> None:
    outbox, voice = Slow(), Voice("a" * 32, Clock())
    say = Saying(Settings(environ={}), outbox)
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(say, stored(voice, 0))
        assert outbox.flushing.wait(30)
        others = [pool.submit(say, stored(voice, number)) for number in range(1, 12)]
        wait_for(lambda: len(say._waiting) == 11)
        assert not first.done()
        outbox.go.set()
        for one in (first, *others):
            one.result(30)
    assert [len(batch) for batch in outbox.flushed] == [1, 11]


def test_all_who_waited_are_told_that_it_failed_and_the_next_one_is_tried() -> None:
    outbox, voice = Slow(), Voice("a" * 32, Clock())
    outbox.away = True
    outbox.go.set()
    say = Saying(Settings(environ={}), outbox)
    for number in range(2):
        with pytest.raises(NotReachable, match="nobody is there"):
            say(stored(voice, number))
    outbox.away = False
    say(stored(voice, 2))
    assert outbox.pending == []
