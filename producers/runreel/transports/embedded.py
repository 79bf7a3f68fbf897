"""Events to the `runreel up` of this machine: acknowledged by its archive alone.

Its broker keeps 5 MiB a partition and lets the oldest go, consumed or not, with nothing said. So a delivery report
means nothing here: an event is safe once the archive has written the session's seq into the folder that both know.
Little is under way at a time, and what stays without an answer is sent again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from runreel.hub import Hub, acknowledged
from runreel.settings import Settings
from runreel.transports.base import Answer, Sealed
from runreel.transports.client import Client
from runreel.transports.kafka import HEADERS

WINDOW: Final = 256 << 10
"""Bytes of one session that may be unacknowledged to begin with; halved on each re-send, at least one event; doubled on
progress, up to `MOST`."""

MOST: Final = 2 << 20
"""The broker keeps 5 MiB a partition, of all who send; the archive takes them within milliseconds while it keeps up."""

PATIENCE: Final = 2.0
"""Seconds without progress until what is unacknowledged is sent again."""

_LOOK: Final = 0.025  # seconds between two looks at the acknowledgements
_SEARCH: Final = 1.0  # seconds between two looks for the hub
_IDLE: Final = 60.0  # seconds after which a window that is empty is forgotten, and with it how wide it was

_log = logging.getLogger("runreel")


class _Window:
    """What of one session is taken and not acknowledged; the first `under_way` of it have been produced."""

    def __init__(self) -> None:
        self.events: deque[Sealed] = deque()
        self.size = 0
        self.limit = WINDOW
        self.under_way = 0
        self.progress = time.monotonic()

    def room(self, event: Sealed) -> bool:
        """Whether one more fits."""
        return not self.events or self.size + len(event.message) <= self.limit

    def take(self, event: Sealed) -> None:
        """One more."""
        if not self.events:
            self.progress = time.monotonic()
        self.events.append(event)
        self.size += len(event.message)

    def acknowledge(self, seq: int) -> bool:
        """All up to `seq` is stored. Whether that is news."""
        news = False
        while self.events and self.events[0].seq <= seq:
            self.size -= len(self.events.popleft().message)
            self.under_way = max(0, self.under_way - 1)
            news = True
        if news:
            self.limit = min(MOST, self.limit * 2)
            self.progress = time.monotonic()
        return news

    def again(self) -> None:
        """Nothing came back: send less, from the first unacknowledged event on."""
        self.limit = max(1, self.limit // 2)
        self.under_way = 0
        self.progress = time.monotonic()

    def next(self) -> Sealed | None:
        """The next event to produce, if the window lets it."""
        if self.under_way >= len(self.events):
            return None
        flying = sum(len(self.events[i].message) for i in range(self.under_way))
        event = self.events[self.under_way]
        return event if not self.under_way or flying + len(event.message) <= self.limit else None


class EmbeddedTransport:
    """Sends to the hub that `Hub.find` answers, and again to the next one."""

    name = "up"
    configured = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.event_topics[0]
        self._hub: Hub | None = None
        self._client: Client | None = None
        self._windows: dict[str, _Window] = {}
        self._beating: set[str] = set()
        self._searched = self._looked = float("-inf")
        self._reachable: bool | None = None
        self._fatal = False

    @property
    def where(self) -> str:
        """The hub."""
        return "the `runreel up` of this machine" + (f" (Kafka at {self._hub.kafka})" if self._hub else "")

    @property
    def reachable(self) -> bool | None:
        """Whether there is a hub."""
        return self._reachable

    def send(self, events: Sequence[Sealed]) -> int:
        """Take events up to the window of their session; none while there is no hub."""
        self._search()
        if self._client is None:
            return 0
        for taken, event in enumerate(events):
            if event.seq < 0:
                self._produce(event)
                continue
            window = self._windows.setdefault(event.session, _Window())
            if not window.room(event):
                self._fill()
                return taken
            window.take(event)
        self._fill()
        return len(events)

    def poll(self, timeout: float) -> list[Answer]:
        """Wait for the archive's word."""
        self._search()
        if self._client is None:
            time.sleep(timeout)  # there is nothing to hear from
            return []
        self._client.poll(min(timeout, _LOOK))
        if self._fatal:
            self._connect()
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return []
        self._looked = now
        answers = self._acknowledgements()
        for window in self._windows.values():
            if window.events and now - window.progress > PATIENCE:
                window.again()
        self._fill()
        return answers

    def reset(self) -> None:
        """Forget what is under way."""
        self._windows.clear()
        self._beating.clear()
        if self._client is not None:
            self._client.drop()
        self._hub = self._client = None
        self._searched = float("-inf")

    def close(self, timeout: float) -> None:
        """Let go of the producer; what is not acknowledged is in the spool."""
        self.reset()

    def _search(self) -> None:
        now = time.monotonic()
        if now - self._searched < _SEARCH:
            return
        self._searched = now
        hub = Hub.find(self._settings)
        self._reachable = hub is not None
        if hub is not None and (self._hub is None or hub.id != self._hub.id):
            self._hub = hub
            self._connect()
        elif hub is None and self._client is not None:
            self._client.drop()
            self._hub = self._client = None

    def _connect(self) -> None:
        """A new producer, to which all that is unacknowledged goes again."""
        if self._client is not None:
            self._client.drop()
        self._fatal = False
        self._beating.clear()
        for window in self._windows.values():
            window.under_way = 0
            window.progress = time.monotonic()
        assert self._hub is not None
        # The archive knows copies by their seq: no event need wait for what makes the producer idempotent.
        self._client = Client(self._settings, self._hub.kafka, self._heard, idempotent=False)

    def _acknowledgements(self) -> list[Answer]:
        if self._hub is None:
            return []
        folder = Path(self._hub.acks)
        answers = []
        for session, window in self._windows.items():
            if window.events:
                seq = acknowledged(folder, session)
                if window.acknowledge(seq):
                    answers.append(Answer(session, seq))
        old = time.monotonic() - _IDLE
        idle = [name for name, window in self._windows.items() if not window.events and window.progress < old]
        for name in idle:
            del self._windows[name]
        return answers

    def _fill(self) -> None:
        for window in self._windows.values():
            while (event := window.next()) is not None:
                if not self._produce(event):
                    return
                window.under_way += 1

    def _produce(self, event: Sealed) -> bool:
        """Whether the producer took it. One that fails is sent again as one that was evicted is."""
        if self._client is None or (event.seq < 0 and event.session in self._beating):
            return True
        try:
            self._client.produce(
                self._topic, event.run, event.message, HEADERS, lambda error: self._delivered(event, error)
            )
        except BufferError:
            return False
        except KafkaException as error:
            _log.debug("runreel: %s", error)
        if event.seq < 0:
            self._beating.add(event.session)
        return True

    def _delivered(self, event: Sealed, error: KafkaError | None) -> None:
        if event.seq < 0:
            self._beating.discard(event.session)
        if error is not None and error.fatal():
            self._fatal = True

    def _heard(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = True
