"""What an artifact was made of, and what was made of it: within a run, and as far as the catalog knows in others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from runreel.codec import parse_time

MOST: Final = 500
"""Lines at most: of a longer one those that lie nearest to the first inputs."""

Json = dict[str, Any]
Origin = Callable[[Json], Json | None]
"""An input that its run has not made -> the artifact of another run that it means, with its `run` and `pipeline`."""


def lineage(state: Json, artifact: str, origin: Origin = lambda _: None) -> tuple[list[Json], bool]:
    """What an artifact was made of, and what was made of it: inputs above, uses below; and whether that is all.

    A line each: `{depth, away, kind: "artifact" or "step", id or path, name, type, state, size, duration}`; `depth` is
    how far from the first inputs, `away` how far from the artifact, by way of the line that it was come from. Each
    step and artifact stands there once. An artifact of another run has that `run` and its `pipeline`, and what it was
    made of stands on its own page; of one that nobody is known to have made, `id` is null where it was asked for by
    name.
    """
    walk = _Walk(state, origin)
    walk.down(artifact, walk.up(artifact))
    return walk.above + walk.below, walk.whole


class _Walk:
    """A walk from one artifact, up to what it was made of and down to what was made of it."""

    def __init__(self, state: Json, origin: Origin) -> None:
        self.steps, self.artifacts, self.origin = state["steps"], state["artifacts"], origin
        self.state = state
        self.above: list[Json] = []
        self.below: list[Json] = []
        self.whole = True
        self._seen: set[tuple[str, str]] = set()

    def up(self, key: str, away: int = 0) -> int:
        """Write what an artifact was made of, then itself; answers its depth, -1 where it stands there already."""
        mine = self.artifacts.get(key)
        if mine is None or not self._new("artifact", key):
            return -1
        depth, path = 0, mine["step"]
        if path in self.steps and ("step", path) not in self._seen:
            inputs = self.steps[path]["inputs"]
            sources = [self.beyond(one, away + 2) for one in inputs if one["state"] == "pending"]
            sources += [self.up(one["artifact"], away + 2) for one in inputs if one["state"] == "resolved"]
            if self._new("step", path):  # else it stands above: a loop
                depth = max(sources, default=-1) + 1
                self.above.append(_step_line(depth, away + 1, path, self.steps[path]))
                depth += 1
        self.above.append(_artifact_line(depth, away, mine))
        return depth

    def beyond(self, wanted: Json, away: int) -> int:
        """Write an input that this run has not made."""
        if not self._new("wish", str([wanted[name] for name in ("artifact", "step", "name", "uri")])):
            return -1
        found = self.origin(wanted)
        if found is None:
            named = wanted["name"] or wanted["uri"] or wanted["artifact"]
            state = "elsewhere" if wanted["uri"] else "pending"
            found = {"id": wanted["artifact"], "name": named, "type": "Artifact", "size": None, "state": state}
        self.above.append(_artifact_line(0, away, found))
        return 0

    def down(self, key: str, depth: int, away: int = 0) -> None:
        """Write who uses an artifact, and what they made."""
        for path, step in users(self.state, key):
            if not self._new("step", path):
                continue
            self.below.append(_step_line(depth + 1, away + 1, path, step))
            for made in self.artifacts.values():
                if made["step"] == path and self._new("artifact", made["id"]):
                    self.below.append(_artifact_line(depth + 2, away + 2, made))
                    self.down(made["id"], depth + 2, away + 2)

    def _new(self, kind: str, key: str) -> bool:
        """Whether that stands nowhere yet and there is room for it, which it then takes."""
        if (kind, key) in self._seen:
            return False
        if len(self._seen) >= MOST:
            self.whole = False
            return False
        self._seen.add((kind, key))
        return True


def users(state: Json, key: str) -> Iterator[tuple[str, Json]]:
    """The steps that use an artifact."""
    for path, step in state["steps"].items():
        if any(one["artifact"] == key for one in step["inputs"]):
            yield path, step


def _step_line(depth: int, away: int, path: str, step: Json) -> Json:
    duration = None
    if step["started"] and step["finished"]:
        duration = (parse_time(step["finished"]) - parse_time(step["started"])) / 1e6
    return {
        "depth": depth,
        "away": away,
        "kind": "step",
        "path": path,
        "name": path,
        "state": step["state"],
        "duration": duration,
    }


def _artifact_line(depth: int, away: int, artifact: Json) -> Json:
    named = {name: artifact[name] for name in ("id", "name", "type", "state", "size")}
    other = {name: artifact[name] for name in ("run", "pipeline") if artifact.get(name) is not None}
    return {"depth": depth, "away": away, "kind": "artifact", **named, **other}
