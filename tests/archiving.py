"""Helpers of the archive's tests: events of a run, a running consumer, messages that were never in a Kafka."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from confluent_kafka import Producer

from runreel import codec, ids
from runreel.deadline import Deadline
from runreel.events import (
    LOGS,
    METRICS,
    PARAMS,
    RUN_FINISHED,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OPENED,
    Event,
    Logs,
    Metrics,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from runreel.settings import Settings
from runreel_consumers.archive.followers import Follower
from runreel_consumers.archive.log import Log
from runreel_consumers.archive.objects import RunObjects
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.loop import Loop, Place
from runreel_consumers.store import Store

START = 1_795_338_000_000_000


class Speaker:
    """Says events of one session of one run, with seqs in order and times a millisecond apart."""

    def __init__(self, run: str | None = None, workspace: str = "default", start: int = START) -> None:
        self.run, self.workspace, self.time = run or ids.new_run(), workspace, start
        self.session, self.seq = ids.new_session(), 0

    def say(self, type: str, data: Any, subject: str | None = None, execution: str | None = None) -> Event:  # noqa: A002
        self.time += 1000
        event = Event(
            type=type,
            run=self.run,
            time=self.time,
            id=f"{self.session}-{self.seq}",
            source="/tests",
            workspace=self.workspace,
            session=self.session,
            seq=self.seq,
            subject=subject,
            execution=execution,
            data=codec.encode_data(data),
        )
        self.seq += 1
        return event

    def param(self, number: int) -> Event:
        return self.say(PARAMS, {"p": number})

    def points(
        self, name: str, values: Sequence[float], at: Sequence[float] | None = None, step: str = "train"
    ) -> Event:
        times = self._times(len(values))
        said = Metrics(name=name, time=times, value=list(values), at=None if at is None else list(at))
        return self.say(METRICS, said, step, f"x-{step}")

    def lines(self, *texts: str, step: str = "train", level: str = "INFO") -> Event:
        times = self._times(len(texts))
        return self.say(LOGS, Logs(time=times, level=[level] * len(texts), text=list(texts)), step, f"x-{step}")

    def _times(self, count: int) -> list[int]:
        """Times of rows a microsecond apart; the last one is that of the event that is said next."""
        return [self.time + 1001 - count + i for i in range(count)]

    def mixture(self, count: int) -> list[Event]:
        """`count` events: params, points and lines in turn."""
        said: list[Event] = []
        for i in range(count):
            said.append(
                [self.param, lambda n: self.points("loss", [n, n + 0.5]), lambda n: self.lines(f"line {n}")][i % 3](i)
            )
        return said


def whole(speaker: Speaker, middle: int = 30, pipeline: str = "p") -> list[Event]:
    """A run from its start to its end."""
    return [
        speaker.say(SESSION_OPENED, SessionOpened(role="owner")),
        speaker.say(RUN_STARTED, RunStarted(pipeline=pipeline, experiment="e")),
        *speaker.mixture(middle),
        speaker.say(RUN_FINISHED, RunFinished(state="SUCCEEDED")),
        speaker.say(SESSION_CLOSED, SessionClosed(last=speaker.seq)),
    ]


def produce(address: str, topic: str, events: Iterable[Event], partition: int = -1) -> None:
    """Send events as an emitter does; all are acknowledged when it returns."""
    producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2_random", "linger.ms": 5})
    where = {} if partition < 0 else {"partition": partition}
    for event in events:
        producer.produce(topic, codec.encode(event), key=event.run.encode(), **where)
    assert producer.flush(30) == 0


@contextlib.contextmanager
def running(loop: Loop) -> Iterator[threading.Event]:
    """Run a loop in a thread; what it raised is raised at the end."""
    stop, failed = threading.Event(), []

    def work() -> None:
        try:
            loop.run(stop)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive(), "the loop did not end"
        if failed:
            raise failed[0]


class Kept:
    """A message that was never in a Kafka."""

    def __init__(self, value: bytes | None, offset: int, *, partition: int = 0, topic: str = "runreel.events",
                 key: bytes | None = None, received: int = START // 1000) -> None:  # fmt: skip
        self._value, self._offset, self._partition, self._topic = value, offset, partition, topic
        self._key, self._received = key, received

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return (2, self._received)

    def headers(self) -> None:
        return None


def settings(**changes: Any) -> Settings:
    """Settings that read nothing from outside, and flush fast."""
    return Settings(environ={"HOME": "/nonexistent"}).replace(**{"flush_seconds": 0.2, **changes})


class Letters:
    """An outbox that keeps what it was given to send."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, topic: str, value: bytes | None, **rest: Any) -> None:
        self.sent.append({"topic": topic, "value": value, **rest})

    def open(self) -> None:
        pass

    def poll(self) -> None:
        pass

    def flush(self, deadline: Any) -> None:
        pass


def store_events(
    store: Store,
    events: Sequence[Event],
    *,
    each: int = 0,
    first: int = 0,
    followers: Sequence[Follower] = (),
    received: int = START,
    identity: str = "one",
) -> ArchiveSink:
    """Put events into the archive as the loop does, `each` a flush (0: one flush), a millisecond between receipts."""
    sink = ArchiveSink(settings(), store, Letters(), followers)
    place = Place("runreel.events", 0, identity)
    sink.opened(place, 1, first)
    each = each or len(events)
    for start in range(0, len(events), each):
        chunk = events[start : start + each]
        offsets = range(first + start, first + start + len(chunk))
        sink.add(
            place,
            [Kept(codec.encode(e), o, received=received // 1000 + o) for e, o in zip(chunk, offsets, strict=True)],
        )
        sink.flush(Deadline(30))
    return sink


def make_objects(store: Store, run: str, upto: int) -> None:
    """Make a run's own objects of what lies up to an offset of the first partition."""
    RunObjects(store).make(Log(store), run, "default", Position(0, 0, upto), b"state", b"{}")
