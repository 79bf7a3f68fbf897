"""`/runs/ID/series`, `/logs`, `/density`, `/marks`: what is cut from streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.datastructures import MultiDict

from runreel.codec import iso
from runreel_consumers.archive.density import Buckets
from runreel_consumers.archive.lines import Line, Span
from runreel_consumers.archive.matching import Match
from runreel_server.api.parameters import ANY_TEXT, NUMBER, PLACE, TEXT, TIME, Parameter, one_of, read, whole
from runreel_server.api.routes import Route
from runreel_server.charts import AXES, View
from runreel_server.problems import Problem
from runreel_server.queries.lines import DEFAULT, MOST, Wanted
from runreel_server.queries.series import WIDEST
from runreel_server.queries.source import Source
from runreel_server.queries.strips import KINDS, MOST_LANES, MOST_MARKS, OF
from runreel_server.queries.strips import WIDEST as MOST_BUCKETS

_SERIES = (
    Parameter("key", "STEP:NAME or STEP#2:NAME, percent-encoded; may repeat", TEXT, many=True, required=True),
    Parameter("run", "further runs to compare; their keys are answered as RUN:KEY", TEXT, many=True),
    Parameter("x", "the axis: index, seconds since the run's start, or time", one_of(AXES), default="at"),
    Parameter("from", "the axis' left edge", NUMBER),
    Parameter("to", "the axis' right edge", NUMBER),
    Parameter("width", "pixels that the line is drawn on", whole(1, WIDEST), default=800),
    Parameter("until", "points after this moment are not there", TIME),
)

_WANTED = (
    Parameter("step", "only this step; may repeat; empty: the run's own lines", ANY_TEXT, many=True),
    Parameter("under", "this step and what lies in it; a `*` stands for a number; may repeat", TEXT, many=True),
    Parameter("until", "only lines up to this moment", TIME),
    Parameter("level", "only this level, whatever its case; may repeat", TEXT, many=True),
    Parameter("q", "only lines with this text, whatever its case", TEXT),
    Parameter("regex", "only lines in which this regular expression (RE2) is found", TEXT),
)

_BEFORE = Parameter("before", "a cursor: what precedes it", TEXT)

_LOGS = (
    *_WANTED,
    Parameter("after", "a cursor: what follows it", TEXT),
    _BEFORE,
    Parameter("from", "what follows this moment, and what was said at it", TIME),
    Parameter("around", "what lies on both sides of this cursor or moment", PLACE),
    Parameter("limit", "the most lines to answer", whole(1, MOST), default=DEFAULT),
    Parameter("width", "the most characters of a text; `length` says how many a longer one has", whole(1, 1 << 24)),
    Parameter("overwritten", "lines that a carriage return ends and the next one overwrites", one_of(("keep", "drop")),
              default="keep"),
)  # fmt: skip

_DENSITY = (
    Parameter("of", "what is counted", one_of(OF), default="events"),
    Parameter("width", "how many buckets", whole(1, MOST_BUCKETS), default=800),
    Parameter("step", f"a lane for this step; may repeat, {MOST_LANES} at most", TEXT, many=True),
    Parameter("group", "a lane for each path's first so many segments", whole(1, 32)),
    Parameter("from", "the left edge; absent: the run's first event", TIME),
    Parameter("to", "the right edge; absent: the run's last event", TIME),
)

_MARKS = (
    Parameter("kind", "which moments; may repeat; absent: all", one_of(KINDS), many=True),
    Parameter("after", "those after this moment, the next one first", TIME),
    Parameter("before", "those before this moment, the last one first", TIME),
    Parameter("limit", "the most to answer", whole(1, MOST_MARKS), default=100),
)


def wanted(query: dict[str, Any], *, settled: bool = False) -> Wanted:
    """Which lines a query is for."""
    steps = frozenset(step or None for step in query["step"]) or None
    return Wanted(
        steps, tuple(query["under"]), Match(frozenset(query["level"]) or None, query["q"], query["regex"]), settled
    )


TEXT_PARAMETERS = _WANTED
"""Of the log as text, which `asgi` streams."""


def all_lines(source: Source) -> Callable[[str, MultiDict[str, str]], Iterator[list[Line]]]:
    """Answers the lines of a run that a query is for, from the first to the last."""

    def lines(run: str, query: MultiDict[str, str]) -> Iterator[list[Line]]:
        values = read(TEXT_PARAMETERS, query)
        return source.lines_.slices(source.live(run), Span(since=0, until=values["until"], limit=MOST), wanted(values))

    return lines


TABLE_PARAMETERS = _SERIES[:1]
"""Of series as a table, which `asgi` streams."""


def all_points(source: Source) -> Callable[[str, MultiDict[str, str]], Iterator[str]]:
    """Answers all points of the series of a run that a query is for, as CSV."""
    return lambda run, query: source.series_.table(source.live(run), read(TABLE_PARAMETERS, query)["key"])


def routes(source: Source) -> list[Route]:
    """The routes of streams."""

    def series(query: dict[str, Any], run: str) -> Any:
        view = View(query["x"], query["from"], query["to"], query["width"], query["until"])
        return source.series([run, *query["run"]], query["key"], view)

    def logs(query: dict[str, Any], run: str) -> Any:
        given = {name: query[name] for name in ("after", "before", "from", "around") if query[name] is not None}
        if len(given) > 1:
            raise Problem(
                400, f"{' and '.join(f'{name}={value!r}' for name, value in given.items())}: give one of them"
            )
        edges = {name: query[name] for name in ("after", "before", "until", "limit", "width")}
        span, which = Span(since=query["from"], **edges), wanted(query, settled=query["overwritten"] == "drop")
        if query["around"] is not None:
            return source.lines_.around(source.live(run), query["around"], span, which)
        return source.lines_.slice(source.live(run), span, which)

    def hits(query: dict[str, Any], run: str) -> Any:
        span = Span(before=query["before"], until=query["until"])
        return source.lines_.hits(source.live(run), span, wanted(query))

    def density(query: dict[str, Any], run: str) -> Any:
        live = source.live(run)
        if len(query["step"]) > MOST_LANES:
            raise Problem(400, f"step is given {len(query['step'])} times: give it {MOST_LANES} times, or use group=")
        given = (query["from"], query["to"])
        first, last = source.strips.span(live) if None in given else given
        span = (first if query["from"] is None else query["from"], last if query["to"] is None else query["to"])
        if span[1] < span[0]:
            raise Problem(400, f"to={iso(span[1])} is before from={iso(span[0])}: give a moment after it")
        if query["of"] == "events" or query["step"] or query["group"]:
            return source.strips.density(live, query["of"], query["width"], query["step"], query["group"], span)
        total = source.lines_.counts(live, query["of"], Buckets(*span, query["width"])).tolist()
        return {"from": iso(span[0]), "to": iso(span[1]), "width": query["width"], "total": total, "lanes": {}}

    def marks(query: dict[str, Any], run: str) -> Any:
        kinds = query["kind"] or KINDS
        live = source.live(run)
        return source.strips.marks(live, kinds, query["after"], query["before"], query["limit"])

    return [
        Route("GET", "/runs/{run}/series", "Points of series, as many as pixels need.", "Series", series, _SERIES),
        Route("GET", "/runs/{run}/logs", "A slice of the log.", "Lines", logs, _LOGS),
        Route("GET", "/runs/{run}/hits", "When the lines that match were said.", "Hits", hits, (*_WANTED, _BEFORE)),
        Route("GET", "/runs/{run}/density", "Counts a time bucket.", "Density", density, _DENSITY),
        Route("GET", "/runs/{run}/marks", "Moments of interest.", "Marks", marks, _MARKS),
    ]
