"""A run with a log, on a real server: an archive of real segments, a tail that is fed by hand, a real stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from runreel import events as ev
from runs import RUN, TRAIN, Clock, Voice
from serving import Server, listening

MINUTE = 60_000_000
SOON = 2_000  # microseconds


class Talk:
    """A run that began `minutes` ago and says lines when it is told to.

    Attributes:
        server: the server.
        clock: goes on with what is said.
        voice: the run's owner.
    """

    def __init__(self, server: Server, minutes: float = 10) -> None:
        self.server = server
        self.clock = Clock(time.time_ns() // 1000 - int(minutes * MINUTE))
        self.voice = Voice("a" * 32, self.clock)
        self.voice.open()
        self.voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="nightly"))
        self.voice.start("train", TRAIN)
        self._told = 0

    def event(self, *texts: str, level: str = "INFO", step: str | None = "train", gap: int = SOON, **more: Any) -> None:
        """Say lines, `gap` microseconds apart, in one event."""
        times = [self.clock.now + gap * (number + 1) for number in range(len(texts))]
        levels = more.pop("levels", [level] * len(texts))
        said = ev.Logs(time=times, level=levels, text=list(texts), **more)
        self.clock.now = times[-1]
        self.voice.say(ev.LOGS, said, subject=step, execution=TRAIN if step else None, time=times[-1], passes=0)

    def many(self, count: int, *, first: int = 0, each: int = 500, errors: int = 0, minutes: float = 8) -> None:
        """Say `line N` so many times, evenly over some minutes; every one in `errors` of them is an error."""
        gap = max(1, int(minutes * MINUTE / count))
        for start in range(first, first + count, each):
            numbers = range(start, min(start + each, first + count))
            levels = ["ERROR" if errors and number % errors == errors - 1 else "INFO" for number in numbers]
            self.event(*[f"line {number}" for number in numbers], levels=levels, gap=gap)

    def store(self) -> None:
        """Put what was said into the archive."""
        self.server.archive(self.voice.events[self._told :])
        self._told = len(self.voice.events)

    def tell(self) -> None:
        """Have the tail bring what was said."""
        self.clock.now = max(self.clock.now, time.time_ns() // 1000)
        self.server.tell(self.voice.events[self._told :])
        self._told = len(self.voice.events)

    def say(self, *texts: str, **more: Any) -> None:
        """Say lines now, and have the tail bring them."""
        self.clock.now = max(self.clock.now, time.time_ns() // 1000 - 100_000)
        self.event(*texts, **more)
        self.tell()

    def end(self, state: ev.State = "SUCCEEDED") -> None:
        """End the run."""
        self.voice.say(ev.RUN_FINISHED, ev.RunFinished(state=state))
        self.voice.close()
        self.tell()


@contextmanager
def talking(folder: Path, port: int = 22_000) -> Iterator[tuple[Server, str]]:
    """A server without Kafka, and the address of the run's page."""
    server = Server(folder, port=port)
    with ExitStack() as stack:
        _, port = listening(server.services, stack)
        yield server, f"http://127.0.0.1:{port}/runs/{RUN}"
