"""What is sealed and not acknowledged: in which file, sent or not, and what may be freed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from runreel.spool.page import Mark, Page, State
from runreel.spool.sealed import (
    EVENT,
    GREATEST,
    MARK,
    REPLACEMENT,
    SMALLEST,
    SUFFIX,
    Frame,
    SealedFile,
    mark_frame,
    read_mark,
)
from runreel.transports.base import Sealed

IN_FLIGHT: Final = 16 << 20
_AHEAD: Final = 1 << 20


class _Sent(msgspec.Struct, frozen=True):
    """An event that was handed to a transport: what it is, and where it lies."""

    session: str
    seq: int
    size: int
    file: SealedFile
    start: int


class _Next(msgspec.Struct, frozen=True):
    """An event read ahead of its sending, and where reading goes on behind it."""

    event: Sealed
    file: SealedFile
    start: int
    end: int


class Ledger:
    """The sealed events of one spool. Used by one thread.

    Args:
        folder: the session's own.
        run: the key of its events.
        page: where its state is kept.
        room: answers the bytes that another file may take.
        first: bytes of the first file.
    """

    def __init__(self, folder: Path, run: str, page: Page, room: Callable[[], int], *, first: int = SMALLEST) -> None:
        self._folder, self._run, self._page, self._room = folder, run, page, room
        self._files: list[SealedFile] = []
        self._made = 0
        self._flight: deque[_Sent] = deque()
        self._flying = 0
        self._ahead: deque[_Next] = deque()
        self._replaced: set[tuple[str, int]] = set()
        state = page.state
        self.mark = state.mark if state else Mark(-1, 0, [], "0" * 32, 0)
        self.acked: dict[str, int] = dict(state.acked) if state else {}
        self.lost: dict[str, int] = dict(state.lost) if state else {}
        begin = self._load()
        if not self._files:
            self._open(first)
        self._file, self._offset = begin or (self._files[-1], self._files[-1].end)  # where reading ahead goes on

    # -- sealing

    def seal(self, events: Sequence[tuple[str, int, bytes]], mark: Mark) -> bool:
        """Append events (session, seq, exact bytes) and the mark that covers them. False: there is no space now."""
        return self._append([Frame(EVENT, 0, session, seq, raw) for session, seq, raw in events], mark)

    def replace(self, session: str, seq: int, message: bytes) -> bool:
        """From now on `message` counts under this seq, and is what is sent again. False: there is no space now."""
        if not self._append([Frame(REPLACEMENT, 0, session, seq, message)], self.mark):
            return False
        self._replaced.add((session, seq))
        self._ahead = deque(item for item in self._ahead if item.event.seq != seq or item.event.session != session)
        return True

    def _append(self, frames: list[Frame], mark: Mark) -> bool:
        ordinal = self.mark.ordinal + 1
        numbered = [msgspec.structs.replace(frame, ordinal=ordinal + i) for i, frame in enumerate(frames)]
        mark = msgspec.structs.replace(mark, ordinal=ordinal + len(frames))
        raw = b"".join(frame.encode() for frame in [*numbered, mark_frame(mark)])
        file = self._files[-1]
        if file.end + len(raw) > file.size:
            if self._is_free(file) and len(raw) <= file.size and self.save():
                file.cut(0)
                self._offset = 0
            elif not self._open(max(min(GREATEST, file.size * 2), len(raw))):
                return False
            file = self._files[-1]
        try:
            file.append(raw)
        except OSError:
            return False
        self.mark = mark
        return True

    def _open(self, size: int) -> bool:
        if self._files and size > self._room():
            return False
        try:
            self._files.append(SealedFile(self._folder / f"{self._made:08x}{SUFFIX}", size))
        except OSError:
            if not self._files:
                raise
            return False
        self._made += 1
        return True

    def _is_free(self, file: SealedFile) -> bool:
        """Whether all events in `file` are acknowledged; it is the last one, so all that was ever sealed is then."""
        return file is self._file and self._offset >= file.end and not self._flight and not self._ahead

    # -- sending

    def unsent(self, most: int = _AHEAD) -> list[Sealed]:
        """The next events to send, in order; none while too much is under way."""
        if self._flying >= IN_FLIGHT:
            return []
        size = sum(len(item.event.message) for item in self._ahead)
        while size < most:
            if self._offset >= self._file.end:
                if not self._next_file():
                    break
                continue
            for frame in self._file.frames(self._offset, most):
                self._offset = frame.end
                if self._counts(frame):
                    event = Sealed(frame.session, frame.seq, self._run, frame.payload)
                    self._ahead.append(_Next(event, self._file, frame.start, frame.end))
                    size += len(frame.payload)
        return [item.event for item in self._ahead]

    def _counts(self, frame: Frame) -> bool:
        if frame.kind == MARK or frame.seq <= self.acked.get(frame.session, -1):
            return False
        return frame.kind == REPLACEMENT or (frame.session, frame.seq) not in self._replaced

    def sent(self, count: int) -> None:
        """The first `count` of `unsent` were taken by the transport."""
        for _ in range(count):
            item = self._ahead.popleft()
            event = item.event
            self._flight.append(_Sent(event.session, event.seq, len(event.message), item.file, item.start))
            self._flying += len(event.message)

    def resend(self) -> None:
        """What is under way is lost: begin again at the first unacknowledged event."""
        if self._flight:
            self._file, self._offset = self._flight[0].file, self._flight[0].start
        elif self._ahead:
            self._file, self._offset = self._ahead[0].file, self._ahead[0].start
        self._flight.clear()
        self._ahead.clear()
        self._flying = 0

    def acknowledged(self, session: str, seq: int) -> None:
        """All of `session` up to and with `seq` is safe."""
        if seq <= self.acked.get(session, -1):
            return
        self.acked[session] = seq
        while self._flight and self._done(self._flight[0].session, self._flight[0].seq):
            self._flying -= self._flight.popleft().size
        if self._ahead and (self._replaced or self._done(self._ahead[0].event.session, self._ahead[0].event.seq)):
            kept = (item for item in self._ahead if not self._done(item.event.session, item.event.seq))
            self._ahead = deque(kept)  # of the others an earlier send has come through
        if not self._flight and not self._ahead:
            self._pass_by()
        if self.save():  # else what it vouches for must stay
            self._free()

    def _pass_by(self) -> None:
        """Go on to the next event that counts: what was acknowledged by an earlier send of it is not sent again."""
        while True:
            for frame in self._file.frames(self._offset, _AHEAD):
                if self._counts(frame):
                    return
                self._offset = frame.end
            if self._offset >= self._file.end and not self._next_file():
                return

    def _next_file(self) -> bool:
        place = self._files.index(self._file) + 1
        if place < len(self._files):
            self._file, self._offset = self._files[place], 0
        return place < len(self._files)

    def _done(self, session: str, seq: int) -> bool:
        return seq <= self.acked.get(session, -1)

    def _free(self) -> None:
        oldest = self._flight[0].file if self._flight else self._ahead[0].file if self._ahead else self._file
        while self._files[0] is not oldest and len(self._files) > 1:
            self._files.pop(0).remove()
        self._replaced = {(session, seq) for session, seq in self._replaced if not self._done(session, seq)}

    def message(self, session: str, seq: int) -> bytes | None:
        """The bytes of an event that is under way, or None."""
        for sent in self._flight:
            if (sent.session, sent.seq) == (session, seq):
                return next(sent.file.frames(sent.start, 1)).payload
        return None

    # -- state

    @property
    def empty(self) -> bool:
        """Whether all that is sealed is acknowledged."""
        return not self._flight and not self._ahead and self._file is self._files[-1] and self._offset >= self._file.end

    @property
    def in_flight(self) -> int:
        """Events that are under way."""
        return len(self._flight)

    def size(self) -> int:
        """Bytes that the files take."""
        return sum(file.size for file in self._files)

    def waiting(self) -> int:
        """Bytes that are sealed and not acknowledged, their frames' heads included."""
        place = self._files.index(self._file)
        unread = self._file.end - self._offset + sum(file.end for file in self._files[place + 1 :])
        return self._flying + sum(len(item.event.message) for item in self._ahead) + unread

    def save(self) -> bool:
        """Keep the state."""
        return self._page.save(State(self.mark, self.acked, self.lost))

    def close(self) -> None:
        """Let go of the files; they stay."""
        for file in self._files:
            file.close()
        self._page.close()

    def _load(self) -> tuple[SealedFile, int] | None:
        """Take up what an ended process left, and answer where its first unacknowledged event lies, if there is one.

        Events without a mark behind them were never sent, and are dropped.
        """
        begin: tuple[SealedFile, int] | None = None
        found: list[tuple[int, SealedFile, list[Frame]]] = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            self._made = max(self._made, int(path.name.split(".")[0], 16) + 1)
            file = SealedFile(path)
            frames = file.recover()
            if frames:
                found.append((frames[0].ordinal, file, frames))
            else:
                file.remove()
        for _, file, frames in sorted(found, key=lambda item: item[0]):
            self._files.append(file)
            marks = [frame for frame in frames if frame.kind == MARK]
            file.cut(marks[-1].end if marks else 0)
            if marks and marks[-1].ordinal > self.mark.ordinal:
                self.mark = read_mark(marks[-1])
            covered = [frame for frame in frames if marks and frame.ordinal < marks[-1].ordinal]
            self._replaced.update((frame.session, frame.seq) for frame in covered if frame.kind == REPLACEMENT)
            left = (frame for frame in covered if self._counts(frame))
            begin = begin or next(((file, frame.start) for frame in left), None)
        return begin
