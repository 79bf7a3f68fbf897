"""`/runs`, `/experiments`, `/health`: lists and states."""

from __future__ import annotations

from typing import Any

import msgspec

from runreel_server.api.parameters import TEXT, TIME, Kind, Parameter, one_of, whole
from runreel_server.api.routes import Route
from runreel_server.queries import lists
from runreel_server.queries.lists import DEFAULT, MOST, SORTS, STATES, Query
from runreel_server.queries.source import Source

_AT = Parameter("at", "the moment to look at; absent: now", TIME)
_SINCE = Kind({"type": "string", "examples": ["2026-11-22T09:00:00Z", "24h"]}, lists.since)

_LIST = (
    Parameter("workspace", "only this workspace", TEXT),
    Parameter("experiment", "only this experiment", TEXT),
    Parameter("pipeline", "only this pipeline", TEXT),
    Parameter("owner", "only this owner's", TEXT),
    Parameter("state", "only in this state, or in one of these", one_of(STATES), many=True),
    Parameter("tag", "only runs with this tag: KEY or KEY=VALUE", TEXT, many=True),
    Parameter("id", "only these runs", TEXT, many=True),
    Parameter("q", "only runs with this text in id, pipeline, experiment, owner, params or tags", TEXT),
    Parameter("since", "only runs that started at this moment or later: a time, a day, or how long ago (24h)", _SINCE),
    Parameter("until", "only runs that started before this moment", _SINCE),
    Parameter(
        "sort",
        f"{', '.join(SORTS)}, metric:STEP:NAME, param:KEY or tag:KEY, with - downwards; runs without it come last",
        TEXT,
        default="-started",
    ),
    Parameter("limit", "the most runs to answer", whole(1, MOST), default=DEFAULT),
    Parameter("cursor", "`next` of the answer before, with the same filters and sort", TEXT),
)


def routes(source: Source) -> list[Route]:
    """The routes of lists and states."""

    def runs(query: dict[str, Any]) -> Any:
        return source.lists.list(Query(**{**query, **{name: tuple(query[name]) for name in ("state", "tag", "id")}}))

    def experiments(query: dict[str, Any]) -> Any:
        return source.lists.experiments(query["workspace"])

    def state(query: dict[str, Any], run: str) -> Any:
        return msgspec.Raw(source.state_text(run, query["at"]))

    def delta(query: dict[str, Any], run: str) -> Any:
        return msgspec.Raw(source.delta_text(run, query["from"], query["at"]))

    def graph(query: dict[str, Any], run: str) -> Any:
        return source.graph(run, query["at"], query["fold"])

    def critical(query: dict[str, Any], run: str) -> Any:
        return source.critical(run, query["at"])

    fold = Parameter("fold", "`all`, `none`, or ids of what is unfolded", TEXT, many=True)
    between = (
        Parameter("from", "the moment that the client shows", TIME, required=True),
        Parameter("at", "the moment that it wants to show", TIME, required=True),
    )
    return [
        Route("GET", "/runs", "The list of runs.", "Runs", runs, _LIST),
        Route("GET", "/experiments", "Experiments with their last runs.", "Experiments", experiments, _LIST[:1]),
        Route("GET", "/health", "How the parts are.", "Health", lambda query: source.health()),
        Route("GET", "/runs/{run}", "The folded state of a run, now or at a moment.", "State", state, (_AT,)),
        Route(
            "GET",
            "/runs/{run}/delta",
            "The JSON merge patch (RFC 7396) from the state at one moment to that at another.",
            "Patch",
            delta,
            between,
        ),
        Route("GET", "/runs/{run}/graph", "The laid-out step graph.", "LaidOutGraph", graph, (fold, _AT)),
        Route(
            "GET", "/runs/{run}/critical", "The steps that decide how long it takes.", "CriticalPath", critical, (_AT,)
        ),
    ]
