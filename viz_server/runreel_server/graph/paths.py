"""The critical path: the chain of steps that decides how long the whole takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .order import parents_first
from .steps import outermost


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one step took, or is expected to take, in seconds; `path` and `parents` as in `Step`."""

    path: str
    parents: tuple[str, ...] = ()
    duration: float = 0.0


def critical_path(timings: Iterable[Timing]) -> list[str]:
    """The paths of the longest chain by duration, first to last; of equal ones that of more steps, then earlier.

    So it goes on through what is still to come, though nobody knows how long that takes.

    A step's own duration holds that of the steps in it, so these are no part of the chain. Edges that close a cycle are
    left out.
    """
    said = {timing.path: timing for timing in timings}
    graph = outermost({path: timing.parents for path, timing in said.items()})
    paths = list(graph)
    index = {path: n for n, path in enumerate(paths)}
    parents = [[index[parent] for parent in graph[path]] for path in paths]
    order, back = parents_first(parents)
    length = [(0.0, 0)] * len(paths)  # seconds, steps
    through: list[int | None] = [None] * len(paths)
    for n in order:
        before = [parent for parent in parents[n] if (parent, n) not in back]
        if before:
            through[n] = max(before, key=lambda parent: (*length[parent], -parent))
        longest = through[n]
        seconds, steps = (0.0, 0) if longest is None else length[longest]
        length[n] = said[paths[n]].duration + seconds, steps + 1
    chain: list[str] = []
    step = max(range(len(paths)), key=lambda n: (*length[n], -n), default=None)
    while step is not None:
        chain.append(paths[step])
        step = through[step]
    return chain[::-1]
