"""The Kafka that a command speaks to: that of the settings, or this machine's `up`."""

from __future__ import annotations

import threading

from runreel.errors import SettingError
from runreel.hub import Hub
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.brokers import HubTopics, Identities, TopicIds, admin
from runreel_consumers.bulk import Bulk
from runreel_consumers.checks import require_kafka, require_store
from runreel_consumers.embedded import EmbeddedOutbox
from runreel_consumers.outbox import Outbox
from runreel_consumers.sent import Sent, sent
from runreel_consumers.transfer import HEADERS


class Line:
    """Where events are sent to.

    Args:
        settings: RUNREEL_KAFKA, or else the state folder of this machine's `up`.

    Raises:
        SettingError: there is none, or it does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hub = None if settings.kafka else Hub.find(settings)
        self.address = require_kafka(settings) if self._hub is None else self._hub.kafka

    def outbox(self, stop: threading.Event | None = None) -> Outbox:
        """What sends events, and knows when they have arrived; where it cannot, it waits until `stop` is set."""
        if self._hub is None:
            return Bulk(self._settings, self.address, HEADERS, stop or threading.Event())
        store = require_store(self._settings.replace(store=self._hub.store))
        return EmbeddedOutbox(self._settings, self._hub, store)

    def sent(self, reader: Reader, topic: str, run: str) -> Sent:
        """What of a run is there already.

        Raises:
            NotReachable: no broker answered.
        """
        identities: Identities = (
            TopicIds(admin(self._settings, self.address)) if self._hub is None else HubTopics(self._hub.id)
        )
        return sent(reader, self._settings, self.address, identities, topic, run)

    def topic(self, workspace: str) -> str:
        """The topic that carries a workspace's events.

        Raises:
            SettingError: none does.
        """
        for topic in self._settings.event_topics:
            carried = self._settings.topic_workspaces.get(topic)
            if carried is None or workspace in carried.split():
                return topic
        told = ", ".join(f"{topic}={names}" for topic, names in self._settings.topic_workspaces.items())
        raise SettingError("RUNREEL_TOPIC_WORKSPACES", told, f"no topic carries workspace {workspace!r}: add it to one")
