"""Log lines in slices: of the archive and of the tail as one log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from runreel.codec import payload
from runreel.errors import CodecError
from runreel.events import LOGS, Event, Logs
from runreel_consumers.archive import lines as archived
from runreel_consumers.archive.lines import Line, Slice
from runreel_consumers.archive.reader import Reader
from runreel_server.feed import LiveRun
from runreel_server.queries.tails import Tails

MOST: Final = 2_000
DEFAULT: Final = 200

Json = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True):
    """Which lines: of these steps (None among them: the run's own), on one side of a cursor, up to a moment (µs)."""

    steps: frozenset[str | None] | None = None
    after: str | None = None
    before: str | None = None
    until: int | None = None
    levels: frozenset[str] | None = None
    q: str | None = None
    limit: int = DEFAULT


class LineQuery:
    """Answers slices of logs. Safe for threads.

    Args:
        reader: the archive.
        tails: have lines that the archive does not have yet.
    """

    def __init__(self, reader: Reader, tails: Tails) -> None:
        self._reader, self._tails = reader, tails

    def slice(self, live: LiveRun, wanted: Wanted) -> Json:
        """`{lines, before, after, scanned, total, hits}`; see `Slice`. A search goes on from the cursor it answers.

        Raises:
            ValueError: a cursor is none, or both are given.
        """
        offsets = {session: offset.micros for session, offset in live.state.record.offsets.items()}
        recent = self._recent(live, wanted.steps)  # before the archive: what it takes meanwhile is in both, not in none
        stored = self._reader.lines(
            live.run,
            steps=wanted.steps,
            after=wanted.after,
            before=wanted.before,
            until=wanted.until,
            offsets=offsets,
            levels=wanted.levels,
            q=wanted.q,
            limit=wanted.limit,
        )
        found = join(stored, _of(TailLines(recent, offsets), wanted), wanted)
        return {**msgspec.structs.asdict(found), "lines": [_said(line) for line in found.lines]}

    def _recent(self, live: LiveRun, steps: frozenset[str | None] | None) -> list[Event]:
        return [
            event
            for event, _ in self._tails.unstored(live.run)
            if event.type == LOGS and event.seq is not None and (steps is None or event.subject in steps)
        ]


def join(one: Slice, other: Slice, wanted: Wanted) -> Slice:
    """One slice of two logs that are cut by the same cursors; a line that both have counts once."""
    back = wanted.after is None
    edges = [edge for part in (one, other) if (edge := _edge(part, wanted, back=back)) is not None]
    lines = {line.stamp: line for line in (*other.lines, *one.lines)}
    inside = [stamp for stamp in lines if all(stamp >= edge if back else stamp <= edge for edge in edges)]
    inside.sort(reverse=back)
    chosen = inside[: wanted.limit]
    kept = [lines[stamp] for stamp in sorted(chosen)]
    cut = len(inside) > len(chosen)
    far = chosen[-1] if cut else (max(edges) if back else min(edges)) if edges else None
    if back:
        before = None if far is None else archived.cursor(far)
        newest = [part.after for part in (one, other) if part.after]
        after = wanted.before or max(newest, key=archived.parse_cursor, default=None)
    else:
        ends = [archived.parse_cursor(s.after) for s in (one, other) if s.after]
        after = archived.cursor(far) if far is not None else archived.cursor(max(ends)) if ends else wanted.after
        before = wanted.after if not kept else archived.cursor(kept[0].stamp)
    return Slice(kept, before, after, one.scanned + other.scanned, one.total + other.total, len(kept))


def _edge(part: Slice, wanted: Wanted, *, back: bool) -> archived.Stamp | None:
    """Up to where a slice has looked, where there is more beyond."""
    if back:
        return None if part.before is None else archived.parse_cursor(part.before)
    more = part.hits >= wanted.limit or part.scanned >= archived.SCAN
    return archived.parse_cursor(part.after) if more and part.after else None


class TailLines:
    """Log events of the tail as a source of lines.

    Args:
        events: of type logs; copies do no harm.
        offsets: clock offsets by session, microseconds.
    """

    def __init__(self, events: Iterable[Event], offsets: Mapping[str, int]) -> None:
        distinct = {(event.session, event.seq): event for event in events}
        self._blocks = [lines for event in distinct.values() if (lines := _lines(event, offsets))]
        self.since = np.array([min(line.time for line in lines) for lines in self._blocks], np.int64)
        self.until = np.array([max(line.time for line in lines) for lines in self._blocks], np.int64)
        self.total = sum(map(len, self._blocks))

    def lines(self, block: int) -> list[Line]:
        """The lines of one event."""
        return self._blocks[block]

    def release(self) -> None:
        """There is nothing to let go of."""


def _lines(event: Event, offsets: Mapping[str, int]) -> list[Line]:
    try:
        data: Logs = payload(event)
    except CodecError:
        return []
    session, seq = event.session or "", event.seq or 0
    shift, last = offsets.get(session, 0), len(data.text) - 1
    return [
        Line(
            when + shift, level, text, data.stream, event.subject, event.execution, session, seq, row,
            data.escaped, data.more and row == last,
        )
        for row, (when, level, text) in enumerate(zip(data.time, data.level, data.text, strict=False))
    ]  # fmt: skip


def _of(source: TailLines, wanted: Wanted) -> Slice:
    """The slice of the tail."""
    needle = None if wanted.q is None else wanted.q.casefold()

    def matches(line: Line) -> bool:
        if wanted.levels is not None and line.level not in wanted.levels:
            return False
        return needle is None or needle in line.text.casefold()

    return archived.cut(
        archived.Walk([source]),
        after=wanted.after,
        before=wanted.before,
        until=wanted.until,
        matches=matches,
        limit=wanted.limit,
        scan=archived.SCAN,
    )


def _said(line: Line) -> Json:
    """A line as the stream has it too, `time` in µs since 1970; `cursor` is its place, which `after`, `before` take."""
    said = {
        "time": line.time,
        "step": line.subject,
        "execution": line.execution,
        "level": line.level,
        "text": line.text,
        "stream": line.stream,
        "session": line.session,
        "seq": line.seq,
        "cursor": archived.cursor(line.stamp),
    }
    return said | {name: True for name in ("escaped", "more") if getattr(line, name)}
