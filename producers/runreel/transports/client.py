"""librdkafka's producer as runreel configures it: quiet, idempotent, and never inherited."""

from __future__ import annotations

import ctypes
import logging
import os
import weakref
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from runreel.codec import MAX_EVENT
from runreel.errors import SettingError
from runreel.settings import Settings

FOR_GOOD: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_TIMESTAMP,
    }
)
"""What a broker answers where it will never take a message. All else is tried again."""

_kafka_log = logging.getLogger("runreel.kafka")
_clients: weakref.WeakValueDictionary[int, Client] = weakref.WeakValueDictionary()


class _Quiet:
    """librdkafka's own lines, as debugging lines of `runreel.kafka`: they never reach the host's stderr raw."""

    def log(self, _level: int, message: str, *args: Any) -> None:
        """One line."""
        _kafka_log.debug(message, *args)


class Client:
    """One producer.

    Args:
        settings: RUNREEL_KAFKA_CONFIG wins over the tuning here, not over what delivery rests on.
        servers: bootstrap servers.
        heard: called with what went wrong, and whether it is fatal; from within `poll`.
        idempotent: let the broker pass over what is sent twice. Its first message then waits half a second for an
            identity, which librdkafka asks for once it is connected.

    Raises:
        SettingError: a key of RUNREEL_KAFKA_CONFIG is wrong; its values are not shown.
    """

    def __init__(
        self, settings: Settings, servers: str, heard: Callable[[KafkaError], None], *, idempotent: bool = True
    ) -> None:
        tuning: dict[str, Any] = {
            "client.id": "runreel",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 1_000_000,
            "queue.buffering.max.kbytes": 32 << 10,
            "message.max.bytes": MAX_EVENT + 40_000,
            "reconnect.backoff.max.ms": 5_000,
            "allow.auto.create.topics": True,
        }
        needed: dict[str, Any] = {
            "bootstrap.servers": servers,
            "enable.idempotence": idempotent,
            "acks": "all",
            "partitioner": "murmur2_random",
            "message.timeout.ms": 0,
        }
        if not idempotent:
            needed["max.in.flight.requests.per.connection"] = 1  # else what is tried again would come out of order
        self._producer: Producer | None
        try:
            self._producer = Producer({**tuning, **settings.kafka_config, **needed, "error_cb": heard}, logger=_Quiet())
        except (KafkaException, TypeError, ValueError) as error:
            first = error.args[0] if error.args else None
            reason = first.str() if isinstance(first, KafkaError) else type(error).__name__
            for value in settings.kafka_config.values():
                if len(value) > 3:
                    reason = reason.replace(value, "…")
            raise SettingError("RUNREEL_KAFKA_CONFIG", None, f"librdkafka does not take it: {reason}") from None
        self._pid = os.getpid()
        _clients[id(self)] = self

    def produce(
        self,
        topic: str,
        key: str,
        value: bytes,
        headers: list[tuple[str, str | bytes | None]],
        done: Callable[[KafkaError | None], None],
    ) -> None:
        """Take a message; `done` is called from within `poll` when it is delivered or has failed.

        Raises:
            BufferError: the queue is full.
            KafkaException: it is refused at once.
        """
        assert self._producer is not None
        self._producer.produce(topic, value=value, key=key, headers=headers, on_delivery=lambda error, _: done(error))

    def poll(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for something to be heard."""
        if self._producer is not None:
            self._producer.poll(timeout)

    def waiting(self) -> int:
        """Messages that are neither delivered nor failed."""
        return 0 if self._producer is None else len(self._producer)

    def drop(self) -> None:
        """Forget all that waits, and the client. In a forked child the handle is leaked: its threads are not there."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if os.getpid() != self._pid:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(producer))
            return
        producer.purge()
        producer.poll(0)

    def leak(self) -> None:
        """After a fork, in the child."""
        self.drop()


def _forked() -> None:
    for client in list(_clients.values()):
        client.leak()


os.register_at_fork(after_in_child=_forked)
