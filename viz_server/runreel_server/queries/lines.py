"""Log lines in slices: of the archive and of the tail as one log."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from runreel.codec import payload
from runreel.errors import CodecError
from runreel.events import LOGS
from runreel_consumers.archive import lines as archived
from runreel_consumers.archive.density import Buckets, Of, error_times, line_counts
from runreel_consumers.archive.event_lines import HeldLines, Said
from runreel_consumers.archive.lines import Line, Slice, Span, Stamp
from runreel_consumers.archive.matching import Match
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.walk import Walk
from runreel_server.charts.columns import Integers
from runreel_server.feed import LiveRun
from runreel_server.queries.tails import Tails

MOST: Final = 2_000
DEFAULT: Final = 200
MOST_TIMES: Final = 1_000

Json = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True):
    """Which lines of a run are wanted.

    Attributes:
        steps: those of these steps; None among them is the run itself.
        under: those of these steps and of what lies in them; a `*` stands for a number.
        match: those that match.
        settled: not those that end in a carriage return and that the next line of the same source overwrites.
    """

    steps: frozenset[str | None] | None = None
    under: tuple[str, ...] = ()
    match: Match = Match()
    settled: bool = False


class LineQuery:
    """Answers slices of logs. Safe for threads.

    Args:
        reader: the archive.
        tails: have lines that the archive does not have yet.
    """

    def __init__(self, reader: Reader, tails: Tails) -> None:
        self._reader, self._tails = reader, tails

    def slice(self, live: LiveRun, span: Span, wanted: Wanted) -> Json:
        """`{lines, before, after, more, scanned, total, hits}`; see `Slice`. A search goes on from its cursor.

        Raises:
            ValueError: a cursor is none, two of them are given, or an expression takes too long.
        """
        found, total = self._asked(live, span, wanted)
        return _told(found, total)

    def around(self, live: LiveRun, place: str | int, span: Span, wanted: Wanted) -> Json:
        """The lines on both sides of a place, a cursor or a moment (µs): half of `span.limit` before it, and the rest
        from there on.

        Raises:
            ValueError: the cursor is none, or an expression takes too long.
        """
        half = span.limit // 2
        here = {"since": place} if isinstance(place, int) else {"at": place}
        onward = msgspec.structs.replace(span, **here, limit=span.limit - half)
        later, total = self._asked(live, onward, wanted)
        edge = archived.cursor((place, "", 0, 0)) if isinstance(place, int) else place
        earlier, _ = self._asked(live, msgspec.structs.replace(span, before=edge, limit=max(half, 1)), wanted)
        found = Slice(
            [*earlier.lines[-half:], *later.lines] if half else later.lines,
            earlier.before if half or not earlier.lines else edge,
            later.after,
            earlier.scanned + later.scanned,
            earlier.hits + later.hits,
            later.more,
            [],
            later.seen,
        )
        return _told(found, total)

    def hits(self, live: LiveRun, span: Span, wanted: Wanted) -> Json:
        """`{times, before, scanned, total, hits}`: when the lines that match were said, in µs since 1970, from the end
        backwards; of more than `MOST_TIMES` in a slice that many, evenly chosen.

        Raises:
            ValueError: the cursor is none, or an expression takes too long.
        """
        found, total = self._asked(live, msgspec.structs.replace(span, limit=0), wanted)
        times = found.times
        thin = [times[len(times) * n // MOST_TIMES] for n in range(MOST_TIMES)] if len(times) > MOST_TIMES else times
        return {
            "times": thin, "before": found.before, "scanned": found.scanned, "total": total, "hits": found.hits
        }  # fmt: skip

    def slices(self, live: LiveRun, span: Span, wanted: Wanted) -> Iterator[list[Line]]:
        """All lines from where the span begins, slice after slice, each in the order of the lines' stamps."""
        more = True
        while more:
            found, _ = self._asked(live, span, wanted)
            yield found.lines
            more = found.more
            here = {"before": found.before} if span.back else {"since": None, "at": None, "after": found.after}
            span = msgspec.structs.replace(span, **here)

    def counts(self, live: LiveRun, of: Of, buckets: Buckets) -> Integers:
        """How many lines, or error lines, were said in each bucket of time."""
        offsets = live.clocks()
        recent = self._recent(live, None, offsets)
        stored = self._reader.line_counts(live.run, of, buckets, offsets=offsets)
        source = HeldLines(recent)
        held = line_counts(source, buckets) if of == "lines" else buckets.counts(error_times(source))
        return stored + held

    def _asked(self, live: LiveRun, span: Span, wanted: Wanted) -> tuple[Slice, int]:
        offsets = live.clocks()
        with live.lock:
            steps = _steps(wanted, live.state.record.steps)
            total = live.tally.line_count(None if steps is None else {step or "" for step in steps})
        recent = self._recent(live, steps, offsets)  # before the archive: what it takes meanwhile is in both
        stored = self._reader.lines(live.run, span, wanted.match, steps=steps, offsets=offsets)
        held = HeldLines(recent)
        found = join([stored, archived.cut(Walk([held] if recent else []), span, wanted.match)], span)
        if wanted.settled:
            found.lines = settled(found.lines)
        return found, total

    def _recent(self, live: LiveRun, steps: frozenset[str | None] | None, offsets: dict[str, int]) -> list[Said]:
        found = {}
        for event, _ in self._tails.unstored(live.run):
            if event.type == LOGS and event.seq is not None and (steps is None or event.subject in steps):
                session = event.session or ""
                try:
                    said = Said(
                        session, event.seq, event.subject, event.execution, offsets.get(session, 0), payload(event)
                    )
                except CodecError:
                    continue
                found[session, event.seq] = said
        return list(found.values())


def _steps(wanted: Wanted, known: Collection[str]) -> frozenset[str | None] | None:
    """The paths whose lines are wanted; None: all."""
    if not wanted.under:
        return wanted.steps
    inside: set[str | None] = set(wanted.steps or ()) | set(wanted.under)
    for one in wanted.under:  # a number is taken whole: many of them in one pattern must not hold up the run
        tasks = re.compile(r"\d++".join(map(re.escape, re.sub(r"\*\d+$", "", one).split("*"))) + "(/.*)?", re.DOTALL)
        inside.update(path for path in known if path.startswith(f"{one}/") or tasks.fullmatch(path))
    return frozenset(inside)


def join(parts: Sequence[Slice], span: Span) -> Slice:
    """One slice of several logs that were cut by the same span; a line that two of them have counts once."""
    back, limit = span.back, span.limit
    edges = [_edge(part, back) for part in parts if part.more]
    edge = None if not edges else max(edges) if back else min(edges)
    lines = {line.stamp: line for part in parts for line in part.lines}
    inside = [stamp for stamp in lines if edge is None or (stamp >= edge if back else stamp <= edge)]
    inside.sort(reverse=back)
    chosen = inside[:limit]
    far = chosen[-1] if len(inside) > len(chosen) else edge
    kept = [lines[stamp] for stamp in sorted(chosen)]
    times = sorted(
        when for part in parts for when in part.times if edge is None or (when >= edge[0] if back else when < edge[0])
    )
    ends = [archived.parse_cursor(part.after) for part in parts if part.after]
    if back:
        before = None if far is None else archived.cursor(far)
        after = span.before or (archived.cursor(max(ends)) if ends else None)
    else:
        after = archived.cursor(far if far is not None else max(ends)) if ends else span.after
        before = archived.cursor(kept[0].stamp) if kept else parts[0].before
    hits = len(kept) if limit else len(times)
    seen = np.concatenate([part.seen for part in parts])
    scanned = archived.nearer(seen, far, kept, back=back)
    return Slice(kept, before, after, scanned, hits, far is not None, times, seen)


def _edge(part: Slice, back: bool) -> Stamp:
    """Up to where a slice has looked, where there is more beyond."""
    return archived.parse_cursor((part.before if back else part.after) or "")


def settled(lines: Sequence[Line]) -> list[Line]:
    """Lines as a terminal shows them: without those that end in a carriage return and are overwritten."""
    kept: list[Line] = []
    said: set[tuple[str, str | None, str]] = set()
    for line in reversed(lines):
        source = (line.session, line.execution, line.stream)
        if source not in said or not line.text.endswith("\r"):
            kept.append(line)
        said.add(source)
    return kept[::-1]


def _told(found: Slice, total: int) -> Json:
    return {
        "lines": [_said(line) for line in found.lines],
        "before": found.before,
        "after": found.after,
        "more": found.more,
        "scanned": found.scanned,
        "total": total,
        "hits": found.hits,
    }


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
    return (
        said
        | {name: True for name in ("escaped", "more") if getattr(line, name)}
        | ({"length": line.length} if line.length else {})
    )
