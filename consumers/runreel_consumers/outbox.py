"""Messages that a consumer itself sends: dead letters, misplaced ones, events of services, notifications."""

from __future__ import annotations

import hashlib
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

PART_OF, PART_AT, PART_SIZE = "runreel-part-of", "runreel-part-at", "runreel-part-size"
"""The headers of a part of a message that Kafka did not take whole: the whole's sha256, where in it this part begins,
and how many bytes the whole has."""

_LEAST: Final = 1024  # bytes; what is refused below this is refused for its headers
_LARGEST: Final = 1_000_000_000  # librdkafka's own bound; the broker's is the one that counts


class Letter(msgspec.Struct, frozen=True):
    """One message to be sent.

    Attributes:
        partition: -1: that of its key.
        of, at, size: those of a part, see `PART_OF`.
        alone: with no other in its batch: a broker refuses a whole batch for its size.
    """

    topic: str
    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    partition: int
    of: str = ""
    at: int = 0
    size: int = 0
    alone: bool = False

    def told(self) -> list[tuple[str, bytes | None]]:
        """Its headers, as they are sent."""
        if not self.of:
            return self.headers
        part = {PART_OF: self.of, PART_AT: self.at, PART_SIZE: self.size}
        return [*self.headers, *((name, str(value).encode()) for name, value in part.items())]


class Outbox:
    """Sends and remembers until Kafka has acknowledged. Speaks to nobody before `open` or the first `send`.

    Args:
        settings: librdkafka keys.
        address: bootstrap servers.
        idempotent: let the broker pass over what is sent twice. The first message then waits half a second for an
            identity.
    """

    def __init__(self, settings: Settings, address: str, *, idempotent: bool = True) -> None:
        self._config = client_config(
            settings,
            address,
            enable_idempotence=idempotent,
            acks="all",
            partitioner="murmur2_random",
            linger_ms=5,
            message_max_bytes=_LARGEST,
            compression_type="lz4",
        )
        self._producers: dict[bool, Producer] = {}
        self._failed: list[Letter] = []
        self._reason: KafkaError | None = None

    def open(self, *, alone: bool = False) -> Producer:
        """Connect, so that the first message need not wait for it; answers the producer, or that of `alone` letters."""
        if alone not in self._producers:
            config = {**self._config, "batch.num.messages": 1} if alone else self._config
            self._producers[alone] = Producer(config)
        return self._producers[alone]

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

        One that is larger than Kafka takes is sent in parts, with headers that join them (`PART_OF`): nothing is cut,
        and nobody waits for ever.
        """
        self._produce(Letter(topic, value, key, list(headers or []), partition))

    def poll(self) -> None:
        """Let acknowledgements come in."""
        for producer in list(self._producers.values()):
            producer.poll(0)

    def flush(self, deadline: Deadline) -> None:
        """Wait until all has arrived.

        Raises:
            NotReachable: some has not by `deadline`, or was refused; it is kept and sent again by the next flush.
        """
        again, self._failed = self._failed, []
        for letter in again:
            self._produce(letter)
        for producer in list(self._producers.values()):
            if producer.flush(deadline.left()):
                raise NotReachable("Kafka did not take all of our own messages in time")
        if self._failed:
            why = self._reason.str() if self._reason else "refused"
            raise NotReachable(f"Kafka did not take a message for topic {self._failed[0].topic}: {why}")

    def _arrived(self, letter: Letter, error: KafkaError | None, _message: Any) -> None:
        """A delivery report."""
        if error is not None:
            self._failed += _smaller(letter) if error.code() == KafkaError.MSG_SIZE_TOO_LARGE else [letter]
            self._reason = error

    def _produce(self, letter: Letter) -> None:
        producer = self.open(alone=letter.alone)

        def delivered(error: KafkaError | None, message: Any) -> None:
            self._arrived(letter, error, message)

        arguments: dict[str, Any] = {"key": letter.key, "headers": letter.told(), "on_delivery": delivered}
        if letter.partition >= 0:
            arguments["partition"] = letter.partition
        while True:
            try:
                producer.produce(letter.topic, letter.value, **arguments)
                return
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                self._arrived(letter, error.args[0], None)
                return


def _smaller(letter: Letter) -> list[Letter]:
    """What to send in the place of a letter that is larger than Kafka takes."""
    if not letter.alone:
        return [msgspec.structs.replace(letter, alone=True)]
    value = letter.value or b""
    if len(value) >= _LEAST:
        if not letter.of:
            log.warning("a message of %d bytes for topic %s goes in parts: Kafka takes less", len(value), letter.topic)
            letter = msgspec.structs.replace(letter, of=hashlib.sha256(value).hexdigest(), size=len(value))
        half = len(value) // 2
        first = msgspec.structs.replace(letter, value=value[:half])
        return [first, msgspec.structs.replace(letter, value=value[half:], at=letter.at + half)]
    ours = [header for header in letter.headers if header[0].startswith("runreel-")]
    if len(ours) < len(letter.headers):
        log.error("a message for topic %s goes without its headers: they are more than Kafka takes", letter.topic)
        return [msgspec.structs.replace(letter, headers=ours)]
    log.error("a message for topic %s is lost: Kafka does not take even its key", letter.topic)
    return []
