"""One spool on its way: records -> sealed events -> a transport -> acknowledged and freed. For one thread."""

from __future__ import annotations

import logging
import time
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

from runreel.codec import encode, encode_data
from runreel.events import (
    ARTIFACT_STORED,
    HEARTBEAT,
    LOSS,
    SESSION_CLOSED,
    SESSION_OPENED,
    ArtifactStored,
    Event,
    Heartbeat,
    SessionClosed,
    SessionOpened,
)
from runreel.ids import derived_session, new_session
from runreel.spool.batch import Batch, Key, Name, Said
from runreel.spool.budget import Budget
from runreel.spool.folder import PAGE, REFUSED, Folder
from runreel.spool.ledger import Ledger
from runreel.spool.left import Dead
from runreel.spool.names import NAMES, Names
from runreel.spool.page import Mark, Page
from runreel.spool.reader import Reader
from runreel.spool.sealed import SMALLEST
from runreel.spool.writer import Writer
from runreel.transports.base import Answer, Sealed, Transport
from runreel.uploads import jobs

LAST_SEQ: Final = (1 << 31) - 2
"""The greatest seq but one: a session that comes to it goes on as a new one."""

_SLOTS: Final = 16 << 10  # read in one round, at most
_BYTES: Final = 1 << 20

_log = logging.getLogger("runreel")


class Shipper:
    """Ships one spool.

    Args:
        folder: the session's own, locked by this process.
        writer: the live session's; None: its process has ended.
        limit: bytes for all spools beside it; None: the default.
        how: what `session.closed` says where nobody said it before the process ended.

    Raises:
        OSError: there is no space for a new spool's files.
    """

    def __init__(
        self,
        folder: Folder,
        writer: Writer | None = None,
        *,
        limit: int | None = None,
        how: str = "recovered",
    ) -> None:
        self.folder, self._writer = folder, writer
        self._ending = how if writer is None else None
        self.budget = writer.budget if writer else Budget(folder.path.parent, folder.path, limit, lambda: 0)
        self._segments = Dead(folder.path) if writer is None else writer
        page = Page(folder.path / PAGE)
        self.void = writer is None and page.state is None
        first = SMALLEST if self.budget.limit >= 4 * SMALLEST else max(16 << 10, self.budget.limit // 4)
        self.ledger = Ledger(folder.path, folder.meta.run, page, lambda: self.budget.room(reserve=False), first=first)
        if page.state is None:
            self.ledger.mark = Mark(-1, 0, [], folder.meta.session, 0)
            self.ledger.save()
        self._names = Names(folder.path / NAMES)
        mark = self.ledger.mark
        self.reader = Reader(
            mark.read,
            mark.pending,
            self._segments.segments,
            abandoned=writer.abandoned if writer else set(),
            ended=writer is None,
        )
        self._progress: dict[Key, int] = {}
        self._slots = _SLOTS
        self._learnt: deque[Name] = deque()
        self._instead: deque[tuple[str, int, bytes]] = deque()
        self._told: deque[ArtifactStored] = deque()
        self._beats = 0
        self.sessions: set[str] = set()  # in whose name it has sent: more than one after a roll-over
        self.dry = False
        self.sealed_at = self.beat_at = float("-inf")  # when its last round began; when it last gave a sign of life

    # -- sealing

    @property
    def live(self) -> bool:
        """Whether its process is this one."""
        return self._writer is not None

    def prepare(self) -> None:
        """Have space ready for the writer."""
        if self._writer is not None:
            self._writer.prepare()

    @property
    def session(self) -> str:
        """Who speaks now."""
        return self.ledger.mark.session

    @property
    def closed(self) -> bool:
        """Whether `runreel.session.closed` is sealed: nothing more will be."""
        return self.ledger.mark.closed

    def seal(self, *, whole: bool = False) -> bool:
        """Seal one round of what waits. True: there was something, and there may be more.

        Args:
            whole: hold nothing back.
        """
        self._count()
        self._replace()
        while self._learnt and self._names.add({self._learnt[0].handle: self._learnt[0]}):
            self._learnt.popleft()
        while self._told and self.ledger.seal([self._failed_upload(self._told[0])], self.ledger.mark):
            self._told.popleft()
        ended = self._writer is None
        if self.closed or self.void:
            self.dry = True
            return False
        batch = Batch(
            self.folder.path, self._names.known, self._progress, now=time.time_ns() // 1000, whole=whole or ended
        )
        round_ = self.reader.take(batch, self._slots, _BYTES)
        said = batch.finish()
        self.reader.hold(round_, batch.held)
        self.dry = round_.empty or (not said and round_.read == self.reader.read)
        losses = self._losses()
        if losses:
            said.insert(
                len(said) - 1 if batch.closed else len(said),
                Said(LOSS, None, None, time.time_ns() // 1000, encode_data(losses)),
            )
        closing = batch.closed or (self._ending is not None and self.dry)
        if closing and not batch.closed:
            how = msgspec.msgpack.encode(self._ending)
            said.append(Said(SESSION_CLOSED, None, None, time.time_ns() // 1000, how))
        if self.folder.meta.one_shot:
            said = [one for one in said if one.type != SESSION_CLOSED]
        if round_.empty and not said and not closing:
            return False
        mark, events = self._numbered(said, round_.read, sorted(round_.pending), closing)
        mark = msgspec.structs.replace(mark, said={**mark.said, **{k: self.ledger.lost[k] for k in losses}})
        if not self._names.add(batch.learnt) or not self.ledger.seal(events, mark):
            self._slots = max(1, self._slots // 2)  # a lesser round may fit
            self.dry = False
            return False
        self._slots = min(_SLOTS, self._slots * 2)
        self._progress.update(batch.progress)
        self.reader.commit(round_)
        for name in batch.files:
            self._segments.remove(name)
        return bool(said) or not self.dry

    def _numbered(
        self, said: list[Said], read: int, pending: list[int], closing: bool
    ) -> tuple[Mark, list[tuple[str, int, bytes]]]:
        mark = self.ledger.mark
        session, seq = mark.session, mark.next
        events: list[tuple[str, int, bytes]] = []
        for one in said:
            if seq >= LAST_SEQ and one.type != SESSION_CLOSED and not self.folder.meta.one_shot:
                events.append((session, seq, self._closed(session, seq, "clean", one.time)))
                parent, session, seq = session, new_session(), 0
                opened = SessionOpened(
                    role=self.folder.meta.role, parent=parent, host=self.folder.meta.host, pid=self.folder.meta.pid
                )
                events.append((session, 0, self._event(session, 0, SESSION_OPENED, encode_data(opened), one.time)))
                seq = 1
            if one.type == SESSION_CLOSED:
                raw = self._closed(session, seq, msgspec.msgpack.decode(one.data, type=str), one.time)
            else:
                raw = self._event(session, seq, one.type, one.data, one.time, one)
            events.append((session, seq, raw))
            seq += 1
        return Mark(mark.ordinal, read, pending, session, seq, mark.closed or closing, mark.said), events

    def _failed_upload(self, stored: ArtifactStored) -> tuple[str, int, bytes]:
        """In a one-shot session of its own: this one may be closed already, and saying it again is a duplicate."""
        meta = self.folder.meta
        session = derived_session(ARTIFACT_STORED, meta.run, stored.id, "failed")
        said = Said(ARTIFACT_STORED, None, None, time.time_ns() // 1000, b"", final=True)
        return session, 0, self._event(session, 0, ARTIFACT_STORED, encode_data(stored), said.time, said)

    def _closed(self, session: str, seq: int, how: str, when: int) -> bytes:
        data = msgspec.convert({"last": seq, "how": how}, SessionClosed)
        return self._event(session, seq, SESSION_CLOSED, encode_data(data), when)

    def _event(self, session: str, seq: int, kind: str, data: bytes, when: int, said: Said | None = None) -> bytes:
        meta = self.folder.meta
        return encode(
            Event(
                type=kind,
                run=meta.run,
                time=when,
                id=f"{session}-{seq}",
                source=meta.source,
                workspace=meta.workspace,
                session=session,
                seq=seq,
                subject=said.subject if said else None,
                execution=said.execution if said else None,
                final=said.final if said else False,
                data=data,
            )
        )

    def end(self, how: str) -> None:
        """The session is over, and its spool had no room for a record that says so. For any thread."""
        self._ending = how

    def passed(self, slot: int) -> bool:
        """Whether all slots up to `slot` are sealed, those aside whose writers were interrupted."""
        return self.closed or self.reader.read > slot or (self.dry and self.reader.abandoned(slot))

    def tell(self, stored: ArtifactStored) -> None:
        """An upload failed for good. For any thread."""
        self._told.append(stored)

    def learn(self, name: Name) -> None:
        """What a handle stands for, where the spool had no room for a record that says so. For any thread."""
        self._learnt.append(name)

    # -- losses

    def lost(self, reason: str, count: int = 1) -> None:
        """Count what was not taken."""
        self.ledger.lost[reason] = self.ledger.lost.get(reason, 0) + count

    def _count(self) -> None:
        if self._writer is None or not self._writer.dropped:
            return
        dropped = self._writer.dropped
        while dropped:
            self.lost(*dropped.popleft())
        self.ledger.save()

    def _losses(self) -> dict[str, int]:
        said = self.ledger.mark.said
        return {reason: n - said.get(reason, 0) for reason, n in self.ledger.lost.items() if n > said.get(reason, 0)}

    # -- sending

    def send(self, transport: Transport) -> int:
        """Hand over what waits, as much as the transport takes; answers how many events."""
        events = self.ledger.unsent()
        taken = transport.send(events) if events else 0
        self.sessions.update(event.session for event in events[:taken])
        self.ledger.sent(taken)
        return taken

    def answered(self, answer: Answer) -> None:
        """Hear what became of a sent event."""
        if answer.refused is None:
            self.ledger.acknowledged(answer.session, answer.seq)
            return
        message = self.ledger.message(answer.session, answer.seq)
        if message is None:
            return
        _log.warning(
            "runreel: event %d of run %s was refused for good (%s): it is kept in %s",
            answer.seq,
            self.folder.meta.run,
            answer.refused,
            self._keep(answer, message),
        )
        loss = self._event(answer.session, answer.seq, LOSS, encode_data({"refused": 1}), time.time_ns() // 1000)
        self._instead.append((answer.session, answer.seq, loss))
        self._replace()

    def _replace(self) -> None:
        while self._instead and self.ledger.replace(*self._instead[0]):
            self._instead.popleft()

    def _keep(self, answer: Answer, message: bytes) -> Path:
        path = self.folder.path.parent / REFUSED / f"{answer.session}.jsonl"
        line = {"seq": answer.seq, "reason": answer.refused, "event": msgspec.Raw(message)}
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
        except OSError:
            _log.warning("the refused file %s cannot be written", path)
        return path

    def heartbeat(self, interval: float, uploads: dict[str, int]) -> Sealed:
        """A sign of life, not spooled, with the artifacts that are being sent and how many bytes of them were taken."""
        session, meta = self.session, self.folder.meta
        said = self.ledger.mark.next - 1
        data = Heartbeat(interval=interval, said=said, spool=self.waiting(), uploads=uploads)
        event = Event(
            type=HEARTBEAT,
            run=meta.run,
            time=time.time_ns() // 1000,
            id=f"{session}-h{self._beats}",
            source=meta.source,
            workspace=meta.workspace,
            session=session,
            data=encode_data(data),
        )
        self._beats += 1
        return Sealed(session, -1, meta.run, encode(event))

    # -- state

    def waiting(self) -> int:
        """Bytes that are not delivered, about."""
        return self.ledger.waiting()

    @property
    def delivered(self) -> bool:
        """Whether all that is sealed is acknowledged."""
        return self.ledger.empty

    def uploads_left(self) -> bool:
        """Whether artifact bytes still wait."""
        return bool(jobs(self.folder.uploads)) or bool(self._told)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return (self.closed or self.void) and self.delivered and not self.uploads_left()

    def finish(self) -> None:
        """Let go: the folder is removed where all of it is delivered, else left to others."""
        done = self.over
        self.ledger.close()
        self._names.close()
        for segment in self._segments.segments():
            if self._writer is None or done:
                segment.forget()
        if done:
            self.folder.remove()
        else:
            self.folder.release()
