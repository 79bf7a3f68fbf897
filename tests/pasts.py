"""One small run as it reaches a server in different ways: late, imported, replayed, said by a clock that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from runreel import codec
from runreel import events as ev
from runreel.events import Event
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.reader import Reader
from runreel_consumers.outbox import Outbox
from runreel_consumers.replay import Renewal
from runreel_consumers.transfer import export, load
from runs import RUN, SECOND, START, Clock, Voice
from serving import Server

HOUR = 3_600 * SECOND


def ended(run: str = RUN, behind: int = 0, start: int = START) -> list[Event]:
    """A run of a minute: extract, then train, which fails once, logs, makes an artifact and is tried again.

    Args:
        run: its id.
        behind: microseconds that its host's clock is behind; a service says so.
        start: when it begins, microseconds since 1970.
    """
    clock = Clock(start)
    voice = Voice("a" * 32, clock, run=run, skew=-behind)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))

    def pass_(seconds: int) -> None:
        for _ in range(0, seconds, 2):
            clock.pass_(2)
            voice.beat()

    voice.say(ev.PARAMS, {"rows": 3})
    voice.start("extract", "x1")
    pass_(20)
    voice.output("extract", "x1", "flights", f"art-{run[-4:]}", type="Dataset", uri="file:///nowhere", by="reference")
    voice.finish("extract", "x1")
    voice.start("train", "x2")
    pass_(10)
    voice.finish("train", "x2", "FAILED", error=ev.Error(type="KeyError", message="'x'", traceback=""))
    voice.start("train", "x3")
    pass_(30)
    voice.finish("train", "x3")
    voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
    voice.close()
    if not behind:
        return voice.events
    service = Voice("b" * 32, clock, run=run)
    service.say(ev.SESSION_OFFSET, ev.SessionOffset(session=voice.session, offset=behind), final=True, passes=0)
    return [*voice.events, *service.events]


class Collected:
    """Takes what is sent to Kafka."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, topic: str, value: bytes, **more: Any) -> None:
        """One event."""
        self.events.append(codec.decode(value))

    def flush(self, deadline: object) -> None:
        """All has arrived."""


def imported(folder: Path) -> list[Event]:
    """The run, exported from a store and imported."""
    elsewhere, collected = Server(folder), Collected()
    elsewhere.archive(ended())
    load(export(Reader(elsewhere.store), RUN), cast("Outbox", collected), "topic")
    return collected.events


def replayed(run: str, events: Iterable[Event]) -> list[Event]:
    """The run again under another id, with its own times."""
    renewal, said, told = Renewal(run, RUN), dict[str, Intervals](), []
    for event in events:
        told.append(renewal.renew(event))
        if event.session is not None and event.seq is not None:
            add(said.setdefault(event.session, []), event.seq)
    return [*told, *renewal.losses(said)]
