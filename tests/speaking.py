"""Programs that use runreel, run as processes of their own, and what they said."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runreel import codec, events
from runreel.events import Event
from runreel.state import fold, fold_streams
from support import ended, wait_for

PATIENCE = 60.0


class Program:
    """A Python program under way; its events come out on stderr, which is a file, so that children share it.

    Args:
        folder: an empty folder of its own.
        source: the program.
        environ: variables on top of this process's; RUNREEL_* ones of this process do not count.
    """

    def __init__(self, folder: Path, source: str, environ: Mapping[str, str] | None = None) -> None:
        self._err = folder / "stderr"
        script = folder / "program.py"
        script.write_text(textwrap.dedent(source))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNREEL_")}
        ours = {"RUNREEL_TRANSPORT": "console", "RUNREEL_STATE_DIR": str(folder / "state")}
        with self._err.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(script)],
                env={**clean, **ours, **(environ or {})},
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )
        self.out = ""
        self.code = 0

    def says(self, text: str) -> None:
        """Wait until its output holds a line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.out += line
        assert line.strip() == text, f"{line!r} rather than {text!r}; stderr: {self.err}"

    def end(self) -> Program:
        """Wait for its end, and that of its children."""
        rest, _ = ended(self.process, PATIENCE)
        self.out += rest
        self.code = self.process.returncode
        return self

    @property
    def err(self) -> str:
        """What it wrote to stderr that is no event."""
        return "".join(line.partition('{"specversion"')[0] for line in self._err.read_text().splitlines(True))

    @property
    def events(self) -> list[Event]:
        """What it said, heartbeats left out, in order of time."""
        # A traceback that is just being written may stand before an event on its line.
        found = [line.partition(b'{"specversion"')[1:] for line in self._err.read_bytes().splitlines()]
        lines = [begin + rest for begin, rest in found if begin]
        told = [event for event in map(codec.decode, lines) if event.type != events.HEARTBEAT]
        return sorted(told, key=lambda event: (event.time, event.session or "", event.seq or 0))

    def data(self, kind: str) -> list[Any]:
        """What its events of one type say."""
        return [codec.payload(event) for event in self.events if event.type == kind]

    def lines(self, step: str | None = None) -> list[str]:
        """The texts of one step's log; None: the run's own."""
        logs = [event for event in self.events if event.type == events.LOGS and event.subject == step]
        return [text for event in logs for text in codec.payload(event).text]

    def state(self) -> dict[str, Any]:
        """The folded state of its only run."""
        told = self.events
        assert len({event.run for event in told}) == 1, {event.run for event in told}
        return fold(told).view(tally=fold_streams(told))


def run(folder: Path, source: str, environ: Mapping[str, str] | None = None) -> Program:
    """A program that has ended."""
    return Program(folder, source, environ).end()


def gone(pid: int) -> None:
    """Wait until no process has this id."""

    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(is_gone, PATIENCE, what=f"process {pid} ends")
