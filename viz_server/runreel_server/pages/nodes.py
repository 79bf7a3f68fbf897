"""The nodes of the laid-out graph with what their steps' states say. Pure; `static/js/graph/nodes.js` does the same."""

from __future__ import annotations

from typing import Any

from runreel_server.pages import text
from runreel_server.pages.readings import ENDED, leaves, step_reading

Json = dict[str, Any]

_TO_COME: Json = {"state": "PENDING"}
_RANKS = ("PENDING", "SKIPPED", "CACHED", "SUCCEEDED", "RUNNING", "CANCELED", "STALLED", "FAILED")
COLUMNS = 240  # pieces that the way has room for
_WORST = ("FAILED", "CANCELED", "SKIPPED", "SUCCEEDED", "CACHED")


class Tasks:
    """The tasks of a state, by path: steps, and what only contains steps.

    Args:
        steps: of the state.
    """

    def __init__(self, steps: Json) -> None:
        self.steps = steps
        self._below: dict[str, list[str]] | None = None
        self._made: dict[str, Json] = {}

    def of(self, path: str) -> Json:
        """A step; of what contains some all of them together; else one that is to come."""
        step = self.steps.get(path) or self._made.get(path)
        if step is None:
            if self._below is None:
                self._below = leaves(self.steps)
            inner = [self.steps[one] for one in self._below.get(path, ())]
            ended = sum(one.get("state") in ENDED for one in inner)
            step = {**together(inner), "progress": {"done": ended, "total": len(inner)}} if inner else _TO_COME
            self._made[path] = step
        return step


def standing(node: Json, known: Tasks) -> tuple[Json, list[Json]]:
    """The step that a node stands for, and the tasks folded into it.

    Where the node stands for no single step, one is made of its tasks, or of what lies in it where it is unfolded: it
    began with the first and ends with the last. A task that the steps do not have is to come: what the graph says of it
    is how it stands now, not at the moment that is looked at.
    """
    cells = node.get("members") or ()
    tasks = [known.of(path) for cell in cells for path in cell.get("paths") or (cell["path"],)]
    step = known.steps.get(node["path"])
    if step is None:
        step = together(tasks) if tasks else known.of(node["path"])
    return step, tasks


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
    known = Tasks(state.get("steps") or {})
    readings = {}
    for node in graph.get("nodes") or ():
        step, tasks = standing(node, known)
        readings[node["id"]] = step_reading(step, now, tasks)
    return readings


def lane_says(step: Json, reading: Json) -> str:
    """How many tasks a step has, from when to when it went, and how many are wrong, in words."""
    begun, over = text.micros(step.get("started")), text.micros(step.get("finished"))
    when = "" if begun is None else f"from {text.clock(begun)}" + (" on" if over is None else f" to {text.clock(over)}")
    counted = text.plural(reading["tasks"], "task") if reading["tasks"] else ""
    wrong = [f"{text.count(reading[one])} {one}" for one in ("failed", "stalled") if reading[one]]
    return ", ".join([" ".join(filter(None, (counted, when))), *wrong])


def by_start(graph: Json, state: Json) -> list[Json]:
    """The nodes as the timeline lists them: by when they began, those that did not at the end."""
    known = Tasks(state.get("steps") or {})

    def begun(node: Json) -> tuple[bool, int]:
        step, _ = standing(node, known)
        time = text.micros(step.get("started")) or text.micros(step.get("finished"))
        return time is None, time or 0

    return sorted(graph.get("nodes") or (), key=begun)


def columns(pieces: list[Json]) -> list[Json]:
    """The pieces of the way (`{label, state, weight, share, ...}`); where there are more than it has room for, so many
    side by side are one, with the worst state of them."""
    each = -(-len(pieces) // COLUMNS)
    if each <= 1:
        return pieces
    return [_column(pieces[start : start + each]) for start in range(0, len(pieces), each)]


def _column(pieces: list[Json]) -> Json:
    weight = sum(one["weight"] for one in pieces)
    worst = max(pieces, key=lambda one: _RANKS.index(one["state"]) if one["state"] in _RANKS else -1)
    label = f"{pieces[0]['label']} … {pieces[-1]['label']}" if len(pieces) > 1 else worst["label"]
    share = sum(one["share"] * one["weight"] for one in pieces) / weight
    return {**worst, "label": label, "weight": weight, "share": share}


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
