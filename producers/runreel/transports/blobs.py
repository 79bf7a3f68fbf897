"""Artifact bytes through Kafka, in chunks; a file is read as it goes, never whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from runreel.chunks import CHUNK, End, encode_end, headers
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel.transports.client import FOR_GOOD, Client
from runreel.uploads import Job, Refused

_AHEAD: Final = 16  # chunks under way, at most
_NOTE: Final = 64  # chunks between two notes of how far it is
_WAIT: Final = 0.1
_PATIENCE: Final = 30.0


class ChunkSender:
    """Sends artifacts one after the other over one producer, which is made for the first.

    Args:
        settings: name Kafka and the topic of blobs.
        stopped: whether to break off.
    """

    def __init__(self, settings: Settings, stopped: Callable[[], bool]) -> None:
        self._settings, self._stopped = settings, stopped
        self._client: Client | None = None
        self._under_way: set[int] = set()
        self._trouble: KafkaError | None = None
        self._progress = 0.0

    def send(self, job: Job, note: Callable[[int], None], sent: Callable[[int], None]) -> None:
        """Send a job's chunks from `job.done` on, then the end record; returns when all are acknowledged.

        Args:
            job: what to send.
            note: keeps how many chunks have arrived, for whoever resumes it.
            sent: told how many bytes have arrived.

        Raises:
            NotReachable: Kafka does not take them now.
            Refused: it never will.
            OSError: the file cannot be read.
        """
        self._under_way.clear()
        self._trouble, self._progress = None, time.monotonic()
        try:
            n = job.done
            with Path(job.path).open("rb") as file:
                file.seek(n * CHUNK)
                while data := file.read(CHUNK):
                    self._put(job, n, data, n)
                    n += 1
                    arrived = min(self._under_way, default=n)
                    sent(min(arrived * CHUNK, job.size))
                    if n % _NOTE == 0:
                        note(arrived)
            self._wait(0)
            note(n)
            self._put(job, None, encode_end(End(n, job.size, job.sha256)), n)
            self._wait(0)
        except BaseException:
            self.close()  # nothing of this one may come after what is sent next
            raise

    def close(self) -> None:
        """Let go of the producer."""
        client, self._client = self._client, None
        if client is not None:
            client.drop()

    def _put(self, job: Job, n: int | None, data: bytes, number: int) -> None:
        """Hand over chunk `n` (None: the end record) as soon as there is room."""
        client = self._client = self._client or Client(self._settings, self._settings.kafka, self._heard)
        label = list(headers(job.run, job.workspace, job.artifact, n))
        while True:
            self._wait(_AHEAD - 1)
            try:
                topic = self._settings.topic_blobs
                client.produce(topic, job.artifact, data, list(label), lambda error: self._done(number, error))
            except BufferError:
                client.poll(_WAIT)
            except KafkaException as error:
                self._trouble = error.args[0]
            else:
                self._under_way.add(number)
                client.poll(0)
                return

    def _wait(self, most: int) -> None:
        """Wait until at most `most` are under way."""
        while True:
            if self._trouble is not None:
                kind = Refused if self._trouble.code() in FOR_GOOD else NotReachable
                raise kind(self._trouble.str())
            if self._stopped() or time.monotonic() - self._progress > _PATIENCE:
                raise NotReachable("Kafka does not answer, or the process ends")
            if self._client is None or len(self._under_way) <= most:
                return
            self._client.poll(_WAIT)

    def _done(self, number: int, error: KafkaError | None) -> None:
        self._under_way.discard(number)
        self._progress = time.monotonic()
        if error is not None:
            self._trouble = self._trouble or error

    def _heard(self, error: KafkaError) -> None:
        if error.fatal():
            self._trouble = error
