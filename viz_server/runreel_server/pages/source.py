"""Where the pages get their data from: the interface that the server gives them.

All answers are JSON-like (dicts, lists, strings, numbers, None) in the shapes of the HTTP surface: times are ISO 8601
UTC strings, durations seconds, columns of times integer microseconds. A page reads what is there and leaves empty what
is absent, so that an older or poorer source still makes a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Json = dict[str, Any]


class Source(Protocol):
    """What the pages ask. Every method raises `runreel.errors.NotFound` for a run or an artifact that is not there."""

    def state(self, run: str, at: int | None = None) -> Json:
        """The folded state of `run` (as `GET /api/v1/runs/ID`), now or at the moment `at` in microseconds since 1970.

        Beyond the surface a state may have: `state: "STALLED"` of a step whose heartbeats stopped (with its last
        `heartbeat`); `created` of an artifact; `losses`, reason -> count; `owner`.
        """
        ...

    def here(self, run: str) -> tuple[Json, str]:
        """The state now, and its position, from which the run's stream goes on."""
        ...

    def summaries(self, query: Mapping[str, Sequence[str]]) -> Json:
        """The list of runs (as `GET /api/v1/runs`): `{"runs": [summary], "next": cursor or None, "total", "first"}`.

        `query` has the parameters of that address, each with its values. A summary is the catalog's, and may have
        `eta`, `median`, and `recent` (`[{state, duration}]`, the pipeline's last runs, oldest first). The answer may
        have `today` (state -> count of the runs that ended so today). Raises ValueError for a parameter that is none.
        """
        ...

    def experiments(self) -> Json:
        """Experiments (as `GET /api/v1/experiments`).

        `{"experiments": [{name, runs, recent: [{state, duration}]}]}`, `recent` with the oldest first.
        """
        ...

    def graph(self, run: str, at: int | None = None, fold: str | None = None) -> Json:
        """The laid-out graph (as `GET /api/v1/runs/ID/graph`): see `runreel_server.graph`."""
        ...

    def artifact(self, artifact: str, at: int | None = None) -> Json:
        """An artifact (as `GET /api/v1/artifacts/ID`), now or at the moment `at` in microseconds since 1970.

        The fields of the state's artifact, and: `run`, `pipeline`, `workspace`, `experiment`, `created`, `media_type`,
        `metadata`, `lineage` (`[{depth, kind: "artifact" or "step", id or path, name, type, state, size, duration}]`,
        inputs above, uses below; those of another run with its `run` and `pipeline`), `whole`, whether that is all of
        it, `consumers` (`[{run, pipeline, step, state}]`), `lost` (the host that went away before all bytes were
        there), `versions` (`[{id, version, created, size}]`, newest first).
        """
        ...

    def preview(
        self, artifact: str, row: int = 0, rows: int = 100, profile: bool = False, at: int | None = None
    ) -> Json:
        """What `pages.preview.preview` makes of the artifact's bytes; of a table `rows` rows from `row` on.

        `profile`: with a profile of each of its columns, which reads more of it.
        """
        ...

    def health(self) -> Json:
        """How the parts are (as `GET /api/v1/health`).

        `{"parts": [{name, ok, detail}], "listening": where events are listened for, or None}`.
        """
        ...
