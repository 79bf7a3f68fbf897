"""States of runs of which some work is done, some failed, and some was passed over."""

from __future__ import annotations

from typing import Any

import flights

Json = dict[str, Any]

GRAPH = {
    "extract": [],
    "weather": [],
    "clean": ["extract"],
    "join": ["clean", "weather"],
    "features": ["join"],
    "train": ["features"],
    "baseline": ["features"],
    "evaluate": ["train", "baseline"],
    "publish": ["evaluate"],
}


def step(state: str, *parents: str, began: int | None = None, ended: int | None = None, **more: Any) -> Json:
    times = {
        "started": None if began is None else flights.at(began),
        "finished": None if ended is None else flights.at(ended),
    }
    return {
        "state": state,
        "parents": list(parents),
        "attempts": [],
        "progress": None,
        "expected": None,
        **times,
        **more,
    }


def run(steps: Json, state: str = "RUNNING", **more: Any) -> Json:
    finished = flights.at(flights.NOW) if state != "RUNNING" else None
    return {
        "id": "r",
        "state": state,
        "started": flights.at(0),
        "finished": finished,
        "eta": None,
        "steps": steps,
        **more,
    }


def failed() -> Json:
    """Of nine steps one failed, so that six were skipped; two were done, and took almost all of the time."""
    steps = {name: step("SKIPPED", *parents, began=30, ended=30) for name, parents in GRAPH.items()}
    steps["extract"] = step("SUCCEEDED", began=0, ended=20)
    steps["weather"] = step("FAILED", began=0, ended=2)
    steps["clean"] = step("SUCCEEDED", "extract", began=20, ended=29)
    return run(steps, "FAILED")


def tasks(going: int, done: int, wrong: int = 0) -> Json:
    """A step of tasks: all that go on have read all of their rows."""
    began = {"began": 700}
    states = ["SUCCEEDED"] * done + ["FAILED"] * wrong
    steps = {f"extract/{n}": step(one, **began, ended=740) for n, one in enumerate(states)}
    for number in range(going):
        steps[f"extract/going-{number}"] = step("RUNNING", **began, progress={"done": 9, "total": 9})
    return {"extract": step("RUNNING", **began), **steps}


def failed_deep() -> Json:
    """A run of which a step within another failed, by an error of a package."""
    error = {"type": "pandas.errors.MergeError", "message": "keys are not unique"}
    step = {"state": "FAILED", "parents": [], "attempts": [], "finished": flights.at(10), "error": error}
    return {"state": "FAILED", "steps": {"work/job-2": step}}


def broken_artifacts() -> Json:
    """A run that succeeded, of whose artifacts one failed and one is not whole."""
    made = {
        "b": {"id": "b", "name": "late", "state": "incomplete", "created": flights.at(30), "reason": None},
        "a": {"id": "a", "name": "report.html", "state": "failed", "created": flights.at(20), "reason": "no file"},
        "c": {"id": "c", "name": "there", "state": "stored", "created": flights.at(1)},
    }
    return {"state": "SUCCEEDED", "steps": {}, "artifacts": made}
