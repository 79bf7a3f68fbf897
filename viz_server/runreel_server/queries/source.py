"""All questions in one place: what the API and the pages ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runreel.errors import NotFound
from runreel_server.feed import LiveRun
from runreel_server.queries.artifacts import ArtifactQuery
from runreel_server.queries.graphs import graph, in_order
from runreel_server.queries.lines import LineQuery, Wanted
from runreel_server.queries.lists import ListQuery, Query
from runreel_server.queries.moments import Moments
from runreel_server.queries.names import SHORTEST, Names, whole
from runreel_server.queries.series import SeriesQuery, View
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
        self.strips = StripQuery(self.moments)
        self.artifacts = ArtifactQuery(services.store, services.feed.live, self.lists.newest)

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

    def delta(self, run: str, start: int, end: int) -> Json:
        """The merge patch (RFC 7396) that turns the state at `start` into that at `end`, both in µs since 1970."""
        return self.moments.delta(self.live(run), start, end)

    def graph(self, run: str, at: int | None = None, fold: str | Collection[str] | None = None) -> Json:
        """The laid-out graph, by the newest layout: `at` only says of when the states are."""
        live = self.live(run)
        past = None if at is None else self.moments.at(live, at)["steps"]
        folds = (fold,) if isinstance(fold, str) else fold or ()
        with live.lock:
            present = {path: live.state.view_part(("step", path)) or {} for path in live.state.record.steps}
            order = in_order(live.state)
        return graph(order, present, past or present, folds)

    # -- streams

    def series(self, runs: Sequence[str], keys: Iterable[str], view: View) -> Json:
        """Points of series; see `SeriesQuery.slices`."""
        lives = {live.run: live for live in map(self.live, runs)}
        return self.series_.slices(list(lives.values()), keys, view)

    def lines(self, run: str, wanted: Wanted) -> Json:
        """Lines of the log; see `LineQuery.slice`."""
        return self.lines_.slice(self.live(run), wanted)

    # -- lists

    def summaries(self, query: Mapping[str, str]) -> Json:
        """The list of runs, by the parameters of its address; see `ListQuery.list`.

        The first page of what is RUNNING begins with what has stalled: who looks for one looks for the other.
        """
        given: dict[str, Any] = {key: value for key, value in query.items() if value}
        if "tag" in given:
            given["tag"] = (given["tag"],)
        if "limit" in given:
            given["limit"] = int(given["limit"])
        found = self.lists.list(Query(**given))
        if given.get("state") == "RUNNING" and "cursor" not in given:
            stalled = self.lists.list(Query(**{**given, "state": "STALLED"}))
            found["runs"] = stalled["runs"] + found["runs"]
            found["total"] += stalled["total"]
        return found

    def experiments(self) -> Json:
        """The experiments; see `ListQuery.experiments`."""
        return self.lists.experiments()

    # -- artifacts, health

    def artifact(self, artifact: str) -> Json:
        """An artifact; see `ArtifactQuery.get`."""
        return self.artifacts.get(artifact)

    def preview(self, artifact: str, row: int = 0, rows: int = 100, profile: bool = False) -> Json:
        """What a viewer shows of an artifact; see `ArtifactQuery.preview`."""
        return self.artifacts.preview(artifact, row, rows, profile=profile)

    def health(self) -> Json:
        """How the parts are; see `Health.told`."""
        return self._health.told()
