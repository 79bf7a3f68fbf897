"""Log lines in slices: forwards or backwards from a cursor, filtered, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from runreel.events import Logs

COLUMNS: Final = ("time", "since", "session", "seq", "subject", "execution", "rows")
"""The log's columns by which lines are found; `data` is read where they are shown."""

SCAN: Final = 100_000
"""The most lines that one slice of a search looks at."""

_FIRST_CHUNK, _LARGEST_CHUNK = 64, 2_048
_decoder = msgspec.json.Decoder(Logs)

Stamp = tuple[int, str, int, int]
"""The place of a line in a run: time in microseconds since 1970, session, seq, row."""


class Line(msgspec.Struct, frozen=True):
    """One line of a run's log. `time` is corrected by the session's clock offset, where offsets were given.

    `escaped`: the text holds bytes that are not UTF-8 as `\\xNN`. `more`: the text goes on in the session's next event.
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
        total: how many lines the chosen steps have.
        hits: how many of the scanned ones match.
    """

    lines: list[Line]
    before: str | None
    after: str | None
    scanned: int
    total: int
    hits: int


def cursor(stamp: Stamp) -> str:
    """A stamp as an opaque text."""
    return "-".join(str(part) for part in stamp)


def parse_cursor(text: str) -> Stamp:
    """The stamp behind a cursor.

    Raises:
        ValueError: it is none.
    """
    try:
        time, rest = text.split("-", 1)
        session, seq, row = rest.rsplit("-", 2)
        return (int(time), session, int(seq), int(row))
    except ValueError:
        raise ValueError(f"cursor {text!r} is none: take `before` or `after` of an answer") from None


class Source(Protocol):
    """Lines in blocks: an event, or a group of stored rows. Block i has lines from `since[i]` to `until[i]`."""

    since: npt.NDArray[np.int64]
    until: npt.NDArray[np.int64]
    total: int

    def lines(self, block: int) -> list[Line]:
        """The lines of one block."""

    def release(self) -> None:
        """No more blocks are read: let go of what was kept for them."""


class EventLines:
    """The lines of one table of log events.

    Args:
        rows: rows of kind logs with `COLUMNS`.
        data: answers the `data` of those rows, in the same order.
        keep: which rows count, as a mask.
        offsets: clock offsets by session, microseconds.
    """

    def __init__(
        self, rows: pa.Table, data: Callable[[], Sequence[str]], keep: npt.NDArray[np.bool_], offsets: Mapping[str, int]
    ) -> None:
        self._fetch, self._where = data, np.flatnonzero(keep)
        kept = rows.take(self._where)
        self._session: list[str] = kept.column("session").to_pylist()
        self._seq: list[int] = kept.column("seq").to_pylist()
        self._subject: list[str | None] = kept.column("subject").to_pylist()
        self._execution: list[str | None] = kept.column("execution").to_pylist()
        self._shift = np.array([offsets.get(session, 0) for session in self._session], np.int64)
        self.until = kept.column("time").cast(pa.int64()).to_numpy() + self._shift
        self.since = pc.coalesce(kept.column("since"), kept.column("time")).cast(pa.int64()).to_numpy() + self._shift
        self.total = int(kept.column("rows").to_numpy().sum())
        self._data: Sequence[str] | None = None

    def lines(self, block: int) -> list[Line]:
        """The lines of one event; none where its data are not what they should be."""
        if self._data is None:
            self._data = self._fetch()
        try:
            said = _decoder.decode(self._data[int(self._where[block])])
        except msgspec.DecodeError:
            return []
        shift, last = int(self._shift[block]), len(said.text) - 1
        fixed = (self._subject[block], self._execution[block], self._session[block], self._seq[block])
        return [
            Line(time + shift, level, text, said.stream, *fixed, row, said.escaped, said.more and row == last)
            for row, (time, level, text) in enumerate(zip(said.time, said.level, said.text, strict=False))
        ]

    def release(self) -> None:
        """Let go of the data."""
        self._data = None


class Walk:
    """The lines of a run, from all their sources, in the order of their stamps.

    Args:
        sources: where they are; each line is in one of them.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._since = np.concatenate([np.zeros(0, np.int64), *(source.since for source in sources)])
        self._until = np.concatenate([np.zeros(0, np.int64), *(source.until for source in sources)])
        counts = [len(source.since) for source in sources]
        self._source = np.repeat(np.arange(len(sources)), counts)
        self._block = np.concatenate([np.zeros(0, np.int64), *(np.arange(count) for count in counts)])
        self._left = counts
        self.total = sum(source.total for source in sources)

    def blocks(self, start: Stamp | None, *, back: bool) -> Iterator[list[Line]]:
        """Lines before (`back`) or after `start`, or from the end or the beginning; nearest first.

        A block spans time, so lines are let go only when none that is still to be read can come before them. At most
        once for each `Walk`.
        """
        near, far = (self._until, self._since) if back else (self._since, self._until)
        sign = -1 if back else 1
        order = np.argsort(sign * near, kind="stable")
        if start is not None:
            order = order[sign * far[order] >= sign * start[0]]
        waiting: list[Line] = []
        at, chunk = 0, _FIRST_CHUNK
        while at < len(order):
            for block in order[at : at + chunk].tolist():
                waiting += self._lines(block)
            at, chunk = at + chunk, min(2 * chunk, _LARGEST_CHUNK)
            waiting.sort(key=lambda line: line.stamp, reverse=back)
            bound = sign * int(near[order[at]]) if at < len(order) else None
            ready = [line for line in waiting if bound is None or sign * line.time < bound]
            waiting = waiting[len(ready) :]
            if start is not None:
                ready = [line for line in ready if (line.stamp < start if back else line.stamp > start)]
            yield ready

    def close(self) -> None:
        """Let go of everything that was kept or opened."""
        for source in self._sources:
            source.release()

    def _lines(self, block: int) -> list[Line]:
        number = int(self._source[block])
        lines = self._sources[number].lines(int(self._block[block]))
        self._left[number] -= 1
        if not self._left[number]:
            self._sources[number].release()
        return lines


def cut(
    walk: Walk,
    *,
    after: str | None,
    before: str | None,
    until: int | None,
    matches: Callable[[Line], bool],
    limit: int,
    scan: int,
) -> Slice:
    """The slice that follows `after`, or precedes `before`, or is the end of the log.

    Raises:
        ValueError: a cursor is none, or both are given.
    """
    if after is not None and before is not None:
        raise ValueError("after and before exclude each other")
    back = after is None
    edge = after if before is None else before
    start: Any = None if edge is None else parse_cursor(edge)
    if back and until is not None and (start is None or start[0] > until):
        start = (until + 1, "", -1, -1)
    found: list[Line] = []
    scanned, first, last, ended = 0, None, None, True
    with closing(walk):
        for line in (line for block in walk.blocks(start, back=back) for line in block):
            if (not back and until is not None and line.time > until) or scanned >= scan or len(found) >= limit:
                ended = False
                break
            scanned, first, last = scanned + 1, first or line.stamp, line.stamp
            if matches(line):
                found.append(line)
    if back:
        found.reverse()
        newest = edge or (cursor(first) if first else None)
        oldest = None if ended or last is None else cursor(last)
    else:
        newest = cursor(last) if last else edge
        oldest = cursor(first) if first else edge
    return Slice(found, oldest, newest, scanned, walk.total, len(found))
