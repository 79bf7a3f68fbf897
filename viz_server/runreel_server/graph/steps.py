"""A step as the drawing of the graph sees it: a path, its parents, a state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote, unquote

from .order import parents_first

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `path` and `parents` are paths: percent-encoded segments joined by "/".

    Steps are given in the order of their stamps. Those that one event declares together have its id in `event`, and are
    placed parents first whatever order the event names them in.
    """

    path: str
    parents: tuple[str, ...] = ()
    state: str = "PENDING"
    event: str | None = None


def in_order(steps: Iterable[Step]) -> list[Step]:
    """The steps as they are placed: of a path said twice the place of the first and the word of the last."""
    placed: list[Step] = []
    for event, group in groupby({step.path: step for step in steps}.values(), lambda step: step.event):
        together = list(group)
        if event is not None:
            index = {step.path: n for n, step in enumerate(together)}
            order, _ = parents_first([[index[p] for p in step.parents if p in index] for step in together])
            together = [together[n] for n in order]
        placed += together
    return placed


def above(path: str) -> str:
    """The path of the step that contains this one; "" at the top."""
    return path.rpartition("/")[0]


def title(path: str) -> str:
    """The last segment as a person wrote it."""
    return unquote(path.rpartition("/")[2])


def pattern(path: str) -> str:
    """The path with each number of its last segment replaced by "*": `extract-01` and `extract-12` have one.

    A "*" that a user wrote is percent-encoded, so that no step has such a path.
    """
    outer, slash, last = path.rpartition("/")
    if not _DIGITS.search(last):
        return path
    return outer + slash + "*".join(quote(part, safe="") for part in _DIGITS.split(title(path)))


def outermost(parents: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """The steps that lie in no other one of these, with their parents among each other.

    What lies in a step is a part of it: its parents are those of the step. A parent that is only named stands for all
    steps in it.
    """
    owner: dict[str, str] = {}
    for path in parents:
        cut = [n for n, letter in enumerate(path) if letter == "/"]
        owner[path] = next((path[:n] for n in cut if path[:n] in parents), path)
    within: dict[str, list[str]] = {}
    for path in dict.fromkeys(owner.values()):
        outer = above(path)
        while outer:
            within.setdefault(outer, []).append(path)
            outer = above(outer)
    found: dict[str, dict[str, None]] = {path: {} for path in owner.values()}
    for path, named in parents.items():
        for parent in named:
            for one in [owner[parent]] if parent in owner else within.get(parent, ()):
                if one != owner[path]:
                    found[owner[path]][one] = None
    return {path: list(sources) for path, sources in found.items()}
