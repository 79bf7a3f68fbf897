"""`runreel replay` in a terminal: keys, what it says, and how to go on after its end."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from runreel import ids
from runreel.codec import iso
from runreel.ids import short
from runreel.settings import Settings
from runreel_consumers.keys import keys
from runreel_consumers.line import Line
from runreel_consumers.replaying import Replay

STOPPED: Final = 130


class Playing:
    """A replay under way.

    Args:
        replay: what is played.
        run: the run's whole id.
        speed: as it was given.
        stop: set when somebody ends it.
    """

    def __init__(self, replay: Replay, run: str, speed: str, stop: threading.Event) -> None:
        self._replay, self._run, self._speed, self._stop = replay, run, speed, stop

    def show(self) -> int:
        """Show the run; answers the exit code."""
        # At a pace each line is to be seen at once, also in a pipe; at no pace that would cost more than all the rest.
        write = print if self._speed == "max" else click.echo
        with self._keys():
            self._replay.show(write)
        if not self._stop.is_set():
            return 0
        if self._replay.passed is not None:  # of that moment there may be more, so it is shown again
            self._how(*self._part(self._replay.passed))
        return STOPPED

    def send(self, settings: Settings, new: str | None, *, keep: bool) -> int:
        """Send the run as a new one; answers the exit code."""
        line = Line(settings)
        topic = line.topic(self._replay.workspace)
        number = new or ids.new_run()
        there = None if new is None else line.sent(self._replay.reader, topic, number)
        # What has arrived tells how it was begun; where nothing has, the command must.
        again = ("--to", "kafka", "--as", number, *self._part(), *(("--times", "kept") if keep else ()))
        click.echo(f"replaying as run {number}", err=True)
        if new is None:
            self._how(*again, when="should it be killed, ")
        try:
            with self._keys():
                count = self._replay.send(line.outbox(self._stop), topic, number, keep=keep, sent=there)
        except BaseException:
            self._how(*again)
            raise
        if self._stop.is_set():
            click.echo(f"stopped after {count:,} events, all of which have arrived", err=True)
            self._how(*again)
            return STOPPED
        click.echo(f"{count:,} events sent", err=True)
        click.echo(f"replayed as run {number}")
        return 0

    def _part(self, start: int | None = None) -> tuple[str, ...]:
        """The options that choose the part that is played, from `start` on where that is given."""
        first, last = self._replay.span
        edges = (("--from", first if start is None else start), ("--until", last))
        return tuple(word for option, when in edges if when is not None for word in (option, iso(when)))

    def _how(self, *options: str, when: str = "") -> None:
        speed = () if self._speed == "1" else ("--speed", self._speed)
        command = shlex.join(["runreel", "replay", short(self._run), *options, *speed])
        click.echo(f"{when}go on with: {command}", err=True)

    @contextmanager
    def _keys(self) -> Iterator[None]:
        with keys({" ": self._toggle}) as there:
            if there:
                click.echo("space pauses, Ctrl-C ends", err=True)
            yield

    def _toggle(self) -> None:
        pace = self._replay.pace
        pace.toggle()
        sys.stderr.write("paused; space goes on\n" if pace.paused else "going on\n")
        sys.stderr.flush()
