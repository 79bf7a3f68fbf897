"""The laid-out step graph of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from runreel.state import RunState
from runreel.state.registers import Stamp, stamp
from runreel_server.graph import Fold, Step, layout

Json = dict[str, Any]

_ABSENT: Final = {"state": "PENDING"}


def in_order(state: RunState) -> list[tuple[str, str]]:
    """The steps of a state in stamp order: the event that declared each (`""` where none did), and its path."""
    return [(event, path) for _, event, path in sorted((*_place(state, path), path) for path in state.record.steps)]


def graph(order: Iterable[tuple[str, str]], present: Json, shown: Json, folds: Collection[str]) -> Json:
    """The layout of a run's steps: a pure function of them in stamp order.

    Args:
        order: what `in_order` answers.
        present: the steps as the newest view has them; they make the layout.
        shown: the steps whose states are counted in the nodes; those that are not there (yet) are PENDING.
        folds: `all`, `none`, or the ids of what is unfolded; nothing means `all`.
    """
    steps = [
        Step(path, tuple(present[path]["parents"]), (shown.get(path) or _ABSENT)["state"], event or None)
        for event, path in order
    ]
    return layout(steps, _fold(folds))


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
