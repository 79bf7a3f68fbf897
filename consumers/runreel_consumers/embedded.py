"""Messages to the broker of `runreel up`, which forgets: each is sent until the archive has it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError

from runreel.deadline import Deadline
from runreel.errors import NotReachable
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers.archive.log import Log
from runreel_consumers.brokers import HubTopics
from runreel_consumers.messages import Headers
from runreel_consumers.outbox import Letter, Outbox
from runreel_consumers.store import Store

WINDOW: Final = 2 << 20
"""Bytes that may be under way: the broker keeps 5 MiB a partition, for all who send."""

_LOOK: Final = 0.02  # seconds between two looks at the archive
_Place = tuple[str, int]


class EmbeddedOutbox(Outbox):
    """An outbox whose `flush` returns when the archive has what was sent; what the broker let go is sent again.

    Args:
        settings: librdkafka keys.
        hub: the `runreel up` of this machine.
        store: its archive's.
        stopped: whether to wait no longer, because the process ends.
    """

    def __init__(self, settings: Settings, hub: Hub, store: Store, stopped: Callable[[], bool] = lambda: False) -> None:
        super().__init__(settings, hub.kafka, idempotent=False)  # the archive knows copies
        self._stopped = stopped
        self._identities, self._archive = HubTopics(hub.id), Log(store)
        self._archived_topics = frozenset(settings.event_topics)
        self._sent: dict[_Place, dict[int, Letter]] = {}
        self._under_way = 0

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None:
        """Send one message. Waits for the archive where much is under way.

        Raises:
            NotReachable: the archive does not take it.
        """
        super().send(topic, value, key=key, headers=headers, partition=partition)
        self._under_way += len(value or b"")
        if self._under_way >= WINDOW:
            self.flush(Deadline(60.0))

    def flush(self, deadline: Deadline) -> None:
        """Wait until the archive has all that was sent.

        Raises:
            NotReachable: it has not by `deadline`.
        """
        super().flush(deadline)
        while self._sent:
            for place, letters in list(self._sent.items()):
                lost = self._lost(place, letters)
                if lost is None:
                    continue
                del self._sent[place]
                for letter in lost:
                    self._produce(letter)
            super().flush(deadline)
            if self._sent and (deadline.expired or self._stopped()):
                raise NotReachable("the archive of `runreel up` did not store all in time: does it still run?")
            time.sleep(_LOOK)
        self._under_way = 0

    def _arrived(self, letter: Letter, error: KafkaError | None, message: Any) -> None:
        super()._arrived(letter, error, message)
        if error is None and letter.topic in self._archived_topics:
            self._sent.setdefault((letter.topic, message.partition()), {})[message.offset()] = letter

    def _lost(self, place: _Place, letters: dict[int, Letter]) -> Sequence[Letter] | None:
        """What the broker let go before the archive saw it; None: the archive is not there yet."""
        topic, partition = place
        epoch = self._archive.epochs.find(self._identities.of([topic])[topic])
        if epoch is None:
            return None
        segments = [one for one in self._archive.cover(epoch, partition) if one.last >= min(letters)]
        if max((one.last for one in segments), default=-1) < max(letters):
            return None
        holes = [hole for index in self._archive.indexes(segments) for hole in index.holes]
        return [letter for offset, letter in letters.items() if any(first <= offset <= last for first, last in holes)]
