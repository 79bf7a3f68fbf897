"""Artifact bytes through Kafka, in chunks; a file is read as it goes, never whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException

from runreel.chunks import CHUNK, End, encode_end, headers
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel.transports.client import FOR_GOOD, Client

if TYPE_CHECKING:
    from runreel.uploads import Job

_AHEAD: Final = 16  # chunks under way, at most
_NOTE: Final = 64  # chunks between two notes of how far it is
_WAIT: Final = 0.1
_PATIENCE: Final = 30.0


class _Chunks:
    """The chunks of one artifact that are under way."""

    def __init__(self, settings: Settings, job: Job, stopped: Callable[[], bool]) -> None:
        self._topic, self._job, self._stopped = settings.topic_blobs, job, stopped
        self._client = Client(settings, settings.kafka, self._heard)
        self._under_way: set[int] = set()
        self._trouble: KafkaError | None = None
        self._progress = time.monotonic()

    def put(self, n: int | None, data: bytes, number: int) -> None:
        """Hand over chunk `n` (None: the end record) as soon as there is room."""
        job = self._job
        while True:
            self.wait(_AHEAD - 1)
            try:
                self._client.produce(
                    self._topic,
                    job.artifact,
                    data,
                    list(headers(job.run, job.workspace, job.artifact, n)),
                    lambda error: self._done(number, error),
                )
            except BufferError:
                self._client.poll(_WAIT)
            except KafkaException as error:
                self._trouble = error.args[0]
            else:
                self._under_way.add(number)
                self._client.poll(0)
                return

    def wait(self, most: int) -> None:
        """Wait until at most `most` are under way.

        Raises:
            NotReachable: Kafka does not take them now.
            Refused: it never will.
        """
        while True:
            self._check()
            if len(self._under_way) <= most:
                return
            self._client.poll(_WAIT)

    def least(self, number: int) -> int:
        """The chunks below are delivered, if `number` is the next one."""
        return min(self._under_way, default=number)

    def drop(self) -> None:
        """Let go of the producer."""
        self._client.drop()

    def _check(self) -> None:
        if self._trouble is not None:
            if self._trouble.code() in FOR_GOOD:
                from runreel.uploads import Refused

                raise Refused(self._trouble.str())
            raise NotReachable(self._trouble.str())
        if self._stopped() or time.monotonic() - self._progress > _PATIENCE:
            raise NotReachable("Kafka does not answer, or the process ends")

    def _done(self, number: int, error: KafkaError | None) -> None:
        self._under_way.discard(number)
        self._progress = time.monotonic()
        if error is not None:
            self._trouble = self._trouble or error

    def _heard(self, error: KafkaError) -> None:
        if error.fatal():
            self._trouble = error


def send_chunks(settings: Settings, job: Job, note: Callable[[int], None], stopped: Callable[[], bool]) -> None:
    """Send a job's chunks from `job.done` on, then the end record; returns when all are acknowledged.

    Args:
        settings: name Kafka and the topic of blobs.
        job: what to send.
        note: keeps how many chunks have arrived, for whoever resumes it.
        stopped: whether to break off.

    Raises:
        NotReachable: Kafka does not take them now.
        Refused: it never will.
        OSError: the file cannot be read.
    """
    chunks = _Chunks(settings, job, stopped)
    try:
        n = job.done
        with Path(job.path).open("rb") as file:
            file.seek(n * CHUNK)
            while data := file.read(CHUNK):
                chunks.put(n, data, n)
                n += 1
                if n % _NOTE == 0:
                    note(chunks.least(n))
        chunks.wait(0)
        note(n)
        chunks.put(None, encode_end(End(n, job.size, job.sha256)), n)
        chunks.wait(0)
    finally:
        chunks.drop()
