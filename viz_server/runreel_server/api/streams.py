"""`/runs/ID/series`, `/logs`, `/density`, `/marks`: what is cut from streams."""

from __future__ import annotations

from typing import Any

from runreel_server.api.parameters import ANY_TEXT, NUMBER, TEXT, TIME, Parameter, one_of, whole
from runreel_server.api.routes import Route
from runreel_server.charts import AXES
from runreel_server.problems import Problem
from runreel_server.queries.lines import DEFAULT, MOST, Wanted
from runreel_server.queries.series import WIDEST, View
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

_LOGS = (
    Parameter("step", "only this step; may repeat; empty: the run's own lines", ANY_TEXT, many=True),
    Parameter("after", "a cursor: what follows it", TEXT),
    Parameter("before", "a cursor: what precedes it", TEXT),
    Parameter("until", "only lines up to this moment", TIME),
    Parameter("level", "only this level; may repeat", TEXT, many=True),
    Parameter("q", "only lines with this text, whatever its case", TEXT),
    Parameter("limit", "the most lines to answer", whole(1, MOST), default=DEFAULT),
)

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


def routes(source: Source) -> list[Route]:
    """The routes of streams."""

    def series(query: dict[str, Any], run: str) -> Any:
        view = View(query["x"], query["from"], query["to"], query["width"], query["until"])
        return source.series([run, *query["run"]], query["key"], view)

    def logs(query: dict[str, Any], run: str) -> Any:
        if query["after"] is not None and query["before"] is not None:
            raise Problem(400, f"after={query['after']!r} and before={query['before']!r}: give one of them")
        steps = frozenset(step or None for step in query["step"]) or None
        levels = frozenset(one for level in query["level"] for one in (level, level.upper(), level.lower())) or None
        asked = {name: query[name] for name in ("after", "before", "until", "q", "limit")}
        return source.lines(run, Wanted(steps=steps, levels=levels, **asked))

    def density(query: dict[str, Any], run: str) -> Any:
        live = source.live(run)
        if len(query["step"]) > MOST_LANES:
            raise Problem(400, f"step is given {len(query['step'])} times: give it {MOST_LANES} times, or use group=")
        first, last = source.moments.span(live)
        span = (first if query["from"] is None else query["from"], last if query["to"] is None else query["to"])
        if span[1] < span[0]:
            raise Problem(400, f"to={query['to']} is before from={query['from']}: give a moment after it")
        return source.strips.density(live, query["of"], query["width"], query["step"], query["group"], span)

    def marks(query: dict[str, Any], run: str) -> Any:
        kinds = query["kind"] or KINDS
        live = source.live(run)
        return {"marks": source.strips.marks(live, kinds, query["after"], query["before"], query["limit"])}

    return [
        Route("GET", "/runs/{run}/series", "Points of series, as many as pixels need.", "Series", series, _SERIES),
        Route("GET", "/runs/{run}/logs", "A slice of the log.", "Lines", logs, _LOGS),
        Route("GET", "/runs/{run}/density", "Counts a time bucket.", "Density", density, _DENSITY),
        Route("GET", "/runs/{run}/marks", "Moments of interest.", "Marks", marks, _MARKS),
    ]
