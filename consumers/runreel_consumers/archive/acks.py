"""End-to-end acknowledgement on one machine: for each session, up to which seq all is stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runreel.deadline import Deadline
from runreel.state.intervals import Intervals, add
from runreel_consumers.archive.followers import Batch, Follower


class Acks(Follower):
    """The folder that the archive writes and the emitters of this machine read.

    One file a session, `<session>`: a decimal seq, up to and with which all of the session is in the archive. There is
    none before its seq 0 is stored. A file is replaced whole: a reader sees the old number or the new one.

    Args:
        folder: where the files lie; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._stored: dict[str, Intervals] = {}

    def stored(self, batches: Sequence[Batch], deadline: Deadline) -> None:
        """Write the files of all sessions that were heard, also of those that repeat themselves: they have not seen
        theirs."""
        heard = set()
        for event in (event for batch in batches for event in batch.events):
            if event.session is not None and event.seq is not None:
                stored = self._stored.get(event.session)
                if stored is None:
                    stored = self._stored[event.session] = self._read(event.session)
                add(stored, event.seq)
                heard.add(event.session)
        for session in heard:
            stored = self._stored[session]
            if stored[0] == 0:
                self._write(session, stored[1])

    def _read(self, session: str) -> Intervals:
        try:
            return [0, int((self._folder / session).read_text())]
        except (FileNotFoundError, ValueError):
            return []

    def _write(self, session: str, seq: int) -> None:
        new = self._folder / f".{session}.new"
        new.write_text(str(seq))
        os.replace(new, self._folder / session)
