"""Which way events travel."""

from __future__ import annotations

from runreel.errors import SettingError
from runreel.settings import Settings
from runreel.transports.base import Transport


def kind(settings: Settings) -> str:
    """`kafka`, `http`, `console`, `null`, or `up` for the `runreel up` of this machine."""
    if settings.transport == "kafka":
        return "kafka" if settings.kafka else "up"
    return settings.transport or ("kafka" if settings.kafka else "http" if settings.url else "up")


def destination(settings: Settings) -> str:
    """Where events are meant to go, without a secret; empty where nobody said it."""
    way = kind(settings)
    return {"kafka": settings.kafka, "http": settings.url, "up": ""}.get(way, way)


def choose(settings: Settings) -> Transport:
    """The transport that the settings ask for: Kafka if its setting is there, else HTTP if RUNREEL_URL is, else this
    machine's `runreel up`. Makes no connection.

    Raises:
        SettingError: RUNREEL_TRANSPORT is http, and RUNREEL_URL is empty or no address.
    """
    way = kind(settings)
    if way == "kafka":
        from runreel.transports.kafka import KafkaTransport  # confluent-kafka takes its time to load

        return KafkaTransport(settings)
    if way == "up":
        from runreel.transports.embedded import EmbeddedTransport

        return EmbeddedTransport(settings)
    if way == "http":
        from runreel.transports.http import HttpTransport

        if not settings.url.startswith(("http://", "https://")):
            raise SettingError("RUNREEL_URL", settings.url, "give the server's address, such as http://127.0.0.1:8765")
        return HttpTransport(settings)
    if way == "console":
        from runreel.transports.console import ConsoleTransport

        return ConsoleTransport()
    from runreel.transports.null import NullTransport

    return NullTransport()


def check(settings: Settings) -> None:
    """See that there is a way out, and that its client takes its settings. Makes no connection.

    Raises:
        SettingError: as `choose`, or librdkafka does not take RUNREEL_KAFKA_CONFIG.
    """
    choose(settings)
    if kind(settings) in ("kafka", "up"):
        from runreel.transports.client import Client

        Client(settings, settings.kafka, lambda _: None).drop()
