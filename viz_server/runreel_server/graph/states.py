"""What many states are together."""

from __future__ import annotations

from collections.abc import Mapping

#: From worst to best: what a cell that stands for many tasks shows.
WORST = ("FAILED", "STALLED", "CANCELED", "RUNNING", "PENDING", "SKIPPED", "SUCCEEDED", "CACHED")
#: States in which a step has ended.
ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"})
_BADNESS = {state: place for place, state in enumerate(WORST)}


def worst(states: Mapping[str, int]) -> str:
    """The worst state of a group; an unknown one counts as the best."""
    return min(states, key=lambda state: _BADNESS.get(state, len(WORST)))


def overall(states: Mapping[str, int]) -> str:
    """The state of a group as a whole: it runs while any of it runs, or while only a part of it has ended."""
    for state in ("RUNNING", "STALLED"):
        if state in states:
            return state
    if "PENDING" in states:
        return "RUNNING" if any(state in ENDED for state in states) else "PENDING"
    return worst({state: count for state, count in states.items() if state != "SKIPPED"} or states)
