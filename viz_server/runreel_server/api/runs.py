"""`/runs`, `/experiments`, `/health`: lists and states."""

from __future__ import annotations

from typing import Any

from runreel_server.api.parameters import TEXT, TIME, Parameter, one_of, whole
from runreel_server.api.routes import Route
from runreel_server.graph import ENDED
from runreel_server.queries.lists import DEFAULT, MOST, SORTS, Query
from runreel_server.queries.source import Source

STATES = ("PENDING", "RUNNING", "STALLED", *sorted(ENDED))

_AT = Parameter("at", "the moment to look at; absent: now", TIME)

_LIST = (
    Parameter("workspace", "only this workspace", TEXT),
    Parameter("experiment", "only this experiment", TEXT),
    Parameter("pipeline", "only this pipeline", TEXT),
    Parameter("state", "only this state", one_of(STATES)),
    Parameter("tag", "only runs with this tag: KEY or KEY=VALUE", TEXT, many=True),
    Parameter("q", "only runs with this text in id, pipeline, experiment, owner or tags", TEXT),
    Parameter("sort", f"{', '.join(SORTS)}, metric:STEP:NAME or param:KEY, with - downwards", TEXT, default="-started"),
    Parameter("limit", "the most runs to answer", whole(1, MOST), default=DEFAULT),
    Parameter("cursor", "`next` of the answer before", TEXT),
)


def routes(source: Source) -> list[Route]:
    """The routes of lists and states."""

    def runs(query: dict[str, Any]) -> Any:
        return source.lists.list(Query(**{**query, "tag": tuple(query["tag"])}))

    def experiments(query: dict[str, Any]) -> Any:
        return source.lists.experiments(query["workspace"])

    def state(query: dict[str, Any], run: str) -> Any:
        return source.state(run, query["at"])

    def delta(query: dict[str, Any], run: str) -> Any:
        return source.delta(run, query["from"], query["at"])

    def graph(query: dict[str, Any], run: str) -> Any:
        return source.graph(run, query["at"], query["fold"])

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
    ]
