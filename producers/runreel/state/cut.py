"""Folds of many events at once, and the cut: what was at a moment T."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from runreel import events as ev
from runreel.codec import encode, payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.state.growing import take_offset
from runreel.state.intervals import Intervals, add
from runreel.state.registers import Offset, Offsets, corrected
from runreel.state.run import RunState
from runreel.state.tally import Tally


def offsets_of(events: Iterable[Event]) -> dict[str, Offset]:
    """The clock offsets that the whole log tells: they hold at every moment of the run."""
    offsets: dict[str, Offset] = {}
    for event in events:
        if event.type == ev.SESSION_OFFSET:
            try:
                take_offset(offsets, event, payload(event))
            except CodecError:
                continue  # a problem that the fold tells
    return offsets


def within(event: Event, until: int | None, offsets: Offsets) -> bool:
    """Whether an event's time, by the broker's clock, is at `until` or before. Streams are cut by rows instead."""
    return until is None or corrected(offsets, event.session or "", event.time) <= until


def distinct(events: Iterable[Event]) -> list[Event]:
    """The events without duplicates; of several contents of one (session, seq), the one with the lesser SHA-256.

    For folds that have all bytes at hand. `RunState.apply` alone keeps the first that came, until `runreel.conflict`
    is said and the run's objects are made.
    """
    chosen: dict[tuple[str | None, int | None], Event] = {}
    others: list[Event] = []
    for event in events:
        if event.seq is None:
            others.append(event)
            continue
        key = (event.session, event.seq)
        old = chosen.setdefault(key, event)
        if old is not event and old != event and _digest(event) < _digest(old):
            chosen[key] = event
    return [*chosen.values(), *others]


def _digest(event: Event) -> bytes:
    return sha256(encode(event)).digest()


def _run_of(events: list[Event]) -> str:
    if not events:
        raise ValueError("no events: there is no run to fold")
    return events[0].run


def fold(events: Iterable[Event], until: int | None = None) -> RunState:
    """The state of the run that `events` tell, or as it was at `until`.

    Args:
        events: events of one run, in any order, with duplicates or without.
        until: microseconds since 1970 by the broker's clock; None: all of them.

    Raises:
        ValueError: there are no events, or they are of several runs.
    """
    known = distinct(events)
    offsets = offsets_of(known)
    seen: dict[str, Intervals] = {}
    state = RunState(_run_of(known), offsets=offsets, known=seen)
    for event in known:
        if event.session is not None and event.seq is not None:
            add(seen.setdefault(event.session, []), event.seq)
        if within(event, until, offsets):
            state.apply(event)
    return state


def fold_streams(events: Iterable[Event], until: int | None = None) -> Tally:
    """The summary of the streams that `events` tell, or as it was at `until`: rows count one by one.

    Raises:
        ValueError: there are no events, or they are of several runs.
    """
    known = distinct(events)
    summary = Tally(_run_of(known), until=until, offsets=offsets_of(known))
    for event in known:
        summary.apply(event)
    return summary
