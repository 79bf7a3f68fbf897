"""Stored events again: at their pace or faster, whole or in part, under a new run id that names its origin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from runreel.codec import encode_data, payload
from runreel.errors import CodecError
from runreel.events import (
    CONFLICT,
    HEARTBEAT,
    LOSS,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OFFSET,
    SESSION_OPENED,
    STREAMS,
    Event,
)
from runreel.ids import derived_session
from runreel.state.intervals import Intervals, add, gaps

MAX_SPEED: Final = float("inf")
_MICROS: Final = 1_000_000
_STEP: Final = 0.5  # seconds at most between two looks at `stop`


def paced(
    events: Iterable[Event], *, speed: float = 1.0, start: int | None = None, stop: threading.Event | None = None
) -> Iterator[Event]:
    """Events one by one, each when its time has come.

    Args:
        events: in the order of their times.
        speed: how many seconds of the run pass in one of ours; infinite: all at once.
        start: the time at which the pace begins, microseconds since 1970: what is earlier comes at once. None: the
            first event's.
        stop: ends it.

    Raises:
        ValueError: the speed is not positive.
    """
    if not speed > 0:
        raise ValueError(f"speed {speed} is none: write a number above 0, or max")
    began = time.monotonic()
    for event in events:
        if start is None:
            start = event.time
        due = began + (event.time - start) / _MICROS / speed
        while (left := due - time.monotonic()) > 0:
            if stop is not None and stop.wait(min(left, _STEP)):
                return
            if stop is None:
                time.sleep(min(left, _STEP))
        if stop is not None and stop.is_set():
            return
        yield event


def part(events: Callable[[], Iterable[Event]], start: int | None, until: int | None) -> Iterator[Event]:
    """A part of a run: first all structure from before its start, then everything within it.

    Args:
        events: answers the run's events in the order of their stamps; asked twice where there is a start.
        start: the first moment, microseconds since 1970; None: the run's beginning.
        until: the last moment; None: its end.
    """
    if start is not None:
        for event in events():
            if event.time >= start:
                break
            if event.type not in STREAMS and event.type != HEARTBEAT:
                yield event
    for event in events():
        if until is not None and event.time > until:
            return
        if start is None or event.time >= start:
            yield event


class Renewal:
    """Gives a run's events a new run id, so that they can be told again.

    A session becomes hash(new run id, old session) and keeps its seqs, so a replay that is resumed repeats nothing;
    `whole` False (a part of a run): seqs are counted anew. `run.started` names the origin. What was missing in the
    origin is told as `runreel.loss` of reason `origin`.

    Args:
        run: the new run's id.
        origin: the replayed run's id.
        whole: whether all of the run is replayed.
        shift: what is added to all times, microseconds.
    """

    def __init__(self, run: str, origin: str, *, whole: bool = True, shift: int = 0) -> None:
        self._run, self._origin, self._whole, self._shift = run, origin, whole, shift
        self._next: dict[str, int] = {}
        self._seen: dict[str, Intervals] = {}
        self._last: dict[str, Event] = {}

    def renew(self, event: Event) -> Event:
        """One event under the new run."""
        session = self._session(event.session or "")
        seq = event.seq
        if seq is not None:
            add(self._seen.setdefault(event.session or "", []), seq)
            if not self._whole:
                seq = self._next.get(session, 0)
                self._next[session] = seq + 1
        suffix = event.id.removeprefix(event.session or "").lstrip("-") if seq is None else str(seq)
        renewed = msgspec.structs.replace(
            event,
            run=self._run,
            session=session,
            seq=seq,
            id=f"{session}-{suffix}",
            time=event.time + self._shift,
            data=self._data(event, seq),
        )
        if seq is not None:
            self._last[event.session or ""] = renewed
        return renewed

    def losses(self) -> Iterator[Event]:
        """What the origin lacks of each session, to be sent last."""
        for session, seen in self._seen.items():
            missing = sum(last - first + 1 for first, last in gaps(seen, seen[-1]))
            if missing and self._whole:
                last = self._last[session]
                own = derived_session(LOSS, self._run, session, "origin", str(missing))
                yield msgspec.structs.replace(
                    last,
                    type=LOSS,
                    session=own,
                    seq=0,
                    id=f"{own}-0",
                    final=True,
                    subject=None,
                    execution=None,
                    data=encode_data({"origin": missing}),
                )

    def _session(self, session: str) -> str:
        return derived_session(self._run, session)

    def _data(self, event: Event, seq: int | None) -> bytes:
        """The data, with the sessions and times in them renewed as well."""
        try:
            said = payload(event)
        except CodecError:
            return event.data
        if event.type == RUN_STARTED:
            said.origin = {"run": self._origin, **(said.origin or {})}
        elif event.type == SESSION_OPENED:
            said.parent = said.parent and self._session(said.parent)
            said.continues = said.continues and self._session(said.continues)
        elif event.type in (SESSION_OFFSET, CONFLICT):
            said.session = self._session(said.session)
        elif event.type == SESSION_CLOSED and not self._whole and seq is not None:
            said.last = seq
        elif event.type in STREAMS and self._shift:
            said.time = [when + self._shift for when in said.time]
        else:
            return event.data
        answer: Any = encode_data(said)
        return bytes(answer)
