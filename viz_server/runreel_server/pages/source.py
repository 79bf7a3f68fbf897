"""Where the pages get their data from: the interface that the server gives them.

All answers are JSON-like (dicts, lists, strings, numbers, None) in the shapes of the HTTP surface: times are ISO 8601
UTC strings, durations seconds, columns of times integer microseconds. A page reads what is there and leaves empty what
is absent, so that an older or poorer source still makes a page.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    def summaries(self, query: Mapping[str, str]) -> Json:
        """The list of runs (as `GET /api/v1/runs`): `{"runs": [summary], "next": cursor or None, "total": int}`.

        `query` has the parameters of that address. A summary is the catalog's, and may have `eta`, `median`, and
        `recent` (`[{state, duration}]`, the pipeline's last runs, oldest first). The answer may have `today`
        (state -> count of the runs that ended so today).
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

    def artifact(self, artifact: str) -> Json:
        """An artifact (as `GET /api/v1/artifacts/ID`).

        The fields of the state's artifact, and: `run`, `pipeline`, `workspace`, `experiment`, `created`, `media_type`,
        `metadata`, `lineage` (`[{depth, kind: "artifact" or "step", id or path, name, type, state, size, duration}]`,
        inputs above, uses below), `versions` (`[{id, version, created, size}]`, newest first).
        """
        ...

    def preview(self, artifact: str, row: int = 0, rows: int = 100, profile: bool = False) -> Json:
        """What `pages.preview.preview` makes of the artifact's bytes; of a table `rows` rows from `row` on.

        `profile`: with a profile of each of its columns, which reads more of it.
        """
        ...

    def health(self) -> Json:
        """How the parts are (as `GET /api/v1/health`).

        `{"parts": [{name, ok, detail}], "listening": where events are listened for, or None}`.
        """
        ...
