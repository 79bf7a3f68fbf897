"""Artifacts as the messages of the topic of blobs, without Kafka; and stores that break where a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Message

from runreel.chunks import End, encode_end, headers
from runreel.deadline import Deadline
from runreel.events import Event
from runreel.settings import Settings
from runreel_consumers.blobs import BlobSink
from runreel_consumers.loop import Place
from runreel_consumers.store import Store

RUN = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11"
PLACE = Place("runreel.blobs", 0, "topic-id")
SIZE = 1000  # bytes of a chunk here
RECEIVED = 1_795_338_000_000


def pieces_of(content: bytes, size: int = SIZE) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


class Topic:
    """One partition: gives each message its offset and its time."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def put(self, value: bytes | None, found: list[tuple[str, bytes]] | None, key: bytes = b"") -> Message:
        offset = len(self.messages)
        when = (2, RECEIVED + offset)  # LogAppendTime, milliseconds
        message = Message(
            topic=PLACE.topic, offset=offset, partition=0, key=key, value=value, headers=found, timestamp=when
        )
        self.messages.append(message)
        return message

    def chunk(self, artifact: str, n: int, data: bytes) -> Message:
        return self.put(data, headers(RUN, "default", artifact, n), artifact.encode())

    def end(self, artifact: str, content: bytes, *, sha256: str | None = None, chunks: int | None = None) -> Message:
        count = -(-len(content) // SIZE) if chunks is None else chunks
        end = End(count, len(content), sha256 or hashlib.sha256(content).hexdigest())
        return self.put(encode_end(end), headers(RUN, "default", artifact), artifact.encode())

    def artifact(self, artifact: str, content: bytes) -> list[Message]:
        chunks = [self.chunk(artifact, n, data) for n, data in enumerate(pieces_of(content))]
        return [*chunks, self.end(artifact, content)]


class Letters:
    """An outbox that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, list[tuple[str, bytes]]]] = []

    def send(
        self, topic: str, value: bytes | None, *, key: Any = None, headers: Any = None, partition: int = -1
    ) -> None:
        self.sent.append((topic, value, headers))

    def poll(self) -> None:
        pass

    def flush(self, deadline: Deadline) -> None:
        pass


class Consumer:
    """A sink and what the loop does with it, step by step; its finisher is called by hand, not by its thread."""

    def __init__(self, store: Store, events: list[Event], *, grace: float = 3600.0) -> None:
        self.letters = Letters()
        self.sink = BlobSink(Settings(environ={}), store, self.letters, events.append, grace=grace)  # type: ignore[arg-type]
        self.asked: dict[str, tuple[int, str] | None] = {}
        self.sink.finisher.finish = self._ask  # type: ignore[method-assign]
        self.sink.opened(PLACE, 1, 0)

    def _ask(self, artifact: str, hashed: tuple[int, str] | None = None) -> None:
        self.asked[artifact] = hashed

    def take(self, *messages: Message) -> None:
        """Add and flush: what a commit follows."""
        self.sink.add(PLACE, messages)
        self.sink.flush(Deadline(10))

    def finish(self) -> None:
        """What the finisher's thread would do now."""
        asked, self.asked = self.asked, {}
        for artifact, hashed in asked.items():
            self.sink.finisher.settle(artifact, hashed)


class Crash(BaseException):
    """The process ends here."""


class Breaking:
    """A store that raises `error` instead of the call number `at` that changes something; all others go through."""

    def __init__(self, store: Store, at: int, error: type[BaseException] = Crash, *, after: bool = False) -> None:
        self._store, self._at, self._error, self._after, self.calls = store, at, error, after, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("put", "put_stream", "compose", "delete"):
            return method

        def call(*args: Any) -> Any:
            self.calls += 1
            if self.calls == self._at and not self._after:
                raise self._error("broken here")
            answer = method(*args)
            if self.calls == self._at:
                raise self._error("broken here")
            return answer

        return call


def keys(store: Store, prefix: str) -> Sequence[str]:
    return [info.key for info in store.list(prefix)]
