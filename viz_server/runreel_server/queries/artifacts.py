"""Artifacts: what is known of one, its lineage, its versions, its preview."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Final

from runreel.codec import parse_time
from runreel.errors import NotFound
from runreel_consumers.blobs import ArtifactInfo, read_info
from runreel_consumers.store import Store
from runreel_server.feed import LiveRun
from runreel_server.pages.preview import preview

SEARCH_SECONDS: Final = 5.0
"""How long runs are searched for an artifact of which the store knows nothing: one that is only a reference."""

_KNOWN: Final = 10_000
_MOST_LINEAGE: Final = 250  # lines on either side

Json = dict[str, Any]


class ArtifactQuery:
    """Answers what is known of artifacts. Safe for threads.

    Args:
        store: has the bytes.
        live: finds a run by its id.
        runs: answers the ids of all runs that are known, the newest first.
    """

    def __init__(self, store: Store, live: Callable[[str], LiveRun], runs: Callable[[], Iterable[str]]) -> None:
        self._store, self._live, self._runs = store, live, runs
        self._lock = threading.Lock()
        self._where: OrderedDict[str, str] = OrderedDict()

    def get(self, artifact: str) -> Json:
        """The state's fields of an artifact, those of its run, its `lineage` and `versions`.

        Raises:
            NotFound: no run that is known declares it.
        """
        info, state = self._find(artifact)
        mine = _known(state["artifacts"][artifact], info)
        return {
            **mine,
            "run": state["id"],
            **{name: state[name] for name in ("pipeline", "workspace", "experiment")},
            "lineage": lineage(state, artifact),
            "versions": [
                {name: one[name] for name in ("id", "version", "created", "size")}
                for one in sorted(state["artifacts"].values(), key=lambda one: -one["version"])
                if (one["step"], one["name"]) == (mine["step"], mine["name"])
            ],
        }

    def preview(self, artifact: str, row: int = 0, rows: int = 100, *, profile: bool = False) -> Json:
        """What a viewer shows of it (`pages.preview`).

        Raises:
            NotFound: no run that is known declares it.
        """
        info, state = self._find(artifact)
        mine = _known(state["artifacts"][artifact], info)

        def open_() -> BinaryIO:
            if info is None or info.content is None:
                raise NotFound(_absent(mine))
            return self._store.open(info.content)

        try:
            return preview(mine, open_, row, rows, profile)
        except NotFound as error:
            return {"kind": "none", "reason": str(error)}

    def _find(self, artifact: str) -> tuple[ArtifactInfo | None, Json]:
        try:
            info = read_info(self._store, artifact)
        except ValueError:  # no key can be made of it
            raise NotFound(f"no artifact {artifact}") from None
        with self._lock:
            run = info.run if info is not None else self._where.get(artifact)
        if run is None:
            run = self._search(artifact)
        state = _view(self._live(run))
        if artifact not in state["artifacts"]:
            raise NotFound(f"no artifact {artifact}: its bytes came, and run {run} has not declared it (yet)")
        return info, state

    def _search(self, artifact: str) -> str:
        end = time.monotonic() + SEARCH_SECONDS
        for run in self._runs():
            try:
                live = self._live(run)
            except NotFound:
                continue
            with live.lock:
                found = artifact in live.state.record.outputs
            if found:
                with self._lock:
                    self._where[artifact] = run
                    while len(self._where) > _KNOWN:
                        self._where.popitem(last=False)
                return run
            if time.monotonic() > end:
                break
        raise NotFound(f"no artifact {artifact}")


def _view(live: LiveRun) -> Json:
    with live.lock:
        return live.state.view()


def _known(declared: Json, info: ArtifactInfo | None) -> Json:
    """An artifact as declared, with what the store knows of its bytes before its event says so."""
    if info is None or declared["state"] != "pending":
        return declared
    return {**declared, "state": info.state, "size": info.size, "sha256": info.sha256, "reason": info.reason}


def _absent(artifact: Json) -> str:
    if artifact["state"] == "stored" and artifact["uri"]:
        return f"it is a reference: its bytes lie at {artifact['uri']}"
    return artifact["reason"] or "its bytes are not in the store (yet)"


def lineage(state: Json, artifact: str) -> list[Json]:
    """What an artifact was made of, and what was made of it: inputs above, uses below.

    A line each: `{depth, kind: "artifact" or "step", id or path, name, type, state, size, duration}`. Each step and
    artifact stands there once.
    """
    above: list[Json] = []
    below: list[Json] = []
    seen: set[tuple[str, str]] = set()
    deepest = 0

    def up(key: str) -> int:
        """Write what an artifact was made of, then itself; answers its depth."""
        mine = state["artifacts"].get(key)
        if mine is None or ("artifact", key) in seen or len(seen) > _MOST_LINEAGE:
            return -1
        seen.add(("artifact", key))
        depth = 0
        path = mine["step"]
        if path is not None and path in state["steps"]:
            sources = [up(one["artifact"]) for one in state["steps"][path]["inputs"] if one["artifact"]]
            if ("step", path) not in seen:
                seen.add(("step", path))
                depth = max(sources, default=-1) + 1
                above.append(_step_line(depth, path, state["steps"][path]))
                depth += 1
        above.append(_artifact_line(depth, mine))
        return depth

    def down(key: str, depth: int) -> None:
        for path, step in _users(state, key):
            if ("step", path) in seen or len(seen) > 2 * _MOST_LINEAGE:
                continue
            seen.add(("step", path))
            below.append(_step_line(depth + 1, path, step))
            for made in state["artifacts"].values():
                if made["step"] == path and ("artifact", made["id"]) not in seen:
                    seen.add(("artifact", made["id"]))
                    below.append(_artifact_line(depth + 2, made))
                    down(made["id"], depth + 2)

    deepest = up(artifact)
    down(artifact, deepest)
    return above + below


def _users(state: Json, key: str) -> Iterator[tuple[str, Json]]:
    for path, step in state["steps"].items():
        if any(one["artifact"] == key for one in step["inputs"]):
            yield path, step


def _step_line(depth: int, path: str, step: Json) -> Json:
    duration = None
    if step["started"] and step["finished"]:
        duration = (parse_time(step["finished"]) - parse_time(step["started"])) / 1e6
    return {"depth": depth, "kind": "step", "path": path, "name": path, "state": step["state"], "duration": duration}


def _artifact_line(depth: int, artifact: Json) -> Json:
    named = {name: artifact[name] for name in ("id", "name", "type", "state", "size")}
    return {"depth": depth, "kind": "artifact", **named}
