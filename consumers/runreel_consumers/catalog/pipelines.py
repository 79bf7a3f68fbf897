"""How long a pipeline and its steps took over its last runs: what estimates rest on."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

import msgspec

from runreel.codec import parse_time
from runreel.errors import NotFound
from runreel_consumers.archive.names import name_of
from runreel_consumers.catalog.live import Live
from runreel_consumers.store import Store

PIPELINES: Final = "pipelines/"
LAST: Final = 20
_MICROS: Final = 1_000_000


class Took(msgspec.Struct, frozen=True):
    """How long one run that succeeded took, in seconds, and each of its steps that did."""

    run: str
    finished: str
    seconds: float
    steps: dict[str, float]


class Durations(msgspec.Struct, frozen=True):
    """How long the last runs of a pipeline took, the newest last; at most 20."""

    runs: list[Took]

    @property
    def last(self) -> Took | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None

    def medians(self) -> dict[str, Any]:
        """`{"run": seconds, "steps": {path: seconds}}`, as `RunState.view` takes them; empty without runs."""
        if not self.runs:
            return {}
        steps: dict[str, list[float]] = {}
        for took in self.runs:
            for path, seconds in took.steps.items():
                steps.setdefault(path, []).append(seconds)
        return {
            "run": median(took.seconds for took in self.runs),
            "steps": {path: median(seconds) for path, seconds in steps.items()},
        }


_decoder = msgspec.json.Decoder(list[Took])
_encoder = msgspec.json.Encoder(order="deterministic")


def folder(workspace: str, pipeline: str) -> str:
    """Where a pipeline's objects lie: one for each partition that writes."""
    return f"{PIPELINES}{name_of(workspace)}/{name_of(pipeline)}/"


def durations(store: Store, workspace: str, pipeline: str) -> Durations:
    """How long the last runs of a pipeline took; empty where none has succeeded yet."""
    found: list[Took] = []
    for info in store.list(folder(workspace, pipeline)):
        try:
            found += _decoder.decode(store.get(info.key))
        except NotFound:
            continue
    return Durations(newest(found))


def newest(runs: list[Took]) -> list[Took]:
    """The last 20, each run once, by the time of its end."""
    distinct = {took.run: took for took in runs}
    return sorted(distinct.values(), key=lambda took: (took.finished, took.run))[-LAST:]


def took(live: Live) -> Took | None:
    """How long a run took; None unless it has succeeded."""
    view = live.view()
    if view["state"] != "SUCCEEDED" or not view["started"] or not view["finished"]:
        return None
    steps = {
        path: _between(brief.started, brief.finished)
        for path, brief in sorted(live.briefs.items())
        if brief.state == "SUCCEEDED" and brief.started and brief.finished
    }
    return Took(live.run, view["finished"], _between(view["started"], view["finished"]), steps)


def read(store: Store, key: str) -> list[Took]:
    """What one object holds; empty where there is none."""
    try:
        return _decoder.decode(store.get(key))
    except NotFound:
        return []


def write(store: Store, key: str, runs: list[Took]) -> None:
    """Store one object; the same runs give the same bytes. None: it is removed."""
    if runs:
        store.put(key, _encoder.encode(runs))
    else:
        store.delete([key])


def _between(start: str, end: str) -> float:
    return (parse_time(end) - parse_time(start)) / _MICROS
