"""The nodes of the laid-out graph with what their steps' states say. Pure; `static/js/nodes.js` does the same."""

from __future__ import annotations

from typing import Any

from runreel_server.pages import text
from runreel_server.pages.readings import ENDED, step_reading

Json = dict[str, Any]

_WORST = ("FAILED", "CANCELED", "SKIPPED", "SUCCEEDED", "CACHED")


def standing(node: Json, steps: Json) -> tuple[Json, list[Json]]:
    """The step that a node stands for, and the tasks folded into it.

    Where the node stands for no single step, one is made of its tasks: it began with the first and ends with the last.
    A cell that stands for several tasks counts as so many with its state.
    """
    tasks = [
        steps.get(member["path"], member) if member["count"] == 1 else member
        for member in node.get("members") or ()
        for _ in range(member["count"])
    ]
    step = steps.get(node["path"])
    return (step if step is not None else together(tasks)), tasks


def together(tasks: list[Json]) -> Json:
    """One step made of many."""
    states = {task.get("state") or "PENDING" for task in tasks} or {"PENDING"}
    ended = states <= ENDED
    if states & {"RUNNING", "STALLED"}:
        state = "RUNNING" if "RUNNING" in states else "STALLED"
    elif "PENDING" in states:
        state = "RUNNING" if states & ENDED else "PENDING"
    else:
        state = next((one for one in _WORST if one in states), "SUCCEEDED")
    begun = [task["started"] for task in tasks if task.get("started")]
    over = [task["finished"] for task in tasks if task.get("finished")] if ended else []
    return {"state": state, "started": min(begun, default=None), "finished": max(over, default=None)}


def node_readings(graph: Json, state: Json, now: int) -> dict[str, Json]:
    """`step_reading` of every node, by its id."""
    steps = state.get("steps") or {}
    readings = {}
    for node in graph.get("nodes") or ():
        step, tasks = standing(node, steps)
        readings[node["id"]] = step_reading(step, now, tasks)
    return readings


def by_start(graph: Json, state: Json) -> list[Json]:
    """The nodes as the timeline lists them: by when they began, those that did not at the end."""
    steps = state.get("steps") or {}

    def begun(node: Json) -> tuple[bool, int]:
        step, _ = standing(node, steps)
        time = text.micros(step.get("started")) or text.micros(step.get("finished"))
        return time is None, time or 0

    return sorted(graph.get("nodes") or (), key=begun)


def by_state(graph: Json, state: Json, readings: dict[str, Json]) -> list[Json]:
    """The nodes as the way lists them: those that ended, those that run, those to come: it fills to the right."""
    order = {"PENDING": 2, "RUNNING": 1, "STALLED": 1, "PAUSED": 1, "CANCELING": 1}
    return sorted(by_start(graph, state), key=lambda node: order.get(readings[node["id"]]["state"], 0))


def edge_path(points: list[list[float]]) -> str:
    """An SVG path of an edge's points: its start, then two control points and an end for each curve."""
    (x, y), *rest = points
    curves = "".join(
        "C" + " ".join(f"{number:g}" for point in rest[index : index + 3] for number in point)
        for index in range(0, len(rest), 3)
    )
    return f"M{x:g} {y:g}{curves}"


def edge_state(edge: Json, readings: dict[str, Json]) -> str:
    """An edge has the state of what it leads to; from or to what was skipped it is skipped."""
    states = [readings[name]["state"] if name in readings else "PENDING" for name in (edge["from"], edge["to"])]
    return "SKIPPED" if "SKIPPED" in states else states[1]
