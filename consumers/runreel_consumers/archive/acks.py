"""End-to-end acknowledgement on one machine: for each session, up to which seq all is stored."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from runreel.deadline import Deadline
from runreel.events import SESSION_CLOSED
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.followers import Batch, Follower

KEPT: Final = 7 * 86_400.0
"""Seconds that a closed session's file stays at least: a spool that is shipped late looks for it."""

_LOOK: Final = 3600.0  # seconds between two looks for files that nobody needs any more
_AT_ONCE: Final = 5000  # files that one look takes, at most: the loop waits for it


class Acks(Follower):
    """The folder that the archive writes and the emitters of this machine read.

    One file a session, `<session>`: a decimal seq, up to and with which all of the session is in the archive. There is
    none before its seq 0 is stored. A file is replaced whole: a reader sees the old number or the new one. A line's end
    behind the number says that the session is closed: nothing will be said in it any more. Such a file goes `KEPT`
    seconds later, when its session's spool is gone too.

    Args:
        folder: where the files lie; made where it is not there.
        spool: the folder of this machine's spools.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path, spool: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._spool, self._clock = folder, spool, clock
        folder.mkdir(parents=True, exist_ok=True)
        self._stored: dict[str, Intervals] = {}
        self._last: dict[str, int] = {}
        self._looked = float("-inf")

    def stored(self, batches: Sequence[Batch], deadline: Deadline) -> None:
        """Write the files of all sessions that were heard, also of those that repeat themselves: they have not seen
        theirs."""
        heard = set()
        for event in (event for batch in batches for event in (*batch.events, *batch.buried)):
            if event.session is not None and event.seq is not None:
                stored = self._stored.get(event.session)
                if stored is None:
                    stored = self._stored[event.session] = self._read(event.session)
                add(stored, event.seq)
                heard.add(event.session)
                if event.final or event.type == SESSION_CLOSED:
                    self._last[event.session] = event.seq
        for session in heard:
            stored = self._stored[session]
            if stored[0] == 0:
                closed = stored[1] == self._last.get(session)
                self._write(session, f"{stored[1]}\n" if closed else str(stored[1]))
                if closed:
                    del self._stored[session], self._last[session]

    def tick(self) -> None:
        """Remove, now and then, the files that nobody needs any more."""
        now = self._clock()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:  # the next look comes
            old = (entry for entry in entries if now - entry.stat().st_mtime > KEPT)
            for entry in itertools.islice(old, _AT_ONCE):
                if Path(entry.path).read_bytes().endswith(b"\n") and not (self._spool / entry.name).exists():
                    os.unlink(entry.path)

    def _read(self, session: str) -> Intervals:
        try:
            text = (self._folder / session).read_text()
            seq = int(text)
        except (FileNotFoundError, ValueError):
            return []
        if text.endswith("\n"):
            self._last[session] = seq
        return [0, seq]

    def _write(self, session: str, text: str) -> None:
        new = self._folder / f".{session}.new"
        new.write_text(text)
        os.replace(new, self._folder / session)
