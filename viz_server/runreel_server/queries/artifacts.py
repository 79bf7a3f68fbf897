"""Artifacts: what is known of one, its lineage, its versions, its preview."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from runreel.codec import parse_time
from runreel.errors import NotFound, NotReachable
from runreel.state import RUN
from runreel_consumers.blobs import ArtifactInfo, read_info
from runreel_consumers.store import Store
from runreel_server.feed import LiveRun
from runreel_server.pages.preview import preview
from runreel_server.queries.lineage import Origin, lineage, users
from runreel_server.queries.lists import ListQuery
from runreel_server.queries.moments import Moments

SEARCH_SECONDS: Final = 5.0
"""How long runs are searched for an artifact of which the store knows nothing: one that is only a reference."""

EARLIER_SECONDS: Final = 1.0
"""How long earlier runs of the pipeline are opened for what became of the same output there."""

_KNOWN: Final = 10_000
_MOST_EARLIER: Final = 12  # runs of the pipeline
_MOST_ORIGINS: Final = 20  # runs that are opened for what one artifact was made of
_MOST_USERS: Final = 100  # steps of other runs

Json = dict[str, Any]
Jsons = list[Json]


class ArtifactQuery:
    """Answers what is known of artifacts. Safe for threads.

    Args:
        store: has the bytes.
        live: finds a run by its id.
        lists: knows all runs, and which of them are linked.
        moments: tells states of the past.
    """

    def __init__(self, store: Store, live: Callable[[str], LiveRun], lists: ListQuery, moments: Moments) -> None:
        self._store, self._live, self._lists, self._moments = store, live, lists, moments
        self._lock = threading.Lock()
        self._where: OrderedDict[str, str] = OrderedDict()

    def get(self, artifact: str, at: int | None = None) -> Json:
        """The state's fields of an artifact, now or at the moment `at` in µs since 1970, and those of its run.

        Besides: `producer`, who made it (`{run, pipeline, step, execution, state}`); `consumers`, who uses it
        (`[{run, pipeline, step, state}]`, those of other runs last, with their run's state, and only now); `lost`, the
        host that went away before all bytes were there; its `lineage`, and in `whole` whether that is all of it; its
        `versions` in this run; `earlier`, the last version of the same output in the pipeline's runs before this one,
        newest first.

        Raises:
            NotFound: no run that is known declares it, or none did at that moment.
        """
        info, state = self._find(artifact, at)
        mine = _known(state["artifacts"][artifact], info)
        place = {"run": state["id"], "pipeline": state["pipeline"]}
        makes = state["steps"].get(mine["step"], state)
        others: list[Json] = []
        if at is None:
            names = [name for name in (artifact, mine["uri"]) if name]
            found = self._lists.links("uses", names, _MOST_USERS)
            others = [{**one, "step": one["who"] or None} for one in found if one["run"] != state["id"]]
        lines, whole = lineage(state, artifact, self._origins(state["id"]))
        return {
            **mine,
            **place,
            **{name: state[name] for name in ("workspace", "experiment")},
            "producer": {**place, "step": mine["step"], "execution": mine["execution"], "state": makes["state"]},
            "consumers": [
                *({**place, "step": path, "state": step["state"]} for path, step in users(state, artifact)),
                *({name: one[name] for name in ("run", "pipeline", "step", "state")} for one in others),
            ],
            "lost": None if mine["state"] == "stored" else _lost(state, mine["execution"]),
            "lineage": lines,
            "whole": whole,
            "versions": [
                {name: one[name] for name in ("id", "version", "created", "size")}
                for one in sorted(state["artifacts"].values(), key=lambda one: -one["version"])
                if (one["step"], one["name"]) == (mine["step"], mine["name"])
            ],
            "earlier": self._earlier(state, mine),
        }

    def _earlier(self, state: Json, mine: Json) -> Jsons:
        """The same output of the pipeline's runs before this one: as many as are opened in `EARLIER_SECONDS`."""
        if state["started"] is None:
            return []
        found: Jsons = []
        end = time.monotonic() + EARLIER_SECONDS
        before = (state["workspace"], state["pipeline"], parse_time(state["started"]), _MOST_EARLIER)
        for run in self._lists.before(*before):
            if time.monotonic() > end:
                break
            if run == state["id"]:
                continue
            try:
                live = self._live(run)
            except NotFound:  # pruned
                continue
            except NotReachable:  # its page shows the artifact all the same
                break
            with live.lock:
                same = live.state.index.found(("output", mine["step"] or "", mine["name"]))
                last = live.state.view_part(("artifact", same[-1][3])) if same else None
            if last is not None:
                found.append(
                    {"run": run, **{name: last[name] for name in ("id", "version", "created", "size", "state")}}
                )
        return found

    def _origins(self, mine: str) -> Origin:
        """Finds artifacts of other runs than `mine`: by their bytes in the store, by what the catalog says of a uri."""
        opened: set[str] = set()

        def origin(wanted: Json) -> Json | None:
            artifact, run, info = wanted["artifact"], None, None
            try:
                if artifact and (info := read_info(self._store, artifact)):
                    run = info.run
                elif wanted["uri"]:
                    made = [one for one in self._lists.links("refers", [wanted["uri"]], 2) if one["run"] != mine]
                    run, artifact = (made[0]["run"], made[0]["who"]) if made else (None, None)
                if run is None or run == mine or (run not in opened and len(opened) >= _MOST_ORIGINS):
                    return None
                opened.add(run)
                live = self._live(run)
            except (NotFound, ValueError):  # pruned; or no key can be made of it
                return None
            with live.lock:
                found = live.state.view_part(("artifact", artifact))
                pipeline = (live.state.view_part(RUN) or {}).get("pipeline")
            return None if found is None else {**_known(found, info), "run": run, "pipeline": pipeline}

        return origin

    def preview(
        self, artifact: str, row: int = 0, rows: int = 100, *, profile: bool = False, at: int | None = None
    ) -> Json:
        """What a viewer shows of it (`pages.preview`); at a moment before its bytes came, that they had not.

        Raises:
            NotFound: no run that is known declares it.
        """
        info, state = self._find(artifact, at)
        mine = _known(state["artifacts"][artifact], info)
        if at is not None and mine["state"] == "pending":
            return {"kind": "none", "reason": "its bytes had not come at that moment"}
        info = info if at is None else read_info(self._store, artifact)

        def open_() -> BinaryIO:
            if info is None or info.content is None:
                raise NotFound(_absent(mine))
            return self._store.open(info.content)

        try:
            return preview(mine, open_, row, rows, profile)
        except NotFound as error:
            return {"kind": "none", "reason": str(error)}

    def _find(self, artifact: str, at: int | None) -> tuple[ArtifactInfo | None, Json]:
        try:
            info = read_info(self._store, artifact)
        except ValueError:  # no key can be made of it
            raise NotFound(f"no artifact {artifact}") from None
        with self._lock:
            run = info.run if info is not None else self._where.get(artifact)
        if run is None:
            run = self._search(artifact)
        live = self._live(run)
        state = _view(live) if at is None else self._moments.at(live, at)
        if artifact not in state["artifacts"]:
            late = (
                f"its bytes came, and run {run} has not declared it (yet)" if at is None else "not made at that moment"
            )
            raise NotFound(f"no artifact {artifact}: {late}")
        return info if at is None else None, state

    def _search(self, artifact: str) -> str:
        end = time.monotonic() + SEARCH_SECONDS
        for run in self._lists.newest():
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


def _lost(state: Json, execution: str | None) -> str | None:
    """The host of an execution's session that fell silent or was killed."""
    attempts = (one for step in state["steps"].values() for one in step["attempts"])
    owner = next((one["session"] for one in attempts if one["execution"] == execution), None)
    session = state["sessions"].get(owner)
    gone = session is not None and (session["stalled"] or session["how"] in {"killed", "recovered"})
    return session["host"] or None if gone else None


def _known(declared: Json, info: ArtifactInfo | None) -> Json:
    """An artifact as declared, with what the store knows of its bytes before its event says so."""
    if info is None or declared["state"] != "pending":
        return declared
    return {**declared, "state": info.state, "size": info.size, "sha256": info.sha256, "reason": info.reason}


def _absent(artifact: Json) -> str:
    if artifact["state"] == "stored" and artifact["uri"]:
        return f"it is a reference: its bytes lie at {artifact['uri']}"
    return artifact["reason"] or "its bytes are not in the store (yet)"
