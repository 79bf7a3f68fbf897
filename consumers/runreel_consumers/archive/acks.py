"""End-to-end acknowledgement on one machine: for each session, up to which seq all is stored."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from runreel.events import Event


class Acks:
    """The folder that the archive writes and the emitters of this machine read.

    One file a session, `<session>`: a decimal seq, up to and with which all of the session is in the archive.

    Args:
        folder: where the files lie; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._upto: dict[str, int] = {}
        self._beyond: dict[str, set[int]] = {}

    def stored(self, events: Iterable[Event]) -> None:
        """Tell what was stored now. Each file is replaced whole: a reader sees the old number or the new one."""
        changed = set()
        for event in events:
            session, seq = event.session, event.seq
            if session is None or seq is None:
                continue
            upto = self._upto.get(session)
            if upto is None:
                upto = self._upto[session] = self._read(session)
            if seq == upto + 1:
                self._upto[session] = seq
                changed.add(session)
            elif seq > upto:
                self._beyond.setdefault(session, set()).add(seq)
            else:
                changed.add(session)  # a repeat of what is stored: its sender has not seen the file
        for session in changed:
            self._advance(session)
            self._write(session)

    def _advance(self, session: str) -> None:
        beyond = self._beyond.get(session)
        if not beyond:
            return
        upto = self._upto[session]
        while upto + 1 in beyond:
            upto += 1
        self._upto[session] = upto
        left = {seq for seq in beyond if seq > upto}
        if left:
            self._beyond[session] = left
        else:
            del self._beyond[session]

    def _read(self, session: str) -> int:
        try:
            return int((self._folder / session).read_text())
        except (FileNotFoundError, ValueError):
            return -1

    def _write(self, session: str) -> None:
        new = self._folder / f".{session}.new"
        new.write_text(str(self._upto[session]))
        os.replace(new, self._folder / session)
