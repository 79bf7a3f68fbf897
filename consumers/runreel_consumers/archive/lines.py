"""Log lines in slices: forwards or backwards from a cursor, filtered, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runreel.events import Logs

COLUMNS: Final = ("time", "since", "session", "seq", "subject", "execution", "rows")
"""The log's columns by which lines are found; `data` is read where they are shown."""

SCAN: Final = 100_000
"""The most lines that one slice of a search looks at."""

_FIRST_CHUNK: Final = 64
_decoder = msgspec.json.Decoder(Logs)

Stamp = tuple[int, str, int, int]
"""The place of a line in a run: time in microseconds since 1970, session, seq, row."""


class Line(msgspec.Struct, frozen=True):
    """One line of a run's log.

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
        time, session, seq, row = text.rsplit("-", 3) if text.count("-") > 3 else text.split("-")
        return (int(time), session, int(seq), int(row))
    except ValueError:
        raise ValueError(f"cursor {text!r} is none: take `before` or `after` of an answer") from None


class Source:
    """The log rows of one table, and how to get at their data.

    Args:
        rows: rows of kind logs with `COLUMNS`.
        data: answers the `data` of those rows, in the same order; asked at most once.
    """

    def __init__(self, rows: pa.Table, data: Callable[[], Sequence[str]]) -> None:
        self.rows, self._fetch = rows, data
        self._data: Sequence[str] | None = None

    def data(self, row: int) -> str:
        """What row number `row` says."""
        if self._data is None:
            self._data = self._fetch()
        return self._data[row]


class Events:
    """The log events of a run, from all their sources, each given once.

    Args:
        sources: where they are.
        keep: for each source which rows count, as a mask.
    """

    def __init__(self, sources: Sequence[Source], keep: Sequence[npt.NDArray[np.bool_]]) -> None:
        self._sources = sources
        where = [np.flatnonzero(mask) for mask in keep]
        self._source = np.repeat(np.arange(len(sources)), [len(rows) for rows in where])
        self._row = np.concatenate(where) if where else np.zeros(0, np.int64)
        tables = [source.rows.take(rows) for source, rows in zip(sources, where, strict=True)]
        whole = pa.concat_tables(tables) if tables else None
        self._session: list[str] = _values(whole, "session")
        self._seq: list[int] = _values(whole, "seq")
        self._subject: list[str | None] = _values(whole, "subject")
        self._execution: list[str | None] = _values(whole, "execution")
        self._until = _integers(whole, "time")
        self._since = _integers(whole, "since")
        self.total = int(_integers(whole, "rows").sum())

    def walk(self, start: Stamp | None, *, back: bool) -> Iterator[list[Line]]:
        """Lines before (`back`) or after `start`, or from the end or beginning; in blocks, nearest first.

        Each block is in the order of the walk. An event spans time, so a block is let go only when no event that is
        not yet read can have a line within it.
        """
        near, far = (self._until, self._since) if back else (self._since, self._until)
        sign = -1 if back else 1
        order = np.argsort(sign * near, kind="stable")
        if start is not None:
            order = order[sign * far[order] >= sign * start[0]]
        waiting: list[Line] = []
        at, chunk = 0, _FIRST_CHUNK
        while at < len(order):
            for event in order[at : at + chunk].tolist():
                waiting += self._lines(event)
            at, chunk = at + chunk, chunk * 2
            waiting.sort(key=lambda line: line.stamp, reverse=back)
            bound = sign * int(near[order[at]]) if at < len(order) else None
            ready = [line for line in waiting if bound is None or sign * line.time < bound]
            waiting = waiting[len(ready) :]
            if start is not None:
                ready = [line for line in ready if (line.stamp < start if back else line.stamp > start)]
            yield ready

    def _lines(self, event: int) -> Iterator[Line]:
        try:
            said = _decoder.decode(self._sources[self._source[event]].data(int(self._row[event])))
        except msgspec.DecodeError:
            return  # kept as said, but no lines
        last = len(said.text) - 1
        for row, (time, level, text) in enumerate(zip(said.time, said.level, said.text, strict=False)):
            yield Line(
                time,
                level,
                text,
                said.stream,
                self._subject[event],
                self._execution[event],
                self._session[event],
                self._seq[event],
                row,
                said.escaped,
                said.more and row == last,
            )


def cut(
    events: Events,
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
    start = None if edge is None else parse_cursor(edge)
    if back and until is not None and (start is None or start[0] > until):
        start = (until + 1, "", -1, -1)
    found: list[Line] = []
    scanned, first, last, ended = 0, None, None, True
    for line in (line for block in events.walk(start, back=back) for line in block):
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
    return Slice(found, oldest, newest, scanned, events.total, len(found))


def _values(whole: pa.Table | None, name: str) -> list[Any]:
    return [] if whole is None else list(whole.column(name).to_pylist())


def _integers(whole: pa.Table | None, name: str) -> npt.NDArray[np.int64]:
    if whole is None:
        return np.zeros(0, np.int64)
    answer: npt.NDArray[np.int64] = whole.column(name).cast(pa.int64()).to_numpy()
    return answer
