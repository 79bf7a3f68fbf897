"""A run played again: shown as lines of text, or sent as a new run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from runreel import events as ev
from runreel import ids
from runreel.codec import parse_time, payload
from runreel.deadline import Deadline
from runreel.errors import CodecError, NotFound, SettingError
from runreel.events import Event
from runreel.ids import short
from runreel_consumers.archive.reader import Reader
from runreel_consumers.outbox import Outbox
from runreel_consumers.replay import Renewal, paced, part
from runreel_consumers.transfer import send

_MICROS: Final = 1_000_000
_FLUSH_SECONDS: Final = 60.0


class Replay:
    """The stored events of a run, or of a part of it, at a pace.

    Args:
        reader: the archive.
        run: the run's whole id.
        speed: seconds of the run in one of ours; infinite: all at once.
        start: the part's first moment, as `--from` has it; None: the run's.
        until: its last moment.

    Raises:
        NotFound: the archive has no such run.
        SettingError: a moment is none.
    """

    def __init__(
        self, reader: Reader, run: str, *, speed: float = 1.0, start: str | None = None, until: str | None = None
    ) -> None:
        times = [row.event.time for row in reader.structure(run)]
        if not times:
            raise NotFound(f"no run {run} in the archive")
        self._reader, self._run, self._speed = reader, run, speed
        self._first, self._last = min(times), max(times)
        self._start = None if start is None else moment("--from", start, self._first)
        self._until = None if until is None else moment("--until", until, self._first)

    def show(self, write: Callable[[str], object], stop: threading.Event) -> None:
        """Write what happens, line by line, each when its time has come."""
        write(f"run {self._run} of {datetime.fromtimestamp(self._first / _MICROS):%Y-%m-%d %H:%M:%S}")
        for event in self._paced(stop):
            for line in told(event):
                write(line)

    def send(self, outbox: Outbox, topic: str, new: str | None, stop: threading.Event) -> str:
        """Send the events as a new run, its times moved so that it ends when the sending does; answers its id.

        Args:
            outbox: sends.
            topic: where to.
            new: the new run's id; None: one is made. The same one again repeats nothing.
            stop: ends it early.
        """
        number = new or ids.new_run()
        begin = self._first if self._start is None else self._start
        end = self._last if self._until is None else min(self._until, self._last)
        made = _made(number)
        shift = made + int((end - begin) / self._speed) - end if made else 0
        whole = self._start is None and self._until is None
        renewal = Renewal(number, self._run, whole=whole, shift=shift)
        for event in self._paced(stop):
            if event.type == ev.HEARTBEAT and self._speed != 1:
                continue  # it comes later than it says, as from a clock that is wrong
            send(outbox, topic, renewal.renew(event))
        for event in renewal.losses():
            send(outbox, topic, event)
        outbox.flush(Deadline(_FLUSH_SECONDS))
        return number

    def _paced(self, stop: threading.Event) -> Iterator[Event]:
        chosen = part(lambda: (row.event for row in self._reader.rows(self._run)), self._start, self._until)
        return paced(chosen, speed=self._speed, start=self._start, stop=stop)


def _made(run: str) -> int:
    """When an id was made, microseconds since 1970: one that is used again moves times by the same. 0: it does not
    tell, and times stay."""
    digits = run.replace("-", "")
    try:
        return int(digits[:12], 16) * 1000 if len(digits) == 32 and digits[12] == "7" else 0
    except ValueError:
        return 0


def moment(option: str, text: str, first: int) -> int:
    """A moment of a run, microseconds since 1970: a time in ISO 8601, or seconds since the run's start.

    Raises:
        SettingError: it is neither.
    """
    try:
        return first + int(float(text) * _MICROS)
    except (ValueError, OverflowError):
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        way_out = "write a time like 2026-11-22T09:00:00Z, or seconds since the run's start"
        raise SettingError(option, text, way_out) from None
    return parse_time(when.astimezone(UTC).isoformat())


def told(event: Event) -> Iterator[str]:
    """What an event says, as lines of text; nothing where it is not for people."""
    try:
        said = payload(event)
    except CodecError:
        return
    clock = f"{datetime.fromtimestamp(event.time / _MICROS):%H:%M:%S}"
    step = event.subject or ""
    if event.type == ev.RUN_STARTED:
        yield f"{clock} ▶ {said.pipeline} {short(event.run)}"
    elif event.type in (ev.RUN_FINISHED, ev.STEP_FINISHED):
        why = f" {said.error.message}" if said.error else ""
        yield f"{clock} {'■' if event.type == ev.RUN_FINISHED else '·'} {step:<20} {said.state}{why}"
    elif event.type == ev.STEP_STARTED:
        yield f"{clock} ▶ {step:<20}"
    elif event.type == ev.PROGRESS and said.done:
        total = f" of {said.total:g}" if said.total else ""
        yield f"{clock}   {step:<20} {said.done[-1]:g}{total} {said.unit or ''}".rstrip()
    elif event.type == ev.METRICS and said.value:
        more = f" ({len(said.value)} points)" if len(said.value) > 1 else ""
        yield f"{clock}   {step:<20} {said.name} = {said.value[-1]}{more}"
    elif event.type == ev.LOGS:
        for time, level, text in zip(said.time, said.level, said.text, strict=False):
            mark = "" if level == "INFO" else f"{level} "
            yield f"{datetime.fromtimestamp(time / _MICROS):%H:%M:%S}   {step:<20} {mark}{text}".rstrip("\r")
    elif event.type == ev.ARTIFACT and said.role == "output":
        yield f"{clock} + {step:<20} {said.type} {said.name}"
