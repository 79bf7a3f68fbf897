"""How long a run still takes, by the progress of its steps and by what they took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .order import parents_first
from .states import ENDED
from .steps import above, outermost

#: What a step that is over its median, and says no progress, is given: a tenth of the median.
_OVERDUE = 0.1
#: What has not ended is at most so far, of 1: 100 % says that all is done.
MOST = 0.994
#: A lesser share of a step is no measure of its pace.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Pace:
    """How far one step is: `started` in µs since 1970, progress as said; `path` and `parents` as in `Step`."""

    path: str
    parents: tuple[str, ...] = ()
    state: str = "PENDING"
    started: int | None = None
    done: float | None = None
    total: float | None = None


def eta(steps: Iterable[Pace], medians: Mapping[str, float], now: int) -> float | None:
    """The seconds that a run still takes: the longest chain of what runs and what is to come.

    `medians` are the expected seconds of steps by path; `now` is in µs since 1970. A running step is judged by its
    progress, the more the further it is, and by its median for the rest; without a progress of its own, that of the
    steps in it counts. What waits for a failed or canceled step is not expected to run.

    None where a step that counts can be judged by nothing, or no step is known: a guess is not made up.
    """
    said = {step.path: step for step in steps}
    if not said:
        return None
    graph = outermost({path: step.parents for path, step in said.items()})
    inner: dict[str, list[Pace]] = {}
    for step in said.values():
        inner.setdefault(above(step.path), []).append(step)
    paths = list(graph)
    index = {path: n for n, path in enumerate(paths)}
    parents = [[index[parent] for parent in graph[path]] for path in paths]
    order, back = parents_first(parents)
    until = [0.0] * len(paths)
    dropped = [False] * len(paths)
    for n in order:
        step = said[paths[n]]
        if step.state in ENDED:
            dropped[n] = step.state in ("FAILED", "CANCELED")
            continue
        before = [parent for parent in parents[n] if (parent, n) not in back]
        if step.state == "PENDING":
            if any(dropped[parent] for parent in before):
                dropped[n] = True
                continue
            own = medians.get(step.path)
            wait = max((until[parent] for parent in before), default=0.0)
        else:
            own = left(step, medians.get(step.path), now, inner.get(step.path, ()))
            wait = 0.0
        if own is None:
            return None
        until[n] = wait + own
    return max(until)


def left(step: Pace, median: float | None, now: int, inner: Iterable[Pace] = ()) -> float | None:
    """The seconds that a running step still takes; None if neither its progress nor its median tells.

    `inner` are the steps directly in it: how far they are is its progress if it says none. What goes on is never at
    its end, as where a page says how much of it is done.
    """
    done, total = step.done, step.total
    if done is None or not total:
        parts = [1.0 if other.state in ENDED else _share(other) for other in inner]
        done, total = sum(parts), len(parts)
    elapsed = None if step.started is None else max(0.0, (now - step.started) / 1e6)
    share = min(MOST, max(0.0, done / total)) if total and total > 0 else 0.0
    by_median = None
    if median is not None:
        by_median = median * (1 - share) if elapsed is None else max(median - elapsed, _OVERDUE * median)
    if share < _LEAST or elapsed is None:
        return by_median
    by_progress = elapsed * (1 - share) / share
    return by_progress if by_median is None else share * by_progress + (1 - share) * by_median


def _share(step: Pace) -> float:
    done, total = step.done, step.total
    return 0.0 if done is None or not total or total < 0 else min(MOST, max(0.0, done / total))
