"""All questions in one place: what the API and the pages ask."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runreel.errors import NotFound, NotReachable
from runreel_server.charts import View
from runreel_server.feed import LiveRun
from runreel_server.queries.artifacts import ArtifactQuery
from runreel_server.queries.graphs import critical, graph
from runreel_server.queries.lines import LineQuery
from runreel_server.queries.lists import ListQuery, asked
from runreel_server.queries.moments import Moments
from runreel_server.queries.names import SHORTEST, Names, whole
from runreel_server.queries.plays import PlayQuery
from runreel_server.queries.series import SeriesQuery
from runreel_server.queries.strips import StripQuery
from runreel_server.queries.tails import Tails

if TYPE_CHECKING:
    from runreel_server.health import Health
    from runreel_server.services import Services

Json = dict[str, Any]


class Source:
    """Answers from the archive and the live tail together. Safe for threads.

    Every method that names a run takes its whole id or an end of it, and raises NotFound where there is no such run,
    NotReachable where the store does not answer.

    Args:
        services: the parts of this server.
        health: tells how they are.
    """

    def __init__(self, services: Services, health: Health) -> None:
        self._feed, self._health = services.feed, health
        self.tails = Tails(services.reader, services.feed)
        self.moments = Moments(services.reader, self.tails, services.medians)
        self.lists = ListQuery(services.store, services.settings, services.runs, services.medians)
        self.names = Names(self.lists.ending, services.reader.find)
        self.series_ = SeriesQuery(services.feed)
        self.lines_ = LineQuery(services.reader, self.tails)
        self.strips = StripQuery(self.moments, self.lines_)
        self.plays = PlayQuery(self.moments)
        self.artifacts = ArtifactQuery(services.store, services.feed.live, self.lists, self.moments)

    # -- runs

    def live(self, run: str) -> LiveRun:
        """The run that a name means, folded up to now and kept current."""
        try:
            return self._feed.live(self.names.resolve(run))
        except NotFound:
            if whole(run) or len(run) >= SHORTEST:
                raise
            raise NotFound(f"no run {run!r}: give its id, or at least the last {SHORTEST} digits of it") from None

    def state(self, run: str, at: int | None = None) -> Json:
        """The folded state, now or at the moment `at` in µs since 1970. Not to be changed by who gets it."""
        live = self.live(run)
        return self.moments.now(live) if at is None else self.moments.at(live, at)

    def here(self, run: str) -> tuple[Json, str]:
        """The folded state now, not to be changed by who gets it, and its position: the stream goes on from there."""
        return self.moments.here(self.live(run))

    def state_text(self, run: str, at: int | None = None) -> bytes:
        """The same as JSON."""
        live = self.live(run)
        return self.moments.now_text(live) if at is None else self.moments.text(live, at)

    def delta_text(self, run: str, start: int, end: int) -> bytes:
        """The merge patch (RFC 7396) that turns the state at `start` into that at `end`, both in µs since 1970, as
        JSON."""
        return self.moments.delta(self.live(run), start, end)

    def graph(self, run: str, at: int | None = None, fold: str | Collection[str] | None = None) -> Json:
        """The laid-out graph, by the newest layout: `at` only says of when the states are."""
        live = self.live(run)
        past = None if at is None else self.moments.states(live, at)
        with live.lock:
            return graph(live.state, past, (fold,) if isinstance(fold, str) else fold or ())

    def critical(self, run: str, at: int | None = None) -> Json:
        """The critical path, now or at the moment `at`; see `graphs.critical`."""
        live = self.live(run)
        state = self.moments.now(live) if at is None else self.moments.at(live, at)
        return critical(state["steps"], time.time_ns() // 1000 if at is None else at)

    # -- streams

    def series(self, runs: Sequence[str], keys: Iterable[str], view: View) -> Json:
        """Points of series; see `SeriesQuery.slices`."""
        lives = {live.run: live for live in map(self.live, runs)}
        return self.series_.slices(list(lives.values()), keys, view)

    # -- lists

    def summaries(self, query: Mapping[str, Sequence[str]]) -> Json:
        """The list of runs, by the parameters of its address; see `ListQuery.list`."""
        return self.lists.list(asked(query))

    def experiments(self) -> Json:
        """The experiments; see `ListQuery.experiments`."""
        return self.lists.experiments()

    # -- artifacts, health

    def artifact(self, artifact: str, at: int | None = None) -> Json:
        """An artifact, now or at the moment `at`; see `ArtifactQuery.get`."""
        return self.artifacts.get(artifact, at)

    def preview(
        self, artifact: str, row: int = 0, rows: int = 100, profile: bool = False, at: int | None = None
    ) -> Json:
        """What a viewer shows of an artifact; see `ArtifactQuery.preview`."""
        return self.artifacts.preview(artifact, row, rows, profile=profile, at=at)

    def health(self) -> Json:
        """How the parts are; see `Health.told`."""
        try:
            runs = self.lists.count()
        except NotReachable:
            runs = None
        return self._health.told(runs)
