"""What the timeline's strip and rail show: counts a time bucket, and moments of interest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, get_args
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runreel import events as ev
from runreel.codec import iso, parse_time, payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.state import RUN, Offsets, corrected
from runreel.state.sums import ERRORS
from runreel_consumers.archive.event_lines import shifts
from runreel_consumers.archive.lines import Span
from runreel_consumers.archive.matching import Match
from runreel_server.charts import density
from runreel_server.feed import LiveRun
from runreel_server.queries.lines import LineQuery, Wanted
from runreel_server.queries.moments import Moments

Of = Literal["events", "lines", "errors"]
Kind = Literal["error", "artifact", "state", "gap"]
OF: Final[tuple[Of, ...]] = get_args(Of)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

MOST_LANES: Final = 100
MOST_MARKS: Final = 1_000
WIDEST: Final = 10_000
_TEXT: Final = 200
_ECHO: Final = 1_000_000  # µs within which an exception has passed through all steps around it

_MARKED: Final = frozenset({ev.RUN_STARTED, ev.RUN_FINISHED, ev.STEP_STARTED, ev.STEP_FINISHED, ev.ARTIFACT})
_ERRORS: Final = Wanted(match=Match(ERRORS))

MOST_KEPT: Final = 1_000_000
"""Times of one run that are kept; 16 bytes each."""

Json = dict[str, Any]
Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Rows(NamedTuple):
    """What is counted: when each was said, the number of its step, and the steps' paths by number."""

    times: Numbers
    steps: Numbers
    paths: list[str]


class Mark(msgspec.Struct, frozen=True, order=True):
    """A moment of interest: `time` in µs since 1970, what it is in few words, and where."""

    time: int
    kind: Kind
    step: str
    text: str
    state: str = ""
    artifact: str = ""

    def said(self) -> Json:
        """As JSON."""
        return {
            "time": iso(self.time),
            "kind": self.kind,
            "step": self.step or None,
            "text": self.text,
            "state": self.state or None,
            "artifact": self.artifact or None,
        }


class StripQuery:
    """Answers counts and marks. Safe for threads.

    Args:
        moments: have the runs' events.
        lines: find error lines without a look at the others.
    """

    def __init__(self, moments: Moments, lines: LineQuery) -> None:
        self._moments, self._log = moments, lines
        self._known: WeakKeyDictionary[LiveRun, dict[Of, tuple[tuple[str, int], Rows]]] = WeakKeyDictionary()

    def density(
        self, live: LiveRun, of: Of, width: int, steps: Sequence[str], group: int | None, span: tuple[int, int]
    ) -> Json:
        """`{from, to, width, total: [], lanes: {step: []}}`: counts in `width` equal buckets of time.

        Args:
            live: the run.
            of: events (a batch counts once), lines, or error lines.
            width: how many buckets.
            steps: whose lanes are wanted; what lies in a step counts in its lane.
            group: lanes of the paths' first so many segments instead, the fullest 100.
            span: from when to when, in µs.
        """
        times, numbers, paths = self._rows(live, of)
        wanted: dict[str, set[int]] = {}
        if group is not None:
            for number, path in enumerate(paths):
                wanted.setdefault("/".join(path.split("/")[:group]), set()).add(number)
            wanted.pop("", None)
            counted = np.bincount(numbers, minlength=len(paths))
            full = sorted(wanted, key=lambda lane: -sum(counted[list(wanted[lane])]))[:MOST_LANES]
            wanted = {lane: wanted[lane] for lane in sorted(full)}
        for step in steps:
            wanted[step] = {n for n, path in enumerate(paths) if path == step or path.startswith(f"{step}/")}
        lanes = {
            lane: density(times[np.isin(numbers, list(inside))], *span, width).tolist()
            for lane, inside in wanted.items()
        }
        total = density(times, *span, width).tolist()
        return {"from": iso(span[0]), "to": iso(span[1]), "width": width, "total": total, "lanes": lanes}

    def span(self, live: LiveRun) -> tuple[int, int]:
        """When the run's first and last events were said, in µs by the broker's clock; heartbeats aside."""
        times = self._rows(live, "events").times
        return (int(times.min()), int(times.max())) if len(times) else self._moments.span(live)

    def _rows(self, live: LiveRun, of: Of) -> Rows:
        """The times, and the paths of the steps, of all that is counted: kept until more comes, because a page asks for
        their counts at each moment that it shows."""
        with live.lock:
            mark = live.at, live.state.record.events
            known = self._known.get(live, {}).get(of)
        if known is not None and known[0] == mark:
            return known[1]
        rows = self._read(live, of)
        if len(rows.times) <= MOST_KEPT:
            with live.lock:
                self._known.setdefault(live, {})[of] = mark, rows
        return rows

    def _read(self, live: LiveRun, of: Of) -> Rows:
        if of == "events":
            found = self._moments.envelopes(live)
            steps = pc.dictionary_encode(pc.fill_null(found.column("subject"), "").combine_chunks())
            times = found.column("time").cast(pa.int64()).to_numpy()
            if offsets := live.clocks():  # in nearly every run no clock is corrected
                times = times + shifts(found.column("session"), offsets)
            return Rows(times, steps.indices.to_numpy().astype(np.int64), steps.dictionary.to_pylist())
        clocks = live.state.record.offsets
        said: list[int] = []
        numbers: list[int] = []
        paths: dict[str, int] = {}
        seen = set()
        for event in self._moments.events(live, frozenset({ev.LOGS})):
            if (event.session, event.seq) in seen:
                continue
            seen.add((event.session, event.seq))
            rows = [when for when, level, _ in _lines(event, clocks) if of == "lines" or level in ERRORS]
            said += rows
            numbers += [paths.setdefault(event.subject or "", len(paths))] * len(rows)
        return Rows(np.array(said, np.int64), np.array(numbers, np.int64), list(paths))

    def marks(self, live: LiveRun, kinds: Iterable[Kind], after: int | None, before: int | None, limit: int) -> Json:
        """`{marks, counts}`: the moments of interest, nearest first, and how many of each kind the run has.

        They begin after a moment (µs), before one, or with the run's start.
        """
        wanted, structure = frozenset(kinds), self._marks(live)
        said = {mark for mark in structure if mark.kind in wanted}
        if "error" in wanted:
            said.update(self._error_lines(live, after, before, limit))
        if "gap" in wanted:
            said.update(self._gaps(live))
        found = sorted(said)
        if after is not None:
            found = [mark for mark in found if mark.time > after]
        if before is not None:
            found = [mark for mark in found if mark.time < before]
        if before is not None and after is None:
            found.reverse()
        return {"marks": [mark.said() for mark in found[:limit]], "counts": self._counts(live, structure)}

    def _counts(self, live: LiveRun, structure: Iterable[Mark]) -> dict[Kind, int]:
        """How many there are of each kind; no line is read for it."""
        counted = Counter[Kind](mark.kind for mark in structure)
        with live.lock:
            counted["error"] += live.tally.level_count(ERRORS)
            counted["gap"] = len((live.state.view_part(RUN) or {}).get("missing", ()))
        return {kind: counted[kind] for kind in KINDS}

    def _marks(self, live: LiveRun) -> set[Mark]:
        """Those that the run's structure tells."""
        found: set[Mark] = set()
        for event in self._moments.events(live, _MARKED):
            with live.lock:
                offsets = live.state.record.offsets
                ended = event.type == ev.STEP_FINISHED
                told = ended and live.tally.lines(event.subject or "", event.execution, offsets)["error"]
            found.update(_marks_of(event, offsets, told or ""))
        return _once(found)

    def _error_lines(self, live: LiveRun, after: int | None, before: int | None, limit: int) -> Iterator[Mark]:
        """The error lines nearest to where the marks begin; of the others no text is read, and after the last one that
        the run has nothing is looked through."""
        with live.lock:
            limit = min(limit, live.tally.level_count(ERRORS))
        if not limit:
            return
        if after is None and before is not None:
            span = Span(until=before - 1, limit=limit, width=_TEXT)
        else:
            span = Span(since=0 if after is None else after + 1, limit=limit, width=_TEXT)
        found = (
            line for lines in self._log.slices(live, span, _ERRORS) for line in (lines[::-1] if span.back else lines)
        )
        for line in islice(found, limit):
            yield Mark(line.time, "error", line.subject or "", line.text[:_TEXT])

    def _gaps(self, live: LiveRun) -> Iterator[Mark]:
        """What is missing, at the moment of what its session said next to it."""
        with live.lock:
            run = live.state.view_part(RUN) or {}
            offsets = live.state.record.offsets
        edges = {(gap["session"], seq) for gap in run["missing"] for seq in (gap["from"] - 1, gap["to"] + 1)}
        if not edges:
            return
        said = self._moments.envelopes(live).select(("session", "seq", "time"))
        said = said.filter(pc.is_in(said.column("seq"), pa.array([seq for _, seq in edges], pa.int32())))
        said = said.set_column(2, "time", said.column("time").cast(pa.int64()))
        times = {
            (session, seq): corrected(offsets, session, when)
            for session, seq, when in zip(*(column.to_pylist() for column in said.columns), strict=True)
        }
        for gap in run["missing"]:
            session, first, last = gap["session"], gap["from"], gap["to"]
            near = times.get((session, last + 1)) or times.get((session, first - 1))
            with live.lock:
                step = (live.state.view_part(("session", session)) or {}).get("step") or ""
            begun = parse_time(run["started"] or iso(0))
            yield Mark(near or begun, "gap", step, f"events {first} to {last} of session {session}")


def _once(marks: set[Mark]) -> set[Mark]:
    """The marks without the errors of steps that failed of what a step inside them had just failed of."""
    inside: dict[tuple[str, str], list[int]] = {}
    for mark in marks:
        above = mark.step.rpartition("/")[0] if mark.kind == "state" and mark.state == "FAILED" else ""
        while above:
            inside.setdefault((above, mark.text), []).append(mark.time)
            above = above.rpartition("/")[0]

    def echo(mark: Mark) -> bool:
        times = inside.get((mark.step, mark.text), ()) if mark.kind == "error" else ()
        return any(0 <= mark.time - time <= _ECHO for time in times)

    return {mark for mark in marks if not echo(mark)}


def _marks_of(event: Event, offsets: Offsets, told: str) -> Iterator[Mark]:
    """What an event marks. A failure of which the step's last error line, `told`, tells is marked there."""
    when, path = corrected(offsets, event.session or "", event.time), event.subject or ""
    try:
        data = payload(event)
    except CodecError:
        return
    if event.type in (ev.STEP_FINISHED, ev.RUN_FINISHED):
        reason = data.error.message or data.error.type if data.error else ""
        yield Mark(when, "state", path, reason[:_TEXT] or data.state, data.state)
        if data.state == "FAILED" and event.type == ev.STEP_FINISHED and not (reason and reason in told):
            yield Mark(when, "error", path, reason[:_TEXT] or "failed", "FAILED")
    elif event.type in (ev.STEP_STARTED, ev.RUN_STARTED):
        yield Mark(when, "state", path, "started", "RUNNING")
    elif event.type == ev.ARTIFACT and data.role == "output":
        yield Mark(when, "artifact", path, data.name, artifact=data.id or f"{event.session}-{event.seq}")


def _lines(event: Event, offsets: Offsets) -> Iterator[tuple[int, str, str]]:
    try:
        data = payload(event)
    except CodecError:
        return
    for when, level, text in zip(data.time, data.level, data.text, strict=False):
        yield corrected(offsets, event.session or "", when), level.upper(), text
