"""Feeds of tests: an emitter that speaks straight to a broker, and an archive that holds what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Producer

from runreel import codec, ids
from runreel import events as ev
from runreel.errors import NotFound
from runreel.state import RunState, Tally
from runreel_consumers.archive.positions import Position
from runreel_consumers.archive.reader import Stored
from runreel_consumers.brokers import HubTopics
from runreel_server.feed import Feed
from support import wait_for


class Emitter:
    """Says events of one session straight to a topic."""

    def __init__(self, broker: str, run: str | None = None) -> None:
        self.run, self.session, self.seq = run or ids.new_run(), ids.new_session(), 0
        self.said: list[ev.Event] = []
        self._producer = Producer({"bootstrap.servers": broker, "partitioner": "murmur2_random", "log_level": 0})

    def event(self, kind: str, data: Any, subject: str | None = None, execution: str | None = None) -> ev.Event:
        """The session's next event, not yet sent."""
        seq, self.seq = self.seq, self.seq + 1
        event = ev.Event(
            type=kind,
            run=self.run,
            time=time.time_ns() // 1000,
            id=f"{self.session}-{seq}",
            source="/default/test",
            session=self.session,
            seq=seq,
            subject=subject,
            execution=execution,
            data=codec.encode_data(data),
        )
        self.said.append(event)
        return event

    def put(self, event: ev.Event) -> None:
        """Hand an event over, to be taken soon."""
        self._producer.produce("runreel.events", codec.encode(event), key=event.run)

    def send(self, *events: ev.Event) -> None:
        """Have the broker take these events."""
        for event in events:
            self.put(event)
        assert self._producer.flush(10) == 0

    def begin(self) -> None:
        """Open the session and start the run."""
        opened = self.event(ev.SESSION_OPENED, ev.SessionOpened(role="owner", host="h", pid=1))
        self.send(opened, self.event(ev.RUN_STARTED, ev.RunStarted(pipeline="p")))

    def last_words(self) -> tuple[ev.Event, ev.Event]:
        """The run ends, and its session closes."""
        finished = self.event(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
        return finished, self.event(ev.SESSION_CLOSED, ev.SessionClosed(last=self.seq))

    def step(self, path: str) -> ev.Event:
        """A step starts."""
        return self.event(ev.STEP_STARTED, ev.StepStarted(), path, f"e-{path}")

    def points(self, path: str, name: str, *values: float) -> ev.Event:
        """Points without an index."""
        now = time.time_ns() // 1000
        data = ev.Metrics(name=name, time=[now + i for i in range(len(values))], value=list(values))
        return self.event(ev.METRICS, data, path, f"e-{path}")


class Archive:
    """An archive that holds what a test gives it."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.ends: dict[tuple[str, int], Position] = {}
        self.loads = 0
        self.loading: Callable[[], None] = lambda: None
        self.asked = 0
        self.asking: Callable[[], None] = lambda: None

    def end(self, topic_ids: Mapping[str, str] | None = None) -> dict[tuple[str, int], Position]:
        """As the reader's."""
        self.asked += 1
        self.asking()
        return self.ends

    def topic_id(self, ordinal: int) -> str | None:
        """As the reader's: the first epoch is that of the hub called `hub`, the others are of topics that are gone."""
        return HubTopics("hub").of(["runreel.events"])["runreel.events"] if ordinal == 0 else f"gone-{ordinal}"

    def points(self, run: str, keys: Any, **_: Any) -> dict[Any, Any]:
        """No series are stored."""
        return {}

    def stored_series(self, run: str, keys: Any) -> Stored:
        """Nor are there objects of runs."""
        return Stored({}, {})

    def history(self, run: str) -> tuple[RunState, Tally]:
        """What is stored of a run."""
        self.loads += 1
        self.loading()
        state, tally = RunState(run), Tally(run)
        for event in self.events:
            if event.run == run:
                state.apply(event)
                tally.apply(event)
        return state, tally


def opened(feed: Feed, run: str) -> Any:
    """The live run, as soon as the tail has heard of it."""

    def look() -> Any:
        try:
            return feed.live(run)
        except NotFound:
            return None

    return wait_for(look, what=f"run {run} on the tail")
