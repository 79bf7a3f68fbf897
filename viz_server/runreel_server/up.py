"""`runreel up`: broker, consumers and server of one machine, in one process."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException, Producer

from runreel.checks import WRITABLE, unusable
from runreel.deadline import Deadline
from runreel.errors import RunreelError, SettingError
from runreel.hub import ACKS, Hub
from runreel.settings import Settings
from runreel.spool import recover
from runreel_consumers.store import DATA
from runreel_server import web

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 3.0
BROKER_SECONDS: Final = 10.0
START_SECONDS: Final = 20.0
LEFT_SECONDS: Final = 2.0  # between two looks at what ended processes left
LEFT_PATIENCE: Final = 60.0


class Broker:
    """librdkafka's built-in broker: the real protocol on loopback, in memory, gone with this process."""

    def __init__(self) -> None:
        # Held for the broker's sake alone; nothing is ever produced with it.
        self._handle = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})

    def address(self) -> str:
        """Its bootstrap server.

        Raises:
            RunreelError: it did not start.
        """
        try:
            brokers = self._handle.list_topics(timeout=BROKER_SECONDS).brokers.values()
        except KafkaException as error:
            raise RunreelError(f"the built-in broker did not start: {error.args[0].str()}") from None
        return ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


class Machine:
    """Everything that `up` runs, from `machine`.

    Args:
        hub: where it all is.
        server: the web server.
        listener: its socket, bound.
    """

    def __init__(self, hub: Hub, server: web.Quiet, listener: socket.socket) -> None:
        self.hub = hub
        self._server, self._listener = server, listener

    def serve(self) -> None:
        """Serve until Ctrl-C or SIGTERM, `stop`, or a consumer's failure. Signals are taken in the main thread only."""
        self._server.run(sockets=[self._listener])

    def listening(self) -> None:
        """Wait until the server answers.

        Raises:
            RunreelError: it does not start.
        """
        if not self._server.up.wait(START_SECONDS) or not self._server.started:
            raise RunreelError("the web server did not start; its log says why")

    def stop(self) -> None:
        """Have `serve` return."""
        self._server.should_exit = True


@contextmanager
def machine(settings: Settings, data: Path | None = None) -> Iterator[Machine]:
    """Start broker and consumers, bind the server's port, and tell this machine where; at the end stop it all.

    Args:
        settings: host, port, state folder.
        data: folder of the archive; by default what RUNREEL_STORE names, else `data` in the state folder.

    Raises:
        SettingError: another `up` runs here, RUNREEL_KAFKA is set, a folder cannot be used, or no port is free.
        BaseException: afterwards: what a consumer failed of.
    """
    from runreel_consumers.checks import require_store
    from runreel_consumers.together import Consumers
    from runreel_server import application_of
    from runreel_server.services import Services

    if settings.kafka:
        way_out = "is set, and `up` has its own broker: unset it, or run `runreel consume all` and `runreel serve`"
        raise SettingError("RUNREEL_KAFKA", settings.kafka, way_out)
    if (reason := unusable(settings.state_dir)) is not None:
        raise SettingError("RUNREEL_STATE_DIR", str(settings.state_dir), f"cannot be used ({reason}): {WRITABLE}")
    settings = settings.replace(store=store_of(settings, data))
    with _alone(settings):
        require_store(settings)
        listener = web.bind(settings)
        try:
            broker = Broker()
            hub = Hub(
                id=Hub.new_id(),
                kafka=broker.address(),
                url=web.address(listener),
                store=settings.store,
                acks=str(settings.state_dir / ACKS),
            )
            services = Services(settings.replace(kafka=hub.kafka, url=hub.url), hub=hub)
            server = web.server(application_of(services))
            consumers = Consumers(settings.replace(exit_wait=STOP_SECONDS), hub, ended=server.end)
            server.ending = consumers.tell  # they flush while the server says good-bye
            consumers.start()
            hub.write(settings)
            stopping = threading.Event()
            threading.Thread(target=_ship_left, args=(settings, stopping), name="runreel-left", daemon=True).start()
            try:
                yield Machine(hub, server, listener)
            finally:
                stopping.set()
                Hub.remove(settings)
                if not consumers.stop(Deadline(STOP_SECONDS)):
                    log.warning("a consumer did not end in time; what it held is sent again by its emitters")
            if consumers.failed is not None:
                raise consumers.failed
        finally:
            listener.close()


def _ship_left(settings: Settings, stopping: threading.Event) -> None:
    """Ship what ended processes left in the spool, before this `up` or while it was being started anew.

    A daemon's work: where the process ends in the midst of it, the spool is as it was.
    """
    while not stopping.is_set():
        try:
            recover(settings, timeout=LEFT_PATIENCE)
        except (RunreelError, OSError) as error:
            log.warning("what waits in the spool is not shipped: %s", error)
        stopping.wait(LEFT_SECONDS)


def store_of(settings: Settings, data: Path | None) -> str:
    """Where the archive lies, as RUNREEL_STORE spells it.

    Raises:
        SettingError: the folder named cannot be used.
    """
    if data is None and settings.store:
        return settings.store
    folder = (data or settings.state_dir / DATA).expanduser().absolute()
    if (reason := unusable(folder)) is not None:
        raise SettingError("--data", str(folder), f"cannot be used ({reason}): {WRITABLE}")
    return f"dir:{folder}"


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    lock = Hub.hold(settings)
    if lock is None:
        other = Hub.find(settings)
        where = f" at {other.url}" if other else ""
        way_out = f"another `runreel up` runs with this folder{where}: use that one, or set another folder"
        raise SettingError("RUNREEL_STATE_DIR", str(settings.state_dir), way_out)
    try:
        Hub.remove(settings)  # of one that was killed: with the lock held, it would pass for this one
        yield
    finally:
        lock.release()
