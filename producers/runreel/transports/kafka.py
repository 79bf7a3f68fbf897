"""Events to Kafka: acknowledged by its delivery reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from runreel.codec import CONTENT_TYPE
from runreel.settings import Settings
from runreel.transports.base import Answer, Broken, Contiguous, Sealed
from runreel.transports.client import FOR_GOOD, Client

HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("content-type", CONTENT_TYPE.encode())]


class KafkaTransport:
    """Sends events to the first topic of RUNREEL_TOPIC_EVENTS, key = run.

    The producer is idempotent; after a fatal error, or a message that failed though it may be taken another time, a new
    one begins at the first unacknowledged event, and only there.
    """

    name = "kafka"
    configured = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.event_topics[0]
        self._client: Client | None = None
        self._contiguous = Contiguous()
        self._answers: dict[str, int] = {}
        self._refused: list[Answer] = []
        self._trouble: str | None = None
        self._beating: set[str] = set()
        self._reachable: bool | None = None

    @property
    def where(self) -> str:
        """The bootstrap servers."""
        return f"Kafka at {self._settings.kafka}"

    @property
    def reachable(self) -> bool | None:
        """Whether the last thing heard was a delivery rather than a failure to connect."""
        return self._reachable

    def send(self, events: Sequence[Sealed]) -> int:
        """Queue events until the queue is full."""
        client = self._client = self._client or Client(self._settings, self._settings.kafka, self._heard)
        for taken, event in enumerate(events):
            if event.seq < 0 and event.session in self._beating:
                continue  # the last one is still under way: a queue of signs of life helps nobody
            try:
                client.produce(self._topic, event.run, event.message, HEADERS, partial(self._delivered, event))
            except BufferError:
                return taken
            except KafkaException as error:
                self._failed(event, error.args[0])
            if event.seq < 0:
                self._beating.add(event.session)
            else:
                self._contiguous.sent(event.session, event.seq)
        return len(events)

    def poll(self, timeout: float) -> list[Answer]:
        """Wait for delivery reports.

        Raises:
            Broken: a fatal error, or a message failed that is to be sent again.
        """
        if self._client is None:
            time.sleep(timeout)  # nothing can be heard before the first send
            return []
        self._client.poll(timeout)
        answers = [Answer(session, seq) for session, seq in self._answers.items()] + self._refused
        self._answers, self._refused = {}, []
        if self._trouble is not None and not answers:  # what was acknowledged counts first
            raise Broken(self._trouble)
        return answers

    def reset(self) -> None:
        """Begin with a new producer."""
        client, self._client = self._client, None
        self._contiguous.clear()
        self._answers, self._refused = {}, []
        self._beating = set()
        if client is not None:
            client.drop()
        self._answers.clear()
        self._refused.clear()
        self._contiguous.clear()
        self._trouble = None

    def close(self, timeout: float) -> None:
        """Let go of the producer; what it has not delivered is in the spool."""
        self.reset()

    def _delivered(self, event: Sealed, error: KafkaError | None) -> None:
        if event.seq < 0:
            self._beating.discard(event.session)
        if error is not None:
            self._failed(event, error)
            return
        self._reachable = True
        if event.seq >= 0 and (answer := self._contiguous.done(event.session, event.seq)) is not None:
            self._answers[answer.session] = answer.seq

    def _failed(self, event: Sealed, error: KafkaError) -> None:
        if event.seq < 0:
            return
        if error.code() in FOR_GOOD:
            self._refused.append(Answer(event.session, event.seq, error.str()))
        else:
            self._trouble = f"{self.where}: {error.str()}"

    def _heard(self, error: KafkaError) -> None:
        if error.fatal():
            self._trouble = f"{self.where}: {error.str()}"
        if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._AUTHENTICATION):
            self._reachable = False
