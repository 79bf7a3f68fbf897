"""Events that come over HTTP: checked, given what they lack, and acknowledged when they are safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from runreel import ids
from runreel.codec import CONTENT_TYPE, MAX_EVENT, decode, encode, payload
from runreel.deadline import Deadline
from runreel.errors import CodecError, NotReachable
from runreel.events import HEARTBEAT, Event
from runreel_consumers.outbox import Outbox

MOST_BYTES: Final = 32 << 20
"""Bytes of one request's body."""

MOST_EVENTS: Final = 10_000
PATIENCE: Final = 20.0
"""Seconds that a request waits for Kafka."""

_raws = msgspec.json.Decoder(list[msgspec.Raw])

Json = dict[str, Any]


class Posted(msgspec.Struct, frozen=True):
    """An event as it goes to Kafka: its session and seq (None: a heartbeat), its run, its exact bytes."""

    session: str
    seq: int | None
    run: str
    message: bytes


class Refused(Exception):
    """Some events of a request cannot be taken, so none is.

    Args:
        errors: for each its `index` in the request, the `field` (or None) and the `detail`.
        too_large: whether the reason is an event's size.
    """

    def __init__(self, errors: list[Json], *, too_large: bool = False) -> None:
        super().__init__(f"{len(errors)} of the events cannot be taken; the first: {errors[0]['detail']}")
        self.errors, self.too_large = errors, too_large


def read(body: bytes, *, batch: bool) -> list[Posted]:
    """The events in a request's body: one, or a JSON array of them.

    Raises:
        Refused: some are no events of the contract; says which and why.
    """
    try:
        raws = [bytes(raw) for raw in _raws.decode(body)] if batch else [body]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused([_error(0, None, f"the body is no JSON array of events: {error}")]) from None
    if len(raws) > MOST_EVENTS:
        detail = f"{len(raws)} events in one request: send at most {MOST_EVENTS}"
        raise Refused([_error(MOST_EVENTS, None, detail)], too_large=True)
    found, errors, large = [], [], False
    for index, raw in enumerate(raws):
        try:
            found.append(_posted(raw))
        except CodecError as error:
            large = large or len(raw) > MAX_EVENT
            errors.append(_error(index, _field(str(error)), str(error)))
    if errors:
        raise Refused(errors, too_large=large)
    return found


def _posted(raw: bytes) -> Posted:
    if len(raw) > MAX_EVENT:
        raise CodecError(f"the event has {len(raw)} bytes: send at most {MAX_EVENT}, split points, lines or text")
    event = decode(raw)
    payload(event)
    if event.type == HEARTBEAT and event.session is not None:
        return Posted(event.session, event.seq, event.run, raw)
    if event.session is not None and event.seq is not None:
        return Posted(event.session, event.seq, event.run, raw)
    if event.session is not None or event.seq is not None or event.type == HEARTBEAT:
        lacking = "session" if event.session is None else "seq"
        raise CodecError(f"{lacking} is missing: give session and seq, or neither for an event that stands alone")
    whole = one_shot(event)
    return Posted(whole.session or "", 0, whole.run, encode(whole))


def one_shot(event: Event) -> Event:
    """An event that stands alone, in a session of its own: the hash of its source and id, so that it may come twice."""
    session = ids.derived_session(event.source, event.id)
    return msgspec.structs.replace(event, session=session, seq=0, final=True)


def _error(index: int, field: str | None, detail: str) -> Json:
    return {"index": index, "field": field, "detail": detail}


def _field(reason: str) -> str | None:
    """The field that a reason names: `... - at `$.time`` of msgspec, a missing one, or the first word."""
    if " - at `" in reason:
        return reason.rpartition(" - at `")[2].rstrip("`").removeprefix("$.")
    if "required field `" in reason:
        return reason.partition("required field `")[2].partition("`")[0]
    word = reason.split(" ", 1)[0]
    return word if word in {"specversion", "time", "run", "session", "seq"} else None


class Post:
    """Sends events to Kafka. Safe for threads; speaks to nobody before the first `send`.

    Args:
        outbox: makes a way out, one for each thread; None: there is no Kafka.
        topic: where events go.
    """

    def __init__(self, outbox: Callable[[], Outbox] | None, topic: str) -> None:
        self._outbox, self._topic = outbox, topic
        self._mine = threading.local()

    def send(self, events: Iterable[Posted], timeout: float = PATIENCE) -> None:
        """Send events; returns when they are safe (`Outbox.flush`), all of them.

        Raises:
            NotReachable: they are not, within `timeout` seconds. Some may have arrived: sent again they are duplicates.
        """
        if self._outbox is None:
            raise NotReachable("this server has no Kafka: set RUNREEL_KAFKA where it runs, or start `runreel up`")
        deadline = Deadline(timeout)
        outbox: Outbox = self._mine.__dict__.pop("outbox", None) or self._outbox()
        headers = [("content-type", CONTENT_TYPE.encode())]
        for event in events:
            outbox.send(self._topic, event.message, key=event.run.encode(), headers=headers)
        outbox.flush(deadline)
        self._mine.outbox = outbox  # one that failed is thrown away: its sender sends all of it again
