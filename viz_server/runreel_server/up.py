"""`runreel up`: broker, consumers and server of one machine, in one process."""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException, Producer

from runreel.errors import RunreelError, SettingError
from runreel.hub import ACKS, Hub
from runreel.settings import Settings
from runreel_server import web

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 3.0
BROKER_SECONDS: Final = 10.0
START_SECONDS: Final = 20.0


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


class Consumers:
    """The consumers of this process, a thread each."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        from runreel_consumers.consume import consume

        self._stop = threading.Event()
        self.failed: BaseException | None = None
        """What ended a consumer that nobody told to end."""
        self._threads = [
            threading.Thread(target=self._run, args=(consume, name, settings, hub), name=f"runreel-{name}", daemon=True)
            for name in ("archive", "blobs")
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        """End, each after its flush; answers whether all did in `timeout` seconds."""
        self._stop.set()
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, consume: Callable[..., None], name: str, settings: Settings, hub: Hub) -> None:
        try:
            consume(name, settings, self._stop, hub=hub)
        except BaseException as error:  # the thread's end must not pass unseen
            self.failed = error
            log.exception("the consumer %s ended", name)


class Machine:
    """Everything that `up` runs.

    Args:
        hub: where it all is.
        server: the web server.
        listener: its socket, bound.
    """

    def __init__(self, hub: Hub, server: web.Quiet, listener: socket.socket) -> None:
        self.hub = hub
        self._server, self._listener = server, listener

    def serve(self) -> None:
        """Serve until a signal comes, or `stop` is called."""
        self._server.run(sockets=[self._listener])

    def listening(self) -> None:
        """Wait until the server answers.

        Raises:
            RunreelError: it does not start.
        """
        end = time.monotonic() + START_SECONDS
        while not self._server.started:
            if time.monotonic() > end or self._server.should_exit:
                raise RunreelError("the web server did not start; its log says why")
            time.sleep(0.02)

    def stop(self) -> None:
        """Have `serve` return."""
        self._server.should_exit = True


@contextmanager
def machine(settings: Settings, data: Path | None = None) -> Iterator[Machine]:
    """Start broker and consumers, bind the server's port, and tell this machine where; at the end stop it all.

    Args:
        settings: host, port, state folder.
        data: folder of the archive; by default `data` in the state folder.

    Raises:
        SettingError: another `up` runs here, a folder cannot be written, or no port is free.
    """
    from runreel_server import application_of
    from runreel_server.services import Services

    data = (data or settings.state_dir / "data").absolute()
    prepare(settings.state_dir, "RUNREEL_STATE_DIR")
    prepare(data, "--data")
    settings = settings.replace(store=f"dir:{data}", kafka="")
    with _alone(settings):
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
            consumers = Consumers(settings, hub)  # without Kafka's setting they know that the broker is the hub's
            settings = settings.replace(kafka=hub.kafka, url=hub.url)
            services = Services(settings, hub=hub)
            consumers.start()
            hub.write(settings)
            try:
                yield Machine(hub, web.server(application_of(services)), listener)
            finally:
                Hub.remove(settings)
                if not consumers.stop(STOP_SECONDS):
                    log.warning("a consumer did not end in time; what it held is sent again by its emitters")
        finally:
            listener.close()


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    lock = Hub.hold(settings)
    if lock is None:
        other = Hub.find(settings)
        where = f" at {other.url}" if other else ""
        way_out = f"another `runreel up` runs with this folder{where}: use that one, or set another folder"
        raise SettingError("RUNREEL_STATE_DIR", str(settings.state_dir), way_out)
    try:
        yield
    finally:
        lock.release()


def prepare(folder: Path, setting: str) -> None:
    """Make a folder and see that it can be written.

    Raises:
        SettingError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{uuid.uuid4().hex}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SettingError(
            setting, str(folder), f"cannot be written ({error.strerror}): choose another folder"
        ) from None
