"""When what runs will end: filled into a state by the progress of its steps and what they took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runreel.codec import iso, parse_time
from runreel_server.graph import ENDED, Pace, eta, left

Json = dict[str, Any]


def fill(state: Json, now: int) -> None:
    """Fill `eta` of a run that has not ended, and of its steps that run, as of `now` in µs since 1970. One that is
    silent has no end in sight."""
    steps: Mapping[str, Json] = state["steps"]
    if state["state"] in ENDED or state["started"] is None:
        return
    paces = {path: pace(path, step) for path, step in steps.items()}
    expected = {path: step["expected"] for path, step in steps.items() if step["expected"] is not None}
    state["eta"] = None if state["state"] == "STALLED" else remaining(paces, expected, now)
    inner = within(paces)
    for path, step in steps.items():
        if step["state"] == "RUNNING":
            step["eta"] = step_eta(paces[path], step["expected"], now, inner.get(path, ()))


def remaining(paces: Mapping[str, Pace], expected: Mapping[str, float], now: int) -> str | None:
    """When a run of these steps ends, ISO 8601; None where nothing tells. `expected`: seconds, by path."""
    return moment(eta(paces.values(), expected, now), now)


def within(paces: Mapping[str, Pace]) -> dict[str, list[Pace]]:
    """The steps that lie directly within each step."""
    inner: dict[str, list[Pace]] = {}
    for path, one in paces.items():
        inner.setdefault(path.rpartition("/")[0], []).append(one)
    return inner


def step_eta(one: Pace, expected: float | None, now: int, inner: Iterable[Pace]) -> str | None:
    """When a running step ends, ISO 8601; None where nothing tells."""
    return moment(left(one, expected, now, inner), now)


def pace(path: str, step: Mapping[str, Any]) -> Pace:
    """How far a step of a state is."""
    progress = step["progress"] or {}
    started = step["started"]
    return Pace(
        path,
        tuple(step["parents"]),
        step["state"],
        None if started is None else parse_time(started),
        progress.get("done"),
        progress.get("total"),
    )


def moment(seconds: float | None, now: int) -> str | None:
    """`seconds` from `now`, ISO 8601."""
    return None if seconds is None else iso(now + round(seconds * 1e6))
