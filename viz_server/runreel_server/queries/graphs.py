"""The laid-out step graph of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from runreel.codec import parse_time
from runreel.state import RunState, rules
from runreel.state.registers import Stamp, stamp
from runreel_server.graph import Fold, Step, Timing, critical_path, layout

Json = dict[str, Any]


def in_order(state: RunState) -> list[tuple[str, str]]:
    """The steps of a state in stamp order: the event that declared each (`""` where none did), and its path."""
    return [(event, path) for _, event, path in sorted((*_place(state, path), path) for path in state.record.steps)]


def graph(state: RunState, past: Mapping[str, str] | None, folds: Collection[str]) -> Json:
    """The layout of a run's steps: a pure function of them in stamp order.

    Args:
        state: the newest, which makes the layout.
        past: the states of the steps that are counted in the nodes, by path; those that are not there (yet) are
            PENDING. None: as they are now.
        folds: `all`, `none`, or the ids of what is unfolded; nothing means `all`.
    """
    steps = []
    for event, path in in_order(state):
        now, parents = rules.standing(state.index, path, state.record.steps[path])
        steps.append(Step(path, tuple(parents), now if past is None else past.get(path, "PENDING"), event or None))
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


def critical(steps: Json, now: int) -> Json:
    """The chain of steps that decides how long the run takes: `{"steps": [path, ...], "seconds": n}`.

    Args:
        steps: the steps of a view. One that ended counts with the time that it took; one that runs with what it took
            and has left; one to come with what it took in earlier runs.
        now: the moment of the view, in µs since 1970.
    """
    timings = [Timing(path, tuple(step["parents"]), _seconds(step, now)) for path, step in steps.items()]
    chain = critical_path(timings)
    lasting = {timing.path: timing.duration for timing in timings}
    return {"steps": chain, "seconds": sum(lasting[path] for path in chain)}


def _seconds(step: Json, now: int) -> float:
    if step["started"] is None:
        return step["expected"] or 0.0
    begun = parse_time(step["started"])
    end = step["finished"] or step["eta"]
    return max(0, max(parse_time(end), begun) - begun if end else now - begun) / 1e6
