"""What a run is expected to do: the steps of its pipeline's last run that succeeded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from runreel.codec import MAX_EVENT, encode_data
from runreel.events import GRAPH, Event, Graph, GraphStep
from runreel.state import rules
from runreel_consumers.catalog import pipelines
from runreel_consumers.catalog.clock import service_event
from runreel_consumers.catalog.live import Live
from runreel_consumers.store import Store

Ended = Mapping[tuple[str, str], Sequence[pipelines.Took]]
"""Runs that have just succeeded, by workspace and pipeline."""

_MOST: Final = 1_000
_ROOM: Final = 10_000  # bytes of the envelope


class Learning:
    """Tells new runs what their pipelines did last.

    Args:
        store: where the catalog lies.
        load: folds a run from the archive; of one that was put away, its keyframe is all of it.
    """

    def __init__(self, store: Store, load: Callable[[str], Live]) -> None:
        self._store, self._load = store, load
        self._known: dict[tuple[str, str], tuple[str, Graph | None]] = {}

    def expected(self, live: Live, recent: Ended) -> Event | None:
        """The graph that a run is expected to have, as an event; None where nothing is to be said.

        A run that declares its own graph, is a replay, or has ended is told nothing, nor is one twice.

        Args:
            live: a run that has begun.
            recent: runs that have just ended, which may not be filed yet.
        """
        view = live.view()
        pipeline, workspace = view["pipeline"], view["workspace"]
        if not pipeline or view["origin"] is not None or view["finished"] is not None or view["started"] is None:
            return None
        if any(step.declared or step.expected for step in live.state.record.steps.values()):
            return None
        begun = rules.run(live.state.index).started
        took = [*pipelines.durations(self._store, workspace, pipeline).runs, *recent.get((workspace, pipeline), ())]
        last = next(reversed(pipelines.newest([one for one in took if one.finished <= view["started"]])), None)
        if last is None or begun is None:
            return None
        graph = self._graph((workspace, pipeline), last.run)
        if graph is None:
            return None
        outcome = f"{last.run} {hashlib.sha256(encode_data(graph)).hexdigest()}"
        return service_event(
            GRAPH, graph, run=live.run, workspace=workspace, subject="", outcome=outcome, cause=None, time=begun
        )

    def _graph(self, where: tuple[str, str], run: str) -> Graph | None:
        known = self._known.get(where)
        if known is None or known[0] != run:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[where] = (run, graph_of(self._load(run)))
        return known[1]


def ended(lives: Iterable[Live]) -> Ended:
    """Those of these runs that have succeeded, by workspace and pipeline."""
    found: dict[tuple[str, str], list[pipelines.Took]] = {}
    for live in lives:
        if rules.run(live.state.index).end is not None and (took := pipelines.took(live)) is not None:
            view = live.view()
            found.setdefault((view["workspace"], view["pipeline"]), []).append(took)
    return found


def graph_of(live: Live) -> Graph | None:
    """The steps that a run has begun, as a later one is expected to have them; None where there are none, or too many
    for one event even without those that lie in others."""
    index, steps = live.state.index, {}
    for path, step in live.state.record.steps.items():
        attempts = rules.attempts(index, step)
        if attempts:
            _, parents = rules.standing(index, path, step)
            last = attempts[-1]
            (total,) = rules.start_fields(index, step.executions[last.execution], last.owner, ("total",))
            steps[path] = GraphStep(parents=parents, total=total)
    for chosen in (steps, {path: step for path, step in steps.items() if "/" not in path}):
        graph = Graph(steps=dict(sorted(chosen.items())), expected=True)
        if chosen and len(encode_data(graph)) < MAX_EVENT - _ROOM:
            return graph
    return None
