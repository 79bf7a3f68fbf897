"""How much of a run's work is done: its outermost steps, each weighed by the time that it should take. Pure.

`static/js/core/done.js` derives the same in the browser; one table of cases tests both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runreel_server.graph.eta import MOST
from runreel_server.pages import text

Json = dict[str, Any]

GOOD = frozenset({"SUCCEEDED", "CACHED"})
STOPPED = frozenset({"FAILED", "CANCELED"})
GOING = frozenset({"RUNNING", "STALLED"})

_LEAST = 0.001  # of the time that has passed, for what it weighs that may still come


def fraction(step: Json) -> float:
    """How much of a step is done by its own word, of 1: of what has failed nothing, of what goes on never all."""
    state, progress = step.get("state"), step.get("progress") or {}
    if state in GOOD or state == "SKIPPED":
        return 1.0
    if state in STOPPED or not progress.get("total"):
        return 0.0
    return min(MOST, float(progress.get("done") or 0) / float(progress["total"]))


def cut_off(steps: Json) -> set[str]:
    """The steps that were skipped because something that they need failed or was canceled, at once or by way of others.

    What a branch passes over on purpose is not among them.
    """
    after: dict[str, list[str]] = {}
    for path, step in steps.items():
        for parent in (step.get("parents") or ()) if step.get("state") == "SKIPPED" else ():
            after.setdefault(parent, []).append(path)
    found: set[str] = set()
    todo = [path for path, step in steps.items() if step.get("state") in STOPPED] if after else []
    while todo:
        path = todo.pop()
        while path:
            fresh = [one for one in after.pop(path, ()) if one not in found]
            found.update(fresh)
            todo += fresh
            path = path.rpartition("/")[0]
            if path in steps:
                break  # how it ended is its own word
    return found


def wanted(steps: Json, top: Iterable[str]) -> list[str]:
    """Of the outermost steps those that are done or were to be done: all but what was skipped on purpose."""
    cut = cut_off(steps)
    return [path for path in top if steps[path].get("state") != "SKIPPED" or path in cut]


def unplanned(state: Json) -> bool:
    """Whether nothing tells what steps a run that goes on will have: it declared none, and no earlier run is known."""
    return state.get("finished") is None and state.get("planned") is False and not state.get("median")


def way(
    steps: Json,
    paths: Iterable[str],
    readings: dict[str, Json],
    now: int,
    *,
    left: float | None,
    elapsed: float | None,
    more: bool = False,
) -> list[Json]:
    """The work as one line of pieces that fills to the right: `path`, `label`, `state`, `weight`, `share` done of 1.

    Where an end is expected no more is done than of the time: then the last piece, of no path, is what may still come.

    Args:
        steps: of the state.
        paths: the `wanted` ones.
        readings: of those, at least.
        now: in microseconds.
        left: seconds to the expected end, or None.
        elapsed: seconds since the start, or None.
        more: whether steps may come of which nothing tells: a last piece as long as the others are on the mean.
    """
    order = sorted(paths, key=lambda path: _place(steps[path]))
    times = [_time(steps[path]) for path in order]
    known = [time for time in times if time]
    usual = sum(known) / len(known) if known else 1.0
    pieces: list[Json] = [
        {
            "path": path,
            "label": text.step_name(path),
            "state": steps[path].get("state") or "PENDING",
            "weight": max(time or usual, usual / 50),
            "share": _done(steps[path], readings[path], now),
        }
        for path, time in zip(order, times, strict=True)
    ]
    rest: Json = {"path": "", "label": "what may still come", "state": "PENDING", "weight": usual, "share": 0.0}
    if more:
        return [*pieces, rest]
    if elapsed is None or left is None or elapsed + left <= 0:
        return pieces
    passed = elapsed / (elapsed + left)
    if not pieces:
        return [{**rest, "state": "RUNNING", "share": passed}]
    weight = sum(one["weight"] * one["share"] for one in pieces) / max(passed, _LEAST)
    weight -= sum(one["weight"] for one in pieces)
    return [*pieces, {**rest, "weight": weight}] if weight > usual / 100 else pieces


def share_done(run: str, pieces: list[Json]) -> float:
    """The share of a run's `way` that is done, of 1; only a run that has succeeded is all done."""
    whole = sum(one["weight"] for one in pieces)
    done = sum(one["weight"] * one["share"] for one in pieces)
    return 1.0 if run in GOOD else min(MOST, done / whole) if whole else 0.0


def _place(step: Json) -> tuple[int, float]:
    """What has ended is first, then what runs, then what is to come or never came."""
    state, time = step.get("state"), text.micros(step.get("started")) or text.micros(step.get("finished"))
    rank = 0 if state in GOOD or state in STOPPED else 2 if state in {None, "PENDING", "SKIPPED"} else 1
    return rank, time or float("inf")


def _time(step: Json) -> float | None:
    """The seconds that a step should take; that it took, where nothing was expected and it went well."""
    if step.get("expected"):
        return float(step["expected"])
    begun, ended = text.micros(step.get("started")), text.micros(step.get("finished"))
    return (ended - begun) / text.MICRO if step.get("state") in GOOD and begun and ended else None


def _done(step: Json, reading: Json, now: int) -> float:
    if step.get("state") in GOOD:
        return 1.0
    if step.get("state") not in GOING:
        return 0.0
    if reading["share"] is not None:
        return float(reading["share"])
    begun = text.micros(step.get("started"))
    return min(0.95, (now - begun) / text.MICRO / step["expected"]) if begun and step.get("expected") else 0.0
