"""Which nodes a graph shows: sub-steps fold into their step, and like tasks into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from .places import places
from .states import overall, worst
from .steps import Step, above, in_order, pattern, title

#: `all`: everything is folded. `none`: nothing is. A collection of node ids: these are unfolded, the rest is folded.
Fold = Literal["all", "none"] | Collection[str]
#: So many tasks that are alike become one node.
ALIKE = 5
#: So many members of a folded node are listed one by one; more are listed as so many cells.
CELLS = 600
#: Steps that lie deeper than so many others are drawn as if they lay directly in that depth.
DEEPEST = 32


@dataclass(slots=True)
class Node:
    """A node that is shown: a step, a group (a step with its sub-steps folded into it), or tasks (like steps folded).

    `container` is the unfolded node that it lies in, or "". `key` orders it among the nodes of its rank.
    """

    id: str
    path: str
    label: str
    kind: Literal["step", "group", "tasks"]
    order: tuple[int, int]
    key: float
    state: str
    container: str
    members: list[tuple[str, str]] = field(default_factory=list)

    def cells(self) -> list[dict[str, str | int | list[str]]]:
        """The members, at most `CELLS`; beyond that each cell is several in a row, with the worst of their states, and
        names them all in `paths`: whoever has the steps of another moment tells the cell's state then."""
        size = len(self.members)
        shown = min(size, CELLS)
        edges = [size * n // shown for n in range(shown + 1)] if shown else []
        return [_cell(self.members[start:end]) for start, end in pairwise(edges)]


def _cell(members: list[tuple[str, str]]) -> dict[str, str | int | list[str]]:
    path = members[0][0]
    state, count = worst(Counter(state for _, state in members)), len(members)
    several: dict[str, list[str]] = {"paths": [path for path, _ in members]} if count > 1 else {}
    return {"path": path, "state": state, "count": count, **several}


@dataclass(slots=True)
class _Entry:
    """A path: a step, or what only contains steps."""

    path: str
    outer: str
    order: tuple[int, int]
    step: Step | None = None
    key: float = 0.0
    children: list[_Entry] = field(default_factory=list)

    @property
    def state(self) -> str:
        if self.step is not None:
            return self.step.state
        return overall(Counter(child.state for child in self.children))


class Folded:
    """A graph with its folds applied: `nodes` in the order of their first stamps, `edges`, and which `contain`."""

    def __init__(self, steps: Iterable[Step], fold: Fold = "all") -> None:
        self._steps = in_order(steps)
        self._fold = fold
        self._entries: dict[str, _Entry] = {}
        self._top: list[_Entry] = []
        for n, step in enumerate(self._steps):
            self._enter(step.path, n).step = step
        self._number()
        self._after: dict[str, set[str]] = {}
        for step in self._steps:
            for parent in step.parents:
                self._after.setdefault(parent, set()).add(pattern(step.path))
        self._shown: dict[str, str] = {}
        self.nodes = sorted(self._visit(self._top), key=lambda node: node.order)
        self._index = {node.id: n for n, node in enumerate(self.nodes)}
        self.contain: set[tuple[int, int]] = set()
        self.edges = self._connect()

    def _enter(self, path: str, order: int) -> _Entry:
        entry = self._entries.get(path)
        if entry is None:
            outer = above(path)
            while outer.count("/") >= DEEPEST:
                outer = above(outer)
            siblings = self._enter(outer, order).children if outer else self._top
            entry = self._entries[path] = _Entry(path, outer, (order, path.count("/")))
            siblings.append(entry)
        return entry

    def _number(self) -> None:
        """Give each entry its key, whether it is shown or not: folding changes no order."""
        entries = sorted(self._entries.values(), key=lambda entry: entry.order)
        index = {entry.path: n for n, entry in enumerate(entries)}
        anchors = []
        for n, entry in enumerate(entries):
            first = self._steps[entry.order[0]]
            named = (entry.outer, *first.parents) if first is entry.step else (entry.outer,)
            anchors.append([index[path] for path in named if index.get(path, n) < n])
        for entry, key in zip(entries, places(anchors), strict=True):
            entry.key = key

    def _unfolded(self, name: str) -> bool:
        return self._fold == "none" or (self._fold != "all" and name in self._fold)

    def _visit(self, siblings: list[_Entry], *, single: bool = True) -> Iterator[Node]:
        """The nodes for these entries. `single`: they may become one node, if all are alike."""
        groups = self._alike(siblings)
        if not single and len(groups) == 1 and len(groups[0][1]) == len(siblings):
            groups = []
        taken: set[str] = set()
        for name, members in groups:
            if self._unfolded(name):
                continue
            taken.update(entry.path for entry in members)
            label = title(pattern(members[0].path)).partition("*")[0].rstrip(" -_.#") or "tasks"
            yield self._node(members[0], members, name, label, "tasks")
            for entry in members:
                self._cover(entry, name)
        for entry in siblings:
            if entry.path in taken:
                continue
            self._shown[entry.path] = entry.path
            if not entry.children:
                yield self._node(entry, [], entry.path, title(entry.path), "step")
            elif self._unfolded(entry.path):
                yield self._node(entry, [], entry.path, title(entry.path), "group")
                yield from self._visit(entry.children, single=False)
            else:
                yield self._node(entry, entry.children, entry.path, title(entry.path), "group")
                for child in entry.children:
                    self._cover(child, entry.path)

    def _node(
        self, entry: _Entry, members: list[_Entry], name: str, label: str, kind: Literal["step", "group", "tasks"]
    ) -> Node:
        listed = [(member.path, member.state) for member in members]
        state = overall(Counter(state for _, state in listed)) if kind == "tasks" else entry.state
        if members:
            label = f"{label} ×{len(members)}"
        return Node(
            name,
            name if kind == "tasks" else entry.path,
            label,
            kind,
            entry.order,
            entry.key,
            state,
            entry.outer,
            listed,
        )

    def _cover(self, entry: _Entry, name: str) -> None:
        self._shown[entry.path] = name
        for child in entry.children:
            self._cover(child, name)

    def _alike(self, siblings: list[_Entry]) -> list[tuple[str, list[_Entry]]]:
        """Siblings with one name but for numbers, like parents and like children, five or more; with ids.

        A task whose children are not there yet is like those whose children are, so that it need not leave its group
        for the time between.
        """
        if self._fold == "none":
            return []
        before: dict[tuple[str, frozenset[str]], list[_Entry]] = {}
        for entry in siblings:
            name = pattern(entry.path)
            if "*" in name and not (entry.children and self._unfolded(entry.path)):
                parents = entry.step.parents if entry.step else ()
                before.setdefault((name, frozenset(map(pattern, parents))), []).append(entry)
        groups: list[tuple[str, list[_Entry]]] = []
        used: Counter[str] = Counter()
        for (name, _), members in before.items():
            if len(members) < ALIKE:
                continue
            after: dict[frozenset[str], list[_Entry]] = {}
            for entry in members:
                after.setdefault(frozenset(self._after.get(entry.path, ())), []).append(entry)
            if len(after) <= 2 and frozenset() in after:
                after = {frozenset(): members}
            for alike in after.values():
                if len(alike) >= ALIKE:
                    used[name] += 1
                    groups.append((name if used[name] == 1 else f"{name}*{used[name]}", alike))
        return groups

    def _connect(self) -> list[tuple[int, int]]:
        """The edges to draw, each once. What follows an unfolded step is drawn from the last ones in it."""
        container = {node.id: node.container for node in self.nodes}
        said: dict[tuple[str, str], None] = {}
        for step in self._steps:
            target = self._shown[step.path]
            for parent in step.parents:
                source = self._shown.get(parent, target)
                if source != target:
                    said[source, target] = None
        within = [(source, target) for source, target in said if container[source] == container[target]]
        leading, led = {source for source, _ in within}, {target for _, target in within}
        held: dict[str, list[str]] = {}
        for node in self.nodes:
            if node.container:
                held.setdefault(node.container, []).append(node.id)

        def lasts(source: str, target: str) -> Iterator[str]:
            inner = [] if target.startswith(source + "/") else held.get(source, [])
            ending = [name for name in inner if name not in leading]
            for name in ending:
                yield from lasts(name, target)
            if not ending:
                yield source

        edges: dict[tuple[int, int], None] = {}
        for outer, inner in held.items():
            for name in inner:
                edge = self._index[outer], self._index[name]
                if name not in led:
                    self.contain.add(edge)
                    edges[edge] = None
        for source, target in said:
            for last in lasts(source, target):
                edges[self._index[last], self._index[target]] = None
        return list(edges)
