"""Dead letters in the store: what could not be taken, byte for byte, with the reason, before its offset is committed.

The topic of dead letters tells of them; it may be small, cut what is large, or be kept in the memory of `runreel up`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from runreel.errors import NotFound
from runreel_consumers.archive.names import name_of
from runreel_consumers.loop import Place
from runreel_consumers.messages import Message
from runreel_consumers.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

DEAD: Final = "dead/"

_ID: Final = 8  # letters of a topic's id that are shown


class Letter(msgspec.Struct, frozen=True):
    """A message that could not be taken, and why. `received` in milliseconds since 1970."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    received: int
    reason: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def name(self) -> str:
        """What it is called by: where it lay in which topic, whose id is shortened."""
        return f"{self.topic}/{self.topic_id[:_ID]}/{self.partition}/{self.offset}"


class Graveyard:
    """Keeps the dead letters of one consumer until its flush stores them.

    Args:
        store: where they go, as `dead/TOPIC/ID-PARTITION/FIRST-LAST-COUNT.parquet`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[Place, list[Letter]] = {}

    @property
    def held(self) -> int:
        """Bytes that are not stored yet."""
        return sum(len(letter.value or b"") for letters in self._held.values() for letter in letters)

    def add(self, place: Place, message: Message, reason: str) -> None:
        """Take a message in; it is stored when the next `flush` returns."""
        letter = Letter(
            place.topic,
            place.identity,
            place.partition,
            message.offset(),
            message.timestamp()[1],
            reason,
            message.key(),
            message.value(),
            list(message.headers() or []),
        )
        self._held.setdefault(place, []).append(letter)

    def flush(self) -> None:
        """Store what came, an object a partition. The same letters give the same object.

        Raises:
            NotReachable: the store did not take it; the next call does.
        """
        for place in list(self._held):
            letters = self._held[place]
            span = f"{letters[0].offset:020d}-{letters[-1].offset:020d}-{len(letters)}"
            folder = f"{DEAD}{name_of(place.topic)}/{name_of(place.identity)}-{place.partition:05d}/"
            self._store.put(f"{folder}{span}.parquet", _encode(letters))
            del self._held[place]

    def forget(self, places: Iterable[Place]) -> None:
        """Discard what is held of partitions that go: whoever has them next takes it in again."""
        for place in places:
            self._held.pop(place, None)


def letters(store: Store) -> Iterator[Letter]:
    """All that there are, each once, in the order of topic, partition and offset."""
    seen: set[tuple[str, int, int]] = set()
    for info in store.list(DEAD):
        try:
            found = _decode(store.get(info.key))
        except NotFound:
            continue  # it was too old
        for letter in found:
            place = (letter.topic_id, letter.partition, letter.offset)
            if place not in seen:  # a crash between storing and committing stores them again
                seen.add(place)
                yield letter


def count(store: Store) -> tuple[int, int]:
    """How many there are, copies counted as often as they are stored, and when the last one was stored (µs since 1970;
    0: there are none)."""
    found = list(store.list(DEAD))
    numbers = (int(info.key.removesuffix(".parquet").rsplit("-", 1)[1]) for info in found)
    return sum(numbers), max((info.modified for info in found), default=0)


def clear(store: Store, before: int) -> None:
    """Delete those that were stored before a moment, in microseconds since 1970."""
    store.delete([info.key for info in store.list(DEAD) if info.modified < before])


# pyarrow is imported when there is a letter: a consumer of chunks is half as large without it.


def schema() -> pa.Schema:
    """A row a letter. `topic_id` parts the topics of one name that followed each other."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("topic", pa.string(), False),
            pa.field("topic_id", pa.string(), False),
            pa.field("partition", pa.int32(), False),
            pa.field("offset", pa.int64(), False),
            pa.field("received", pa.timestamp("ms", "UTC"), False),
            pa.field("reason", pa.string(), False),
            pa.field("key", pa.binary()),
            pa.field("value", pa.large_binary()),
            pa.field("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())])), False),
        ]
    )


def _encode(found: Sequence[Letter]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {**msgspec.structs.asdict(one), "headers": [{"name": name, "value": value} for name, value in one.headers]}
        for one in found
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema()), sink, compression="zstd")
    return sink.getvalue()


def _decode(data: bytes) -> list[Letter]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))
    received = table.column("received").cast(pa.int64()).to_pylist()
    found = []
    for row, when in zip(table.drop_columns(["received"]).to_pylist(), received, strict=True):
        headers = [(header["name"], header["value"]) for header in row.pop("headers")]
        found.append(Letter(**row, received=when, headers=headers))
    return found
