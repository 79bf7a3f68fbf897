"""A run as CloudEvents, one JSON line each: out of the archive, and back into Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from runreel.codec import CONTENT_TYPE, decode, encode
from runreel.deadline import Deadline
from runreel.errors import CodecError, NotFound
from runreel.events import HEARTBEAT, Event
from runreel_consumers.archive.reader import Reader
from runreel_consumers.messages import Headers
from runreel_consumers.outbox import Outbox

FLUSH_EVERY = 10_000
FLUSH_SECONDS = 60.0
HEADERS: Headers = [("content-type", CONTENT_TYPE.encode())]
"""Of every event's message."""


def export(reader: Reader, run: str) -> Iterator[bytes]:
    """The events of a run in the order of their stamps, each a line with its newline. Bounded memory.

    Raises:
        NotFound: the archive has no such run.
    """
    rows = reader.rows(run)
    first = next(rows, None)
    if first is None:
        raise NotFound(f"no run {run} in the archive")
    yield encode(first.event) + b"\n"
    for row in rows:
        yield encode(row.event) + b"\n"


def events_of(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events in JSON lines; empty lines are passed over.

    Raises:
        CodecError: a line is no event, or has no session and seq; names the line.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = decode(line.strip())
        except CodecError as error:
            raise CodecError(f"line {number}: {error}") from None
        if event.session is None:
            raise CodecError(f"line {number}: session is missing: only `runreel export` writes what can be imported")
        yield event


def load(lines: Iterable[bytes], outbox: Outbox, topic: str, told: Callable[[int], None] = lambda count: None) -> int:
    """Send exported events to Kafka as they are; what is stored already is a duplicate and adds nothing.

    Heartbeats stay behind: a sign of life that comes late would tell of a clock that is wrong.

    Args:
        lines: what `export` yields.
        outbox: sends.
        topic: where to.
        told: called with the count so far, now and then.

    Returns:
        How many were sent; all have arrived.

    Raises:
        CodecError: a line is no event; those before it were sent.
        NotReachable: Kafka did not take all of them.
    """
    count = 0
    for event in events_of(lines):
        if event.type == HEARTBEAT:
            continue
        send(outbox, topic, event)
        count += 1
        if count % FLUSH_EVERY == 0:
            outbox.flush(Deadline(FLUSH_SECONDS))
            told(count)
    outbox.flush(Deadline(FLUSH_SECONDS))
    told(count)
    return count


def send(outbox: Outbox, topic: str, event: Event) -> None:
    """Send one event as emitters do: keyed by its run."""
    outbox.send(topic, encode(event), key=event.run.encode(), headers=HEADERS)
