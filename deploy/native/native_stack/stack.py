"""Kafka and MinIO together, on one folder."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from native_stack.kafka import Kafka
from native_stack.machine import locked, say
from native_stack.minio import BUCKET, Minio
from native_stack.service import Service


class Stack:
    """A real Kafka and a real MinIO whose data lie in `data`.

    As a context manager it starts both and stops both; the data stay. Each can be started, stopped, killed and
    restarted alone through `kafka` and `minio`.

    Args:
        data: the folder of everything; what another process started there is found.
        kafka_port: on which Kafka listens; by default the last one, else a free one.
        minio_port: the same for MinIO.
    """

    def __init__(self, data: Path, *, kafka_port: int | None = None, minio_port: int | None = None) -> None:
        self.data = data.absolute()
        self.kafka = Kafka(self.data / "kafka", kafka_port)
        self.minio = Minio(self.data / "minio", minio_port)

    @property
    def services(self) -> tuple[Service, ...]:
        """Both, in the order of their start."""
        return (self.minio, self.kafka)

    def __enter__(self) -> Stack:
        try:
            for service in self.services:
                service.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop what runs."""
        for service in reversed(self.services):
            service.stop()

    def purge(self) -> None:
        """Stop what runs and remove its data: only what was made here, so a folder that holds more stays."""
        for service in reversed(self.services):
            service.purge()
        self._lock_file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty, or never made
            self.data.rmdir()

    def environ(self) -> Mapping[str, str]:
        """The settings with which runreel uses what runs now."""
        variables: dict[str, str] = {}
        if self.kafka.running():
            variables["RUNREEL_KAFKA"] = self.kafka.address
        if self.minio.running():
            variables["RUNREEL_STORE"] = f"s3://{BUCKET}/"
            variables["RUNREEL_S3_ENDPOINT"] = self.minio.endpoint
            variables["AWS_ACCESS_KEY_ID"] = self.minio.access_key
            variables["AWS_SECRET_ACCESS_KEY"] = self.minio.secret_key
        return variables

    def exports(self) -> str:
        """The same as lines for a shell's `eval`."""
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environ().items())

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the folder for a change: two commands at once act one after the other.

        Raises:
            NativeError: the folder cannot be written.
        """
        with locked(self._lock_file, waiting=lambda: say(f"another command works on {self.data}; waiting for it")):
            yield

    @property
    def _lock_file(self) -> Path:
        return self.data / "stack.lock"
