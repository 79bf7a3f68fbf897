"""Apache Kafka: one process that is broker and controller (KRaft)."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import uuid
from pathlib import Path

from native_stack.errors import NativeError
from native_stack.install import Part, java, kafka_part
from native_stack.machine import HOST, free_port, port_is_free
from native_stack.service import START_SECONDS, Service

_SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dirs}
auto.create.topics.enable=false
delete.topic.enable=true
log.segment.delete.delay.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
"""The last two: a killed broker comes back only when the controller has given up its former self, 9 s by default."""

_LOGGING = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server
logger.server.level=info
"""

_LIGHT = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""A broker that lives for minutes is not worth compiling well: this way it costs half the processor time."""

_METADATA_REQUEST = struct.pack(">hhi h i", 3, 1, 1, -1, 0)
"""Protocol: api key 3, version 1, correlation id 1, no client id, no topics."""


class Kafka(Service):
    """A single-node Kafka. `address` is what clients call the bootstrap servers."""

    name = "kafka"

    @staticmethod
    def part() -> Part:
        """The jars of Kafka and its dependencies."""
        return kafka_part()

    def answers(self) -> bool:
        """Whether the broker lists itself as alive: only then does it take messages."""
        try:
            with socket.create_connection((HOST, self.port), timeout=1.0) as connection:
                connection.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
                with connection.makefile("rb") as answer:
                    (size,) = struct.unpack(">i", _exactly(answer.read(4), 4))
                    _correlation, brokers = struct.unpack(">ii", _exactly(answer.read(size), size)[:8])
        except (OSError, ValueError, struct.error):
            return False
        return bool(brokers == 1)

    def prepare(self, port: int) -> None:
        """Write the settings and, the first time, format the storage.

        Raises:
            NativeError: the folder's path cannot be written as a Kafka setting, or the storage cannot be formatted.
        """
        log_dirs = self.folder / "log"
        if any(letter in str(log_dirs) for letter in ",\\\n"):
            raise NativeError(
                f"kafka: a data folder must have no comma, backslash or newline in its path: {self.folder}"
            )
        controller = self.record().get("controller_port")
        if not isinstance(controller, int) or controller == port or not port_is_free(controller):
            controller = free_port(but=frozenset({port}))
        self.remember(controller_port=controller)
        self._settings.write_text(_SETTINGS.format(host=HOST, port=port, controller=controller, log_dirs=log_dirs))
        self._logging.write_text(_LOGGING)
        if not (log_dirs / "meta.properties").exists():
            self._format()

    def command(self, port: int) -> list[str]:
        """Java with a small heap; the port is in the settings file."""
        return [*self._java(), "kafka.Kafka", str(self._settings)]

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self.folder / "log4j2.properties"

    def _java(self) -> list[str]:
        libraries = self.part().folder / "libs" / "*"
        return [java(), *_LIGHT, f"-Dlog4j2.configurationFile={self._logging}", "-cp", str(libraries)]

    def _format(self) -> None:
        command = [*self._java(), "kafka.tools.StorageTool", "format", "--standalone"]
        command += ["--cluster-id", _cluster_id(), "--config", str(self._settings)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise NativeError(f"kafka: formatting {self.folder} took more than {START_SECONDS:.0f} s") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[0]
            raise NativeError(f"kafka: cannot format {self.folder}: {said[:300]}; give another --data folder")


def _cluster_id() -> str:
    """A random id as Kafka writes them: 22 letters of base64, the first no minus, which starts an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError("the connection ended within an answer")
    return data
