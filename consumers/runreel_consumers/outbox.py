"""Messages that a consumer itself sends: dead letters, misplaced ones, events of services, notifications."""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.brokers import client_config
from runreel_consumers.messages import Headers

log = logging.getLogger(__name__)

CUT: Final = "runreel-cut"
"""The header of a message that Kafka did not take whole: how many bytes it had."""

_LARGEST: Final = 1_000_000_000  # librdkafka's own bound; the broker's is the one that counts


class Letter(msgspec.Struct, frozen=True):
    """One message to be sent. `partition` -1: that of its key."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    partition: int


class Outbox:
    """Sends and remembers until Kafka has acknowledged. Speaks to nobody before the first `send`.

    Args:
        settings: librdkafka keys.
        address: bootstrap servers.
    """

    def __init__(self, settings: Settings, address: str) -> None:
        self._config = client_config(
            settings,
            address,
            enable_idempotence=True,
            acks="all",
            partitioner="murmur2_random",
            linger_ms=5,
            message_max_bytes=_LARGEST,
            compression_type="lz4",
        )
        self._producer: Producer | None = None
        self._failed: list[Letter] = []
        self._reason: KafkaError | None = None

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None:
        """Send one message; it has arrived when the next `flush` returns. `partition` -1: that of its key.

        One that is larger than Kafka takes is cut, marked by a header and told in our log: nobody waits for ever.
        """
        self._produce(Letter(topic, value, key, list(headers or []), partition))

    def poll(self) -> None:
        """Let acknowledgements come in."""
        if self._producer is not None:
            self._producer.poll(0)

    def flush(self, deadline: Deadline) -> None:
        """Wait until all has arrived.

        Raises:
            NotReachable: some has not by `deadline`, or was refused; it is kept and sent again by the next flush.
        """
        again, self._failed = self._failed, []
        for letter in again:
            self._produce(letter)
        if self._producer is None:
            return
        if self._producer.flush(deadline.left()):
            raise NotReachable("Kafka did not take all of our own messages in time")
        if self._failed:
            why = self._reason.str() if self._reason else "refused"
            raise NotReachable(f"Kafka did not take a message for topic {self._failed[0].topic}: {why}")

    def _arrived(self, letter: Letter, error: KafkaError | None, _message: Any) -> None:
        """A delivery report."""
        if error is not None:
            self._failed.append(_cut(letter) if _too_large(letter, error) else letter)
            self._reason = error

    def _produce(self, letter: Letter) -> None:
        if self._producer is None:
            self._producer = Producer(self._config)

        def delivered(error: KafkaError | None, message: Any) -> None:
            self._arrived(letter, error, message)

        arguments: dict[str, Any] = {"key": letter.key, "headers": letter.headers, "on_delivery": delivered}
        if letter.partition >= 0:
            arguments["partition"] = letter.partition
        while True:
            try:
                self._producer.produce(letter.topic, letter.value, **arguments)
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                self._arrived(letter, error.args[0], None)
                return


def _too_large(letter: Letter, error: KafkaError) -> bool:
    return error.code() == KafkaError.MSG_SIZE_TOO_LARGE and bool(letter.value)


def _cut(letter: Letter) -> Letter:
    value = letter.value or b""
    log.error("a message of %d bytes for topic %s is larger than Kafka takes: it is cut", len(value), letter.topic)
    told = [] if any(name == CUT for name, _ in letter.headers) else [(CUT, str(len(value)).encode())]
    return msgspec.structs.replace(letter, value=value[: len(value) // 2], headers=[*letter.headers, *told])
