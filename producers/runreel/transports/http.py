"""Events to a runreel server, for steps that cannot reach Kafka."""

from __future__ import annotations

import http.client
import select
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from runreel.codec import BATCH_CONTENT_TYPE
from runreel.settings import Settings
from runreel.transports.base import Answer, Broken, Contiguous, Sealed
from runreel.web import connect, headers, refusal, target

PATH: Final = "/api/v1/events"
BATCH: Final = 1 << 20
"""Bytes of one POST, about."""

_QUEUE: Final = 4 << 20
_TIMEOUT: Final = 10.0  # seconds for a connection, and for handing over a request
_ANSWER: Final = 60.0  # seconds for its answer, which comes when the batch is acknowledged
_LEAST_BACKOFF: Final = 0.2
_MOST_BACKOFF: Final = 10.0
_FOR_GOOD: Final = frozenset({400, 413, 415, 422})
_LATER: Final = frozenset({408, 425, 429})


class HttpTransport:
    """POSTs batches to RUNREEL_URL over one kept-alive connection, one at a time.

    A server answers when a batch is acknowledged. What it does not take is tried again, halved until the one event is
    found that it refuses for good.
    """

    name = "http"
    configured = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: http.client.HTTPConnection | None = None
        self._queue: deque[Sealed] = deque()
        self._queued = 0
        self._batch: list[Sealed] = []
        self._most = BATCH
        self._asked = 0.0
        self._backoff, self._paused = 0.0, 0.0
        self._contiguous = Contiguous()
        self._reachable: bool | None = None

    @property
    def where(self) -> str:
        """The server's address."""
        return f"the server at {self._settings.url}"

    @property
    def reachable(self) -> bool | None:
        """Whether the last request was answered."""
        return self._reachable

    def send(self, events: Sequence[Sealed]) -> int:
        """Queue events."""
        for taken, event in enumerate(events):
            if event.seq < 0:
                if not any(one.seq < 0 and one.session == event.session for one in self._queue):
                    self._queue.append(event)
                continue
            if self._queued and self._queued + len(event.message) > _QUEUE:
                return taken
            self._queue.append(event)
            self._queued += len(event.message)
            self._contiguous.sent(event.session, event.seq)
        return len(events)

    def poll(self, timeout: float) -> list[Answer]:
        """Post the next batch, or wait for the answer to the last.

        Raises:
            Broken: the server refuses us (a wrong token, another address), whatever the events.
        """
        if not self._batch:
            now = time.monotonic()
            if not self._queue or now < self._paused:
                time.sleep(timeout if not self._queue else min(timeout, self._paused - now))  # nothing to hear
                return []
            self._post()
        return self._hear(timeout) if self._batch else []

    def reset(self) -> None:
        """Forget what is under way."""
        self._drop()
        self._batch = []
        self._queue.clear()
        self._queued = 0
        self._contiguous.clear()

    def close(self, timeout: float) -> None:
        """Let go of the connection."""
        self.reset()

    def _post(self) -> None:
        size = 0
        while self._queue and (not self._batch or size + len(self._queue[0].message) <= self._most):
            event = self._queue.popleft()
            size += len(event.message)
            self._queued -= len(event.message) if event.seq >= 0 else 0
            self._batch.append(event)
        body = b"[" + b",".join(event.message for event in self._batch) + b"]"
        try:
            connection = self._connection = self._connection or connect(self._settings.url, _TIMEOUT)
            path = target(self._settings.url, PATH)
            connection.request("POST", path, body, headers(self._settings, BATCH_CONTENT_TYPE))
            self._asked = time.monotonic()
        except (OSError, http.client.HTTPException):
            self._again()

    def _hear(self, timeout: float) -> list[Answer]:
        connection = self._connection
        assert connection is not None
        assert connection.sock is not None
        try:
            readable, _, _ = select.select([connection.sock], [], [], timeout)
            if not readable:
                if time.monotonic() - self._asked > _ANSWER:
                    self._again()
                return []
            response = connection.getresponse()
            body = response.read()
        except (OSError, ValueError, http.client.HTTPException):
            self._again()
            return []
        self._reachable = True
        if response.will_close:
            self._drop()
        if 200 <= response.status < 300:
            return self._taken()
        if response.status in _FOR_GOOD:
            return self._refused(response.status, body)
        if 400 <= response.status < 500 and response.status not in _LATER:
            raise Broken(f"{self.where}: {refusal(response.status, body)}")
        self._again(response.headers.get("Retry-After"))
        self._reachable = response.status < 500
        return []

    def _taken(self) -> list[Answer]:
        batch, self._batch = self._batch, []
        self._most = min(BATCH, self._most * 2)
        self._backoff = 0.0
        answers: dict[str, Answer] = {}
        for event in batch:
            if event.seq >= 0 and (answer := self._contiguous.done(event.session, event.seq)) is not None:
                answers[answer.session] = answer
        return list(answers.values())

    def _refused(self, status: int, body: bytes) -> list[Answer]:
        batch, self._batch = self._batch, []
        if len(batch) == 1:
            event = batch[0]
            return [Answer(event.session, event.seq, refusal(status, body))] if event.seq >= 0 else []
        self._most = max(1, sum(len(event.message) for event in batch) // 2)
        self._back(batch)
        return []

    def _again(self, after: str | None = None) -> None:
        """The batch goes back into the queue, and is tried after a while."""
        self._drop()
        self._reachable = False
        batch, self._batch = self._batch, []
        self._back(batch)
        self._backoff = min(_MOST_BACKOFF, max(_LEAST_BACKOFF, self._backoff * 2))
        wait = float(after) if after is not None and after.isdigit() else self._backoff
        self._paused = time.monotonic() + min(_ANSWER, wait)

    def _back(self, batch: list[Sealed]) -> None:
        self._queue.extendleft(event for event in reversed(batch) if event.seq >= 0)
        self._queued += sum(len(event.message) for event in batch if event.seq >= 0)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
