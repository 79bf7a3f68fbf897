"""Log lines in slices: forwards or backwards from a cursor, filtered, however many there are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from runreel_consumers.archive.matching import Match

ROOM: Final = 8 << 20
"""The most characters that the texts of a slice have; it ends early, with a cursor, where they would have more."""

SECONDS: Final = 0.25
"""How long one slice of a search goes on; it ends with the block that it is at."""

Stamp = tuple[int, str, int, int]
"""The place of a line in a run: time in microseconds since 1970, session, seq, row."""

Times = npt.NDArray[np.int64]


class Line(msgspec.Struct, frozen=True):
    """One line of a run's log. `time` is corrected by the session's clock offset, where offsets were given.

    `escaped`: the text holds bytes that are not UTF-8 as `\\xNN`. `more`: the text goes on in the session's next event.
    `length`: how many characters it has, where only its beginning is here; 0: all of it is.
    """

    time: int
    level: str
    text: str
    stream: str
    subject: str | None
    execution: str | None
    session: str
    seq: int
    row: int
    escaped: bool = False
    more: bool = False
    length: int = 0

    @property
    def stamp(self) -> Stamp:
        """Its place among the run's lines."""
        return (self.time, self.session, self.seq, self.row)


class Slice(msgspec.Struct):
    """Some lines of a run, in the order of their stamps.

    Attributes:
        lines: the lines that match.
        before: the cursor that leads to earlier ones; None where there are none.
        after: the cursor that leads to later ones; those may be still to come.
        scanned: how many lines were looked at.
        hits: how many of the scanned ones match.
        more: whether there is more in the direction that was walked.
        times: when the hits were said, where no lines were asked for.
        seen: the times of the lines that were looked at, and perhaps of some beyond.
    """

    lines: list[Line]
    before: str | None
    after: str | None
    scanned: int
    hits: int
    more: bool
    times: list[int]
    seen: Times


class Span(msgspec.Struct, frozen=True):
    """What a slice is asked for: what follows `after`, or what precedes `before`, or the end of the log.

    Attributes:
        after: a cursor.
        before: a cursor.
        at: in place of `after`: a cursor whose own line is the first.
        since: in place of `after`: from this moment on, microseconds since 1970.
        until: nothing after this moment.
        limit: the most lines; 0: none, only how many match, and when they were said.
        width: texts longer than so many characters are cut; None: none is.
        seconds: how long to look at most.
    """

    after: str | None = None
    before: str | None = None
    at: str | None = None
    since: int | None = None
    until: int | None = None
    limit: int = 200
    width: int | None = None
    seconds: float = SECONDS

    @property
    def back(self) -> bool:
        """Whether it goes from later lines to earlier ones."""
        return self.after is None and self.at is None and self.since is None

    def start(self) -> Stamp | None:
        """The place that it begins beyond; None: the end of the log.

        Raises:
            ValueError: a cursor is none, or two of them are given.
        """
        if sum(edge is not None for edge in (self.after, self.before, self.at, self.since)) > 1:
            raise ValueError("after, before, at and since exclude each other")
        if self.since is not None:
            return (self.since, "", -1, -1)
        if self.at is not None:
            when, session, seq, row = parse_cursor(self.at)
            return (when, session, seq, row - 1)
        edge = self.after if self.before is None else self.before
        start = None if edge is None else parse_cursor(edge)
        if self.back and self.until is not None and (start is None or start[0] > self.until):
            start = (self.until + 1, "", -1, -1)
        return start


def cursor(stamp: Stamp) -> str:
    """A stamp as a text."""
    return "-".join(str(part) for part in stamp)


def parse_cursor(text: str) -> Stamp:
    """The stamp behind a cursor.

    Raises:
        ValueError: it is none.
    """
    try:
        when, rest = text.split("-", 1)
        session, seq, row = rest.rsplit("-", 2)
        return (int(when), session, int(seq), int(row))
    except ValueError:
        raise ValueError(f"cursor {text!r} is none: take `before` or `after` of an answer") from None


class Look(NamedTuple):
    """How sources are looked at: beyond `start`, backwards or not, up to `until`, for what matches.

    `most`: of the lines that match, at least so many that are nearest to the start are wanted; None: all. `width`: how
    many characters of their texts are; None: all.
    """

    start: Stamp | None
    back: bool
    until: int | None
    match: Match
    most: int | None = None
    width: int | None = None

    @property
    def sign(self) -> int:
        """-1 where it goes back."""
        return -1 if self.back else 1

    def beyond(self, times: Times) -> Times:
        """Of times those that lie beyond the start and not after the end."""
        if self.start is not None:
            times = times[self.sign * times > self.sign * self.start[0]]
        return times if self.until is None else times[times <= self.until]


class Found(NamedTuple):
    """What was read: the times of all lines that were looked at, of those that match, and these lines."""

    times: Times
    hits: Times
    lines: list[Line]


def joined(parts: Iterable[Found]) -> Found:
    """What was read in several parts."""
    found = list(parts)
    empty = np.zeros(0, np.int64)
    return Found(
        np.concatenate([empty, *(part.times for part in found)]),
        np.concatenate([empty, *(part.hits for part in found)]),
        [line for part in found for line in part.lines],
    )


class Blocks(NamedTuple):
    """Lines in blocks: an event, or a group of stored rows. Block i goes from `since[i]` to `until[i]`, has about
    `size[i]` bytes and at most `rows[i]` lines: exactly so many where lines of all steps are asked for."""

    since: Times
    until: Times
    size: Times
    rows: Times


class Source(Protocol):
    """Lines in blocks. `since` and `until` bound them all; what the blocks are may have to be read first."""

    since: int
    until: int

    def blocks(self) -> Blocks:
        """Its blocks."""

    def read(self, blocks: Sequence[int], look: Look) -> Found:
        """The lines of some blocks."""

    def release(self) -> None:
        """No more is read: let go of what was kept."""


class Columns(Protocol):
    """Lines as columns of which only those are read that are needed; each takes the rows that are asked for."""

    time: Times

    def stamps(self, rows: Times) -> list[tuple[str, int, int]]:
        """Session, seq and row."""

    def matches(self, match: Match, rows: Times) -> npt.NDArray[np.bool_]:
        """Which ones match."""

    def lines(self, rows: Times, width: int | None) -> list[Line]:
        """The lines, their texts cut to so many characters."""


def choose(columns: Columns, look: Look) -> Found:
    """The lines that a look is for."""
    time_, sign = columns.time, look.sign
    beyond = np.ones(len(time_), np.bool_)
    if look.start is not None:
        beyond = sign * time_ > sign * look.start[0]
        ties = np.flatnonzero(time_ == look.start[0])
        if len(ties):
            stamps = columns.stamps(ties)
            beyond[ties] = [(stamp < look.start[1:]) if look.back else (stamp > look.start[1:]) for stamp in stamps]
    if look.until is not None:
        beyond &= time_ <= look.until
    rows = np.flatnonzero(beyond)
    times = time_[rows]
    if not look.match.everything and len(rows):
        rows = rows[columns.matches(look.match, rows)]
    hits = time_[rows]
    if look.most is not None and len(rows) > look.most:
        if look.most:
            nearest = np.partition(sign * hits, look.most - 1)[look.most - 1]
            rows = rows[sign * hits <= nearest]
        else:
            rows = rows[:0]
    return Found(times, hits, columns.lines(rows, look.width) if len(rows) else [])


class Reads(Protocol):
    """The lines of a run from all their sources (`walk.Walk`)."""

    def reads(self, look: Look) -> Iterator[tuple[Found, int | None]]:
        """What was read of the next blocks, and the time beyond which nothing else lies any more; None: no more."""

    def close(self) -> None:
        """Let go of everything."""


def in_order(walk: Reads, look: Look) -> Iterator[tuple[Found, int | None, list[Line]]]:
    """What a walk reads, its bound, and the lines that are ready: none that is read later can come before them."""
    waiting: dict[Stamp, Line] = {}
    with closing(walk):
        for read, bound in walk.reads(look):
            waiting.update((line.stamp, line) for line in read.lines)
            ready = [stamp for stamp in waiting if bound is None or look.sign * stamp[0] < look.sign * bound]
            ready.sort(reverse=look.back)
            yield read, bound, [waiting.pop(stamp) for stamp in ready]


def cut(walk: Reads, span: Span, match: Match) -> Slice:
    """A slice of the log.

    Raises:
        ValueError: a cursor is none, or two of them are given.
    """
    start, back, limit = span.start(), span.back, span.limit
    look = Look(start, back, None if back else span.until, match, limit, span.width)
    sign, deadline = look.sign, time.monotonic() + span.seconds
    times: list[Times] = []
    hits: list[Times] = []
    found: list[Line] = []
    bound: int | None = None
    room, full = ROOM, False
    for read, bound, ready in in_order(walk, look):
        times.append(read.times)
        hits.append(read.hits)
        for line in ready:
            if len(found) == limit or room <= 0:
                break
            found.append(line)
            room -= len(line.text)
        full = limit > 0 and (len(found) == limit or room <= 0)
        moved = bound is not None and (start is None or sign * bound > sign * start[0] + back)
        if full or (moved and time.monotonic() > deadline):
            break
    none = np.zeros(0, np.int64)
    return _slice(span, found, np.concatenate([none, *times]), np.concatenate([none, *hits]), bound, full=full)


def _slice(span: Span, found: list[Line], seen: Times, hits: Times, bound: int | None, *, full: bool) -> Slice:
    back, stop, more = span.back, found[-1].stamp if found else None, bound is not None
    if full:
        more = more or len(hits) > len(found)
    elif bound is not None:
        stop = (bound + back, "", 0, 0)
    scanned = nearer(seen, stop if full or more else None, found, back=back)
    latest = [(int(seen.max()), "", 0, 0)] if len(seen) else []
    newest = max([*latest, *(line.stamp for line in found)], default=None)
    if back:
        found.reverse()
        after = span.before or (None if newest is None else cursor(newest))
        before = cursor(stop) if more and stop is not None else None
    else:
        ends = stop if more else newest
        edge = span.after or span.at or cursor((span.since or 0, "", 0, 0))
        after = edge if ends is None else cursor(ends)
        before = cursor(found[0].stamp) if found else edge
    times: list[int] = []
    if not span.limit:
        inside = hits if bound is None else hits[hits > bound if back else hits < bound]
        times = np.sort(inside).tolist()
    return Slice(found, before, after, scanned, len(found) if span.limit else len(times), more, times, seen)


def nearer(seen: Times, stop: Stamp | None, found: Sequence[Line], *, back: bool) -> int:
    """How many lines were looked at up to `stop`, by their times; of those of its own time the ones that were found,
    and all where it is no line but a bound to which a walk back has come."""
    if stop is None:
        return len(seen)
    count = int(np.count_nonzero(seen > stop[0] if back else seen < stop[0]))
    if stop[1]:
        return count + sum(line.time == stop[0] for line in found)
    return count + int(np.count_nonzero(seen == stop[0])) * back
