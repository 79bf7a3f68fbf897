"""Service events on their way: said when they are safe."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from runreel.codec import CONTENT_TYPE, encode
from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.events import Event
from runreel.settings import Settings
from runreel_consumers.outbox import Outbox

_SECONDS = 30.0


@dataclass(eq=False)
class _Word:
    """An event that somebody waits for: whether its turn is over, and what then stood against it."""

    event: Event
    over: bool = False
    failure: Exception | None = None


class Saying:
    """A callback that sends an event to the first topic of events and waits until it is safe (`Outbox.flush`).

    To wait may take half a second, where the archive of `runreel up` answers. So one thread waits for all: whoever has
    the turn sends what has been said meanwhile, too.

    Args:
        settings: topics.
        outbox: sends; nobody else uses it.
    """

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._topic = settings.event_topics[0]
        self._outbox = outbox
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._waiting: list[_Word] = []

    def __call__(self, event: Event) -> None:
        """Say one event; safe from several threads.

        Raises:
            NotReachable: it is not safe within 30 s; it may still arrive, and may be said again.
        """
        word = _Word(event)
        with self._lock:
            self._waiting.append(word)
        with self._turn:
            if not word.over:
                self._say_all()
        if word.failure is not None:
            raise NotReachable(str(word.failure)) from word.failure

    def _say_all(self) -> None:
        with self._lock:
            words, self._waiting = self._waiting, []
        headers = [("content-type", CONTENT_TYPE.encode())]
        failure: Exception | None = None
        try:
            for word in words:
                self._outbox.send(self._topic, encode(word.event), key=word.event.run.encode(), headers=headers)
            self._outbox.flush(Deadline(_SECONDS))
        except Exception as error:  # whatever it is, all who wait must hear of it
            failure = error
        for word in words:
            word.over, word.failure = True, failure
