"""What the timeline's strip and rail show: counts a time bucket, and moments of interest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, get_args

import msgspec
import numpy as np

from runreel import events as ev
from runreel.codec import iso, parse_time, payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.state import Offsets, corrected
from runreel.state.tally import ERRORS
from runreel_server.charts import density
from runreel_server.feed import LiveRun
from runreel_server.queries.moments import Moments

Of = Literal["events", "lines", "errors"]
Kind = Literal["error", "artifact", "state", "gap"]
OF: Final[tuple[Of, ...]] = get_args(Of)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

MOST_LANES: Final = 100
MOST_MARKS: Final = 1_000
WIDEST: Final = 10_000
_TEXT: Final = 200

_ALL: Final = frozenset(ev.DATA) - {ev.HEARTBEAT}
_TYPES: Final[dict[Kind, frozenset[str]]] = {
    "error": frozenset({ev.LOGS, ev.STEP_FINISHED}),
    "artifact": frozenset({ev.ARTIFACT}),
    "state": frozenset({ev.RUN_STARTED, ev.RUN_FINISHED, ev.STEP_STARTED, ev.STEP_FINISHED}),
    "gap": _ALL,
}

Json = dict[str, Any]


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
    """

    def __init__(self, moments: Moments) -> None:
        self._moments = moments

    def density(
        self, live: LiveRun, of: Of, width: int, steps: Sequence[str], group: int | None, span: tuple[int, int] | None
    ) -> Json:
        """`{from, to, width, total: [], lanes: {step: []}}`: counts in `width` equal buckets of time.

        Args:
            live: the run.
            of: events (a batch counts once), lines, or error lines.
            width: how many buckets.
            steps: whose lanes are wanted; what lies in a step counts in its lane.
            group: lanes of the paths' first so many segments instead, the fullest 100.
            span: from when to when, in µs; None: from the run's first event to its last one.
        """
        times, paths = self._rows(live, of)
        span = span or self._moments.span(live)
        lanes: dict[str, list[int]] = {}
        if group is not None:
            lane_of = ["/".join(path.split("/")[:group]) for path in paths]
            full = [lane for lane, _ in Counter(lane for lane in lane_of if lane).most_common(MOST_LANES)]
            chosen = np.array(lane_of, dtype=object)
            lanes = {lane: density(times[chosen == lane], *span, width).tolist() for lane in sorted(full)}
        for step in steps:
            inside = np.fromiter((path == step or path.startswith(f"{step}/") for path in paths), np.bool_, len(paths))
            lanes[step] = density(times[inside], *span, width).tolist()
        total = density(times, *span, width).tolist()
        return {"from": iso(span[0]), "to": iso(span[1]), "width": width, "total": total, "lanes": lanes}

    def _rows(self, live: LiveRun, of: Of) -> tuple[Any, list[str]]:
        offsets = live.state.record.offsets
        times: list[int] = []
        paths: list[str] = []
        for event in self._moments.events(live, _ALL if of == "events" else frozenset({ev.LOGS})):
            if of == "events":
                rows = [corrected(offsets, event.session or "", event.time)]
            else:
                rows = [when for when, level, _ in _lines(event, offsets) if of == "lines" or level in ERRORS]
            times += rows
            paths += [event.subject or ""] * len(rows)
        return np.array(times, np.int64), paths

    def marks(
        self, live: LiveRun, kinds: Iterable[Kind], after: int | None, before: int | None, limit: int
    ) -> list[Json]:
        """The moments of interest, nearest first: after a moment (µs), before one, or from the run's start."""
        wanted = frozenset(kinds)
        types = frozenset[str]().union(*(_TYPES[kind] for kind in wanted))
        found = sorted(set(self._marks(live, wanted, types)))
        if after is not None:
            found = [mark for mark in found if mark.time > after]
        if before is not None:
            found = [mark for mark in found if mark.time < before]
        if before is not None and after is None:
            found.reverse()
        return [mark.said() for mark in found[:limit]]

    def _marks(self, live: LiveRun, kinds: frozenset[Kind], types: frozenset[str]) -> Iterator[Mark]:
        offsets = live.state.record.offsets
        times: dict[str, dict[int, int]] = {}
        for event in self._moments.events(live, types):
            if "gap" in kinds and event.seq is not None:
                when = corrected(offsets, event.session or "", event.time)
                times.setdefault(event.session or "", {})[event.seq] = when
            for mark in _marks_of(event, offsets):
                if mark.kind in kinds:
                    yield mark
        if "gap" in kinds:
            with live.lock:
                view = live.state.view()
            for gap in view["missing"]:
                known = times.get(gap["session"], {})
                near = known.get(gap["to"] + 1) or known.get(gap["from"] - 1) or parse_time(view["started"] or iso(0))
                step = view["sessions"][gap["session"]]["step"] or ""
                yield Mark(near, "gap", step, f"events {gap['from']} to {gap['to']} of session {gap['session']}")


def _marks_of(event: Event, offsets: Offsets) -> Iterator[Mark]:
    when, path = corrected(offsets, event.session or "", event.time), event.subject or ""
    try:
        data = payload(event)
    except CodecError:
        return
    if event.type == ev.LOGS:
        for moment, level, text in _lines(event, offsets):
            if level in ERRORS:
                yield Mark(moment, "error", path, text[:_TEXT])
    elif event.type in (ev.STEP_FINISHED, ev.RUN_FINISHED):
        reason = data.error.message or data.error.type if data.error else ""
        yield Mark(when, "state", path, reason[:_TEXT] or data.state, data.state)
        if data.state == "FAILED" and event.type == ev.STEP_FINISHED:
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
