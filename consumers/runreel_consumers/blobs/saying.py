"""Service events on their way: said when Kafka has them."""

from __future__ import annotations

import threading

from runreel.codec import CONTENT_TYPE, encode
from runreel.deadline import Deadline
from runreel.events import Event
from runreel.settings import Settings
from runreel_consumers.outbox import Outbox

_SECONDS = 30.0


class Saying:
    """A callback that sends an event to the first topic of events and waits for its acknowledgement.

    Args:
        settings: topics.
        outbox: sends; nobody else uses it.
    """

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._topic = settings.event_topics[0]
        self._outbox = outbox
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Say one event; safe from several threads.

        Raises:
            NotReachable: Kafka has not acknowledged it within 30 s; it may still arrive, and may be said again.
        """
        with self._lock:
            headers = [("content-type", CONTENT_TYPE.encode())]
            self._outbox.send(self._topic, encode(event), key=event.run.encode(), headers=headers)
            self._outbox.flush(Deadline(_SECONDS))
