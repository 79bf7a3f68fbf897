"""Dead letters: what could not be taken, byte for byte, with the reason in headers."""

from __future__ import annotations

import logging
from typing import Final

from runreel_consumers.messages import Message
from runreel_consumers.outbox import Outbox

log = logging.getLogger(__name__)

REASON: Final = "runreel-reason"
"""The header that says why."""


def bury(outbox: Outbox, topic: str, message: Message, reason: str) -> None:
    """Send a message to the topic of dead letters; it has arrived when the outbox is flushed."""
    log.warning("%s[%d] %d: %s", message.topic(), message.partition(), message.offset(), reason)
    headers = [*(message.headers() or []), (REASON, reason.encode())]
    where = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    headers += [(f"runreel-{name}", str(value).encode()) for name, value in where.items()]
    outbox.send(topic, message.value(), key=message.key(), headers=headers)
