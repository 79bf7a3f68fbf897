"""The laid-out step graph of a run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from runreel.state import RunState
from runreel.state.registers import Stamp, stamp
from runreel_server.graph import Fold, Step, layout

Json = dict[str, Any]


def graph(state: RunState, view: Json, folds: Collection[str]) -> Json:
    """The layout of a state, with the states of a view of it: a pure function of the steps in stamp order.

    Args:
        state: the fold that has all steps to show.
        view: the view whose states of steps are counted in the nodes; those that it lacks are PENDING.
        folds: `all`, `none`, or the ids of what is unfolded; nothing means `all`.
    """
    steps = view["steps"]
    placed = sorted((*_place(state, path), path) for path in state.record.steps)
    shown = [
        Step(path, tuple((steps.get(path) or _parents(state, path))["parents"]), _state(steps, path), event or None)
        for _, event, path in placed
    ]
    return layout(shown, _fold(folds))


def _state(steps: Json, path: str) -> str:
    return str(steps[path]["state"]) if path in steps else "PENDING"


def _parents(state: RunState, path: str) -> Json:
    return state.view_part(("step", path)) or {"parents": []}


def _fold(folds: Collection[str]) -> Fold:
    chosen = set(folds) - {"all"}
    if chosen == {"none"}:
        return "none"
    return chosen or "all"


def _place(state: RunState, path: str) -> tuple[Stamp, str]:
    """The first stamp of a step, and the event of the graph that it was declared with, `""` where it was not."""
    record = state.record
    step, offsets = record.steps[path], record.offsets
    declared = [stamp(offsets, sid, said) for each in (step.declared, step.expected) for sid, said in each.items()]
    started = [stamp(offsets, sid, said) for one in step.executions.values() for sid, said in one.starts.items()]
    if not declared and not started:
        return (2**63, "", 0), ""
    first = min((*declared, *started))
    return first, f"{first[1]}-{first[2]}" if first in declared else ""
