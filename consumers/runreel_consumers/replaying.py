"""A run played again: shown as lines of text, or sent as a new run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from runreel import events as ev
from runreel.codec import encode
from runreel.deadline import Deadline
from runreel.errors import NotFound, SettingError
from runreel.events import Event
from runreel.ids import made_at
from runreel.moments import moment_of
from runreel.state import offsets_of
from runreel.state.intervals import Intervals
from runreel_consumers.archive.reader import Reader
from runreel_consumers.beats import Beats
from runreel_consumers.outbox import Outbox
from runreel_consumers.pace import Pace
from runreel_consumers.replay import Renewal, in_turn, missing, part
from runreel_consumers.sent import Sent
from runreel_consumers.transfer import HEADERS
from runreel_consumers.wording import told

_MICROS: Final = 1_000_000
_FLUSH_SECONDS: Final = 60.0
_LOOK: Final = 1000  # events between two looks at the signs of life that are due


class Replay:
    """The stored events of a run, or of a part of it, at a pace.

    Args:
        reader: the archive.
        run: the run's whole id.
        speed: seconds of the run in one of ours; infinite: all at once.
        start: the part's first moment, as `--from` has it; None: the run's.
        until: its last moment.
        stop: ends it early.

    Raises:
        NotFound: the archive has no such run.
        SettingError: a moment is none.
    """

    def __init__(
        self,
        reader: Reader,
        run: str,
        *,
        speed: float = 1.0,
        start: str | None = None,
        until: str | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        structure = [row.event for row in reader.structure(run) if row.event.type != ev.HEARTBEAT]
        if not structure:
            raise NotFound(f"no run {run} in the archive")
        times = [event.time for event in structure]
        self.reader, self._run, self._speed, self._stop = reader, run, speed, stop or threading.Event()
        self._offsets = {session: offset.micros for session, offset in offsets_of(structure).items()}
        self._first, self._last = min(times), max(times)
        self._start = None if start is None else moment("--from", start, self._first, self._last)
        self._until = None if until is None else moment("--until", until, self._first, self._last)
        self.workspace = structure[0].workspace
        self.pace = Pace(speed, stop=self._stop)
        self.passed: int | None = None
        """The time of the last event that was shown or sent, by the origin's clock, microseconds since 1970."""

    @property
    def span(self) -> tuple[int | None, int | None]:
        """The part's first and last moment, microseconds since 1970; None: the run's."""
        return self._start, self._until

    def show(self, write: Callable[[str], object]) -> None:
        """Write what happens, line by line, each when its time has come."""
        write(f"run {self._run} of {datetime.fromtimestamp(self._first / _MICROS):%Y-%m-%d %H:%M:%S}")
        begun = False  # each process of a run says that it starts
        for event in self.pace.events(part(self._events, self._start, self._until), self._start):
            for line in told(event) if not (begun and event.type == ev.RUN_STARTED) else ():
                write(line)
            begun = begun or event.type == ev.RUN_STARTED
            self.passed = event.time

    def send(self, outbox: Outbox, topic: str, new: str, *, keep: bool = False, sent: Sent | None = None) -> int:
        """Send the events as a new run; answers how many were sent.

        Args:
            outbox: sends.
            topic: where to.
            new: the new run's id.
            keep: whether times stay; else they are moved so that none lies ahead of its sending: at the run's own pace
                it begins now, faster it ends when the sending does.
            sent: what of the new run is there already: it is not sent again, and the rest goes on as it began.

        Raises:
            NotReachable: Kafka, or the archive of `up`, does not take it.
            SettingError: what is there is no replay of this run, or of another part of it.
        """
        there = sent or Sent({})
        shift = self._resumed(new, there) if there.said else None
        if shift is None:
            shift = 0 if keep else self._shift(new)
        said = self.reader.said(self._run)
        whole = self._start is None and self._until is None
        renewal = Renewal(new, self._run, whole=whole, shift=shift, told=self._tag(shift))
        key, sending = new.encode(), 0

        def send(event: Event) -> None:
            outbox.send(topic, encode(event), key=key, headers=HEADERS)

        beats = Beats(send, {renewal.session(old): offset for old, offset in self._offsets.items()})
        self.pace = Pace(self._speed, stop=self._stop, idle=lambda: beats.tick(self.pace.now()))
        chosen = self._chosen(said, whole)
        rest = self._rest(renewal, chosen, there.said, beats)
        first = next(rest, None)
        if first is not None:
            begin = max((self._first if self._start is None else self._start) + shift, first.time)
            for event in self.pace.events(_with(first, rest), begin):
                send(event)
                beats.heard(event)
                sending += 1
                if sending % _LOOK == 0:
                    beats.tick(self.pace.now())
                self.passed = event.time - shift
        if not self._stop.is_set():
            for event in renewal.losses(said):
                if missing(there.said, event):
                    send(event)
                    sending += 1
        outbox.flush(Deadline(_FLUSH_SECONDS))
        return sending

    def _events(self) -> Iterator[Event]:
        return self.reader.events(self._run)

    def _chosen(self, said: Mapping[str, Intervals], whole: bool) -> Iterator[Event]:
        return in_turn(self._events(), said) if whole else part(self._events, self._start, self._until)

    def _rest(
        self, renewal: Renewal, events: Iterator[Event], there: Mapping[str, Intervals], beats: Beats
    ) -> Iterator[Event]:
        """The renewed events that are not there yet; signs of life are heard, and not sent: they tell of their time."""
        for event in events:
            renewed = renewal.renew(event)
            if event.type == ev.HEARTBEAT or (there and not missing(there, renewed)):
                beats.heard(renewed)
            else:
                yield renewed

    def _shift(self, new: str) -> int:
        """How times move. It follows from the new run's id, so that who goes on moves them by the same."""
        made = made_at(new)
        begin = self._first if self._start is None else self._start
        end = self._last if self._until is None else min(self._until, self._last)
        if not made:
            return 0
        ahead = 0 if self._speed <= 1 else (end - begin) - int((end - begin) / self._speed)
        return made - begin - ahead

    def _tag(self, shift: int) -> dict[str, Any]:
        found = {"shift": shift or None, "from": self._start, "until": self._until}
        return {name: value for name, value in found.items() if value is not None}

    def _resumed(self, new: str, there: Sent) -> int | None:
        """How times were moved in what is there; None: it does not tell."""
        if there.origin is None:
            return None
        if there.origin.get("run") != self._run:
            raise SettingError("--as", new, f"is there, and no replay of {self._run}: give another id, or none")
        for option, name in (("--from", "from"), ("--until", "until")):
            before, now = there.origin.get(name), getattr(self, "_start" if name == "from" else "_until")
            if now is not None and now != before:
                raise SettingError("--as", new, f"was begun with another {option}: leave it out, to go on")
        self._start, self._until = there.origin.get("from"), there.origin.get("until")
        return int(there.origin.get("shift") or 0)


def _with(first: Event, rest: Iterator[Event]) -> Iterator[Event]:
    yield first
    yield from rest


def moment(option: str, text: str, first: int, last: int) -> int:
    """A moment of a run, microseconds since 1970, as `moments` reads it.

    Raises:
        SettingError: it is none.
    """
    try:
        return moment_of(text, first, last)
    except ValueError as error:
        raise SettingError(option, text, str(error)) from None
