"""Very many messages to Kafka: heard of are those alone that it refuses."""

from __future__ import annotations

import threading
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.messages import Headers
from runreel_consumers.outbox import Letter, Outbox

QUEUE_KILOBYTES: Final = 64 << 10
"""What waits to be sent, at most."""


class Bulk(Outbox):
    """An outbox for messages that have the same headers and choose their partition by their keys: those cost least.

    Args:
        settings: librdkafka keys.
        address: bootstrap servers.
        headers: theirs; a message that is given other ones goes the usual way.
        stop: when it is set, nobody waits any longer for a place in the queue.
    """

    def __init__(self, settings: Settings, address: str, headers: Headers, stop: threading.Event) -> None:
        super().__init__(settings, address)
        self._headers, self._sent, self._stop = headers, list(headers), stop
        ours = {
            "delivery.report.only.error": True,
            "on_delivery": self._refused,
            "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
            "batch.size": 1_000_000,
            "linger.ms": 20,
        }
        self._config = {**self._config, **ours, **settings.kafka_config}

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None:
        """Send one message; it has arrived when the next `flush` returns.

        Raises:
            NotReachable: the queue is full, as it is where Kafka is away, and `stop` is set.
        """
        if headers is not self._headers or partition != -1:
            super().send(topic, value, key=key, headers=headers, partition=partition)
            return
        producer: Any = self.open()
        while True:
            try:
                producer.produce(topic, value, key=key, headers=self._sent)
                return
            except BufferError:
                if self._stop.is_set():
                    raise NotReachable("stopped while Kafka took nothing: some of it may not have arrived") from None
                producer.poll(0.05)
            except KafkaException as error:
                self._arrived(Letter(topic, value, key, self._sent, -1), error.args[0], None)
                return

    def _refused(self, error: KafkaError | None, message: Any) -> None:
        self._arrived(Letter(message.topic(), message.value(), message.key(), self._sent, -1), error, message)
