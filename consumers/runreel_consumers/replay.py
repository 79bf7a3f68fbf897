"""The events of a replay: a run's own, whole or in part, under a new run id that names its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from runreel.codec import encode_data
from runreel.events import (
    CONFLICT,
    HEARTBEAT,
    LOSS,
    RUN_STARTED,
    SESSION_CLOSED,
    SESSION_OFFSET,
    SESSION_OPENED,
    STREAMS,
    Event,
)
from runreel.ids import derived_session, joined_execution
from runreel.state.intervals import Intervals, gaps, holds

MOST_HELD: Final = 20_000
"""Events that wait for an earlier seq of their session, at most."""

_SESSIONS: Final = {SESSION_OPENED: ("parent", "continues"), SESSION_OFFSET: ("session",), CONFLICT: ("session",)}
"""What names sessions in the data of an event."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_times = msgspec.json.Decoder(list[int])
_encoder = msgspec.json.Encoder()


def part(events: Callable[[], Iterable[Event]], start: int | None, until: int | None) -> Iterator[Event]:
    """A part of a run: first all structure from before its start, then everything within it.

    Args:
        events: answers the run's events in the order of their stamps; asked twice where there is a start.
        start: the first moment, microseconds since 1970; None: the run's beginning.
        until: the last moment; None: its end.
    """
    if start is not None:
        for event in events():
            if event.time >= start:
                break
            if event.type not in STREAMS and event.type != HEARTBEAT:
                yield event
    for event in events():
        if until is not None and event.time > until:
            return
        if start is None or event.time >= start:
            yield event


def in_turn(events: Iterable[Event], said: Mapping[str, Intervals]) -> Iterator[Event]:
    """Events of each session in the order of their seqs, as their emitter sent them; else in the order they come.

    By time a batch may come after what its session said later: that waits for it.

    Args:
        events: in the order of their stamps.
        said: the seqs of each session there are: what is missing is not waited for.
    """
    due: dict[str, int] = {}
    ends: dict[str, int] = {}  # up to where nothing is missing after the seq that is due
    held: dict[tuple[str, int], Event] = {}

    def after(session: str, seq: int) -> int:
        """The next seq of a session that there is after `seq`."""
        if seq < ends.get(session, -1):
            return seq + 1
        intervals = said.get(session, [])
        at = next((i for i in range(1, len(intervals), 2) if seq < intervals[i]), None)
        if at is None:
            return seq + 1
        ends[session] = intervals[at]
        return max(seq + 1, intervals[at - 1])

    for event in events:
        session, seq = event.session or "", event.seq
        if seq is None:
            yield event
            continue
        expected = due.get(session)
        if expected is None:
            expected = due[session] = after(session, -1)
        if seq > expected:
            held[session, seq] = event
            if len(held) >= MOST_HELD:
                for (name, number), early in sorted(held.items(), key=lambda one: one[0]):
                    due[name] = after(name, number)
                    yield early
                held.clear()
            continue
        yield event
        if seq < expected:
            continue
        expected = due[session] = after(session, seq)
        while held and (waiting := held.pop((session, expected), None)) is not None:
            yield waiting
            expected = due[session] = after(session, expected)
    for _, early in sorted(held.items(), key=lambda one: one[0]):
        yield early


class Renewal:
    """Gives a run's events a new run id, so that they can be told again.

    A session becomes hash(new run id, old session) and keeps its seqs, so a replay that is resumed repeats nothing;
    `whole` False (a part of a run): seqs are counted anew. `run.started` names the origin. What was missing in the
    origin is told as `runreel.loss` of reason `origin`. All else is told as it was said, also what is not known here.

    Args:
        run: the new run's id.
        origin: the replayed run's id.
        whole: whether all of the run is replayed.
        shift: what is added to all times, microseconds.
        told: what else the origin tag says of this replay.
    """

    def __init__(
        self,
        run: str,
        origin: str,
        *,
        whole: bool = True,
        shift: int = 0,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self._run, self._origin, self._whole, self._shift = run, origin, whole, shift
        self._told = dict(told or {})
        self._sessions: dict[str, str] = {}
        self._joined: dict[str, str] = {}
        self._next: dict[str, int] = {}
        self._seen: dict[str, set[int]] = {}
        self._last: dict[str, Event] = {}

    def renew(self, event: Event) -> Event:
        """One event under the new run."""
        old = event.session or ""
        session = self.session(old)
        seq = event.seq
        if seq is not None and not self._whole:
            self._seen.setdefault(old, set()).add(seq)
            seq = self._next.get(session, 0)
            self._next[session] = seq + 1
        renewed = Event(
            type=event.type,
            run=self._run,
            time=event.time + self._shift,
            id=f"{session}-{event.id.removeprefix(old).lstrip('-') if seq is None else seq}",
            source=event.source,
            workspace=event.workspace,
            session=session,
            seq=seq,
            subject=event.subject,
            execution=event.execution and self._execution(event.execution, event.subject or ""),
            final=event.final,
            data=self._data(event, seq),
            extra=event.extra,
        )
        if seq is not None:
            self._last[old] = renewed
        return renewed

    def session(self, old: str) -> str:
        """The session that tells again what `old` has told."""
        found = self._sessions.get(old)
        if found is None:
            found = self._sessions[old] = derived_session(self._run, old)
        return found

    def losses(self, said: Mapping[str, Intervals]) -> Iterator[Event]:
        """What the origin lacks of each session, to be sent last.

        Of a part: what is missing between two events of it. What the origin, a replay itself, tells of its own gaps is
        replayed as it stands.

        Args:
            said: the seqs of each session that the origin has.
        """
        for old, last in self._last.items():
            seen = said.get(old, [])
            here = [gap for gap in gaps(seen, seen[-1]) if self._whole or self._within(old, gap)] if seen else []
            missing = sum(end - first + 1 for first, end in here)
            if not missing or derived_session(LOSS, self._origin, old, "origin", str(missing)) in said:
                continue
            own = derived_session(LOSS, self._run, self.session(old), "origin", str(missing))
            yield msgspec.structs.replace(
                last,
                type=LOSS,
                session=own,
                seq=0,
                id=f"{own}-0",
                final=True,
                subject=None,
                execution=None,
                data=encode_data({"origin": missing}),
                extra=None,
            )

    def _within(self, session: str, gap: tuple[int, int]) -> bool:
        seen = self._seen.get(session, set())
        return gap[0] - 1 in seen and gap[1] + 1 in seen

    def _execution(self, execution: str, path: str) -> str:
        """An execution's own id; that of a step that several join follows from the run."""
        joined = self._joined.get(path)
        if joined is None:
            joined = self._joined[path] = joined_execution(self._origin, path)
        return joined_execution(self._run, path) if execution == joined else execution

    def _data(self, event: Event, seq: int | None) -> bytes:
        """The data, with the sessions and times in them renewed as well."""
        kind = event.type
        if kind in STREAMS:
            if not self._shift:
                return event.data
        elif kind not in _SESSIONS and kind != RUN_STARTED and (self._whole or kind != SESSION_CLOSED):
            return event.data
        try:
            said: dict[str, Any] = _fields.decode(event.data)
            if kind in STREAMS:
                said["time"] = [when + self._shift for when in _times.decode(said["time"])]
            elif kind == RUN_STARTED:
                said["origin"] = self._tag(msgspec.json.decode(said.get("origin", b"null")))
            elif kind == SESSION_CLOSED:
                said["last"] = seq
            else:
                for name in _SESSIONS[kind]:
                    if (session := msgspec.json.decode(said.get(name, b"null"))) is not None:
                        said[name] = self.session(session)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            return event.data  # not what the type says: told again as it was said
        return _encoder.encode(said)

    def _tag(self, before: dict[str, Any] | None) -> dict[str, Any]:
        """What `run.started` says of the origin; the first run of a chain of replays stays named."""
        tag = {"run": self._origin, **self._told}
        if before is None:
            return tag
        rest = {key: value for key, value in before.items() if key not in OWN}
        first = before.get("first", before.get("run"))
        return {**rest, **tag, **({} if first is None else {"first": first})}


OWN: Final = ("run", "first", "shift", "from", "until")
"""What a replay's tag says: the replayed run; the first one of a chain of replays; what was added to all times, and the
part's bounds by the origin's clock, in microseconds."""


def missing(seqs: Mapping[str, Intervals], event: Event) -> bool:
    """Whether an event is none of `seqs`, by session."""
    return event.seq is None or not holds(seqs.get(event.session or "", []), event.seq)
