"""Log events as sources of lines: those of one segment, read as they are asked for, and those that are in memory."""

from __future__ import annotations

import io
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from typing import BinaryIO, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runreel.events import LOGS, Logs
from runreel.state.intervals import Intervals, holds
from runreel_consumers.archive.columns import KINDS
from runreel_consumers.archive.dedupe import first_of_each
from runreel_consumers.archive.lines import Blocks, Found, Line, Look, Times, choose, joined
from runreel_consumers.archive.log import Log, Piece
from runreel_consumers.archive.matching import Match
from runreel_consumers.archive.segment import WHOLE
from runreel_consumers.distinct import distinct

COLUMNS: Final = ("time", "since", "session", "seq", "subject", "execution", "rows")
"""The log's columns by which lines are found; `data` is read where they are shown."""

_KIND: Final = (KINDS[LOGS],)
_decoder = msgspec.json.Decoder(Logs)


class Said(msgspec.Struct):
    """A log event: who said it, by how many microseconds its times are corrected, and its lines."""

    session: str
    seq: int
    subject: str | None
    execution: str | None
    shift: int
    logs: Logs


class SaidColumns:
    """The lines of some log events as columns."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._said = said
        self._counts = counts = [min(len(one.logs.time), len(one.logs.level), len(one.logs.text)) for one in said]
        self._event = np.repeat(np.arange(len(said)), counts)
        self._first = np.cumsum([0, *counts])
        empty = np.zeros(0, np.int64)
        self.time = np.concatenate(
            [empty, *(np.array(one.logs.time[:n], np.int64) + one.shift for one, n in zip(said, counts, strict=True))]
        )

    def stamps(self, rows: Times) -> list[tuple[str, int, int]]:
        """Session, seq and row."""
        return [(one.session, one.seq, row) for one, row in self._places(rows)]

    def matches(self, match: Match, rows: Times) -> npt.NDArray[np.bool_]:
        """Which ones match."""
        kept = np.ones(len(rows), np.bool_)
        if match.levels is not None:
            kept = match.level(self._column("level", rows))
        if match.of_text and kept.any():
            kept[kept] = match.text(self._column("text", rows[kept]))
        return kept

    def _column(self, name: Literal["level", "text"], rows: Times) -> pa.Array:
        parts = (getattr(one.logs, name)[:count] for one, count in zip(self._said, self._counts, strict=True))
        whole = pa.array(list(chain.from_iterable(parts)), pa.string())
        return whole if len(rows) == len(whole) else whole.take(pa.array(rows))

    def lines(self, rows: Times, width: int | None) -> list[Line]:
        """The lines, their texts cut to so many characters."""
        return [_line(one, row, width) for one, row in self._places(rows)]

    def _places(self, rows: Times) -> Iterator[tuple[Said, int]]:
        events = self._event[rows]
        for event, row in zip(events.tolist(), (rows - self._first[events]).tolist(), strict=True):
            yield self._said[event], row


def _line(said: Said, row: int, width: int | None) -> Line:
    logs, text = said.logs, said.logs.text[row]
    length = 0
    if width is not None and len(text) > width:
        text, length = text[:width], len(text)
    more = logs.more and row == len(logs.text) - 1
    where = (said.subject, said.execution, said.session, said.seq, row)
    return Line(logs.time[row] + said.shift, logs.level[row], text, logs.stream, *where, logs.escaped, more, length)


class HeldLines:
    """Log events that are in memory: a source of lines.

    Args:
        said: each once.
    """

    def __init__(self, said: Sequence[Said]) -> None:
        self._said = [one for one in said if one.logs.time]
        since = [min(one.logs.time) + one.shift for one in self._said]
        until = [max(one.logs.time) + one.shift for one in self._said]
        sizes = [sum(map(len, one.logs.text)) for one in self._said]
        rows = [len(one.logs.time) for one in self._said]
        self._blocks = Blocks(*(np.array(column, np.int64) for column in (since, until, sizes, rows)))
        self.since, self.until = min(since, default=0), max(until, default=0)

    def blocks(self) -> Blocks:
        """One for each event."""
        return self._blocks

    def read(self, blocks: Sequence[int], look: Look) -> Found:
        """The lines of some events."""
        return choose(SaidColumns([self._said[block] for block in blocks]), look)

    def release(self) -> None:
        """There is nothing to let go of."""


class Known:
    """Which events of a walk were met already: of copies one is read.

    Args:
        stored: the seqs of each session that are known from elsewhere.
    """

    def __init__(self, stored: Mapping[str, Intervals] | None = None) -> None:
        self.stored = stored or {}
        self._seen: set[tuple[str, int]] = set()

    def new(self, session: str, seq: int) -> bool:
        """Whether this is the first time; from now on it is not."""
        if (session, seq) in self._seen:
            return False
        self._seen.add((session, seq))
        return True


class EventLines:
    """The log events of a run in one segment: a source of lines.

    Args:
        log: reads segments.
        piece: which rows.
        steps: only events of these; None: of all.
        offsets: clock offsets by session, microseconds.
        known: shared by the sources of one walk.
        kept: the positions' offsets that count, where that is not for `known` to say.
    """

    def __init__(
        self,
        log: Log,
        piece: Piece,
        steps: frozenset[str | None] | None,
        offsets: Mapping[str, int],
        known: Known,
        kept: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self._log, self._piece, self._steps, self._offsets = log, piece, steps, offsets
        self._known, self._kept = known, kept
        self.since = piece.span.since + min([0, *offsets.values()])
        self.until = piece.span.until + max([0, *offsets.values()])
        self._rows = pa.table({})
        self._where = np.zeros(0, np.int64)
        self._open: BinaryIO | None = None
        self._file: pq.ParquetFile | None = None
        self._group: tuple[int, pa.Array] | None = None

    @property
    def key(self) -> Hashable:
        """What its lines follow from, where `kept` was given and nothing is known from elsewhere."""
        kept = None if self._kept is None else self._kept.tobytes()
        return (self._piece.segment, self._piece.span.start, kept, self._steps, frozenset(self._offsets.items()))

    def blocks(self) -> Blocks:
        """One for each event that counts."""
        whole = msgspec.structs.replace(self._piece, low=0, high=self._piece.span.last)
        found = self._log.table(whole, _KIND, COLUMNS)
        offset = found.column("offset").to_numpy()
        mask = (offset >= self._piece.low) & (offset <= self._piece.high) & (found.column("rows").to_numpy() > 0)
        if self._kept is not None:
            mask &= np.isin(offset, self._kept)
        if self._steps is not None:
            mask &= pc.is_in(found.column("subject"), pa.array(list(self._steps), pa.string())).to_numpy()
        if self._known.stored and mask.any():
            names = zip(found.column("session").to_pylist(), found.column("seq").to_pylist(), strict=True)
            mask &= np.array([not holds(self._known.stored.get(session, []), seq) for session, seq in names])
        self._where = first_of_each(found, np.flatnonzero(mask))
        self._rows = found.take(pa.array(self._where))
        time = self._rows.column("time").cast(pa.int64()).to_numpy()
        since = pc.coalesce(self._rows.column("since"), self._rows.column("time")).cast(pa.int64()).to_numpy()
        if self._offsets:
            shift = shifts(self._rows.column("session"), self._offsets)
            time, since = time + shift, since + shift
        rows = self._rows.column("rows").to_numpy()
        self._blocks = Blocks(np.minimum(time, since), time, self._sizes(), rows)
        return self._blocks

    def read(self, blocks: Sequence[int], look: Look) -> Found:
        """The lines of some events, a row group after another: memory is one's."""
        rows = np.sort(np.asarray(blocks, np.int64))
        groups = np.searchsorted(self._ends, self._first + self._where[rows], "right")
        return joined(self._found(group, rows[groups == group], look) for group in distinct(groups).tolist())

    def _found(self, group: int, rows: Times, look: Look) -> Found:
        data = self._data(group, rows)
        passed: list[Times] = []
        if look.match.levels is not None:
            may = look.match.level_in(data)
            passed = [self._spread(row, look) for row in rows[~may].tolist()]
            data, rows = data.filter(pa.array(may)), rows[may]
        found = choose(SaidColumns(list(self._said(data, rows))), look)
        return found._replace(times=np.concatenate([found.times, *passed]))

    def _spread(self, row: int, look: Look) -> Times:
        """About when the lines of an event were said that need not be read."""
        since, until, _, rows = (int(column[row]) for column in self._blocks)
        times = np.linspace(since, until, rows).astype(np.int64)
        return look.beyond(times)

    def release(self) -> None:
        """Close the segment."""
        if self._open is not None:
            self._open.close()
        self._open = self._file = self._group = None

    def _sizes(self) -> Times:
        file = self._opened()
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        column = file.schema_arrow.get_field_index("data")
        self._first = self._piece.span.bounds(_KIND)[0]
        self._ends = np.cumsum([group.num_rows for group in groups])
        size = [group.column(column).total_uncompressed_size // max(1, group.num_rows) for group in groups]
        where = np.searchsorted(self._ends, self._first + self._where, "right")
        return np.array([*size, 0], np.int64)[where]

    def _opened(self) -> pq.ParquetFile:
        if self._file is None:
            segment = self._piece.segment
            small = 0 < segment.size <= WHOLE
            self._open = io.BytesIO(self._log.store.get(segment.key)) if small else self._log.store.open(segment.key)
            self._file = pq.ParquetFile(self._open)
        return self._file

    def _data(self, group: int, rows: Times) -> pa.Array:
        if self._group is None or self._group[0] != group:
            found = self._opened().read_row_group(group, columns=["data"], use_threads=False)
            self._group = (group, found.column("data").combine_chunks())
        base = self._first - (int(self._ends[group - 1]) if group else 0)
        return self._group[1].take(pa.array(self._where[rows] + base))

    def _said(self, data: pa.Array, rows: Times) -> Iterator[Said]:
        chosen = self._rows.take(pa.array(rows))
        names = ("session", "seq", "subject", "execution")
        said = zip(data.to_pylist(), *(chosen.column(name).to_pylist() for name in names), strict=True)
        for text, session, seq, subject, execution in said:
            if self._kept is None and not self._known.new(session, seq):
                continue
            try:
                logs = _decoder.decode(text)
            except msgspec.DecodeError:
                continue
            yield Said(session, seq, subject, execution, self._offsets.get(session, 0), logs)


def shifts(sessions: pa.ChunkedArray, offsets: Mapping[str, int]) -> Times:
    """By how many microseconds the times of these sessions are corrected."""
    return np.array([offsets.get(session, 0) for session in sessions.to_pylist()], np.int64)
