"""An order of a graph in which parents come first, though it may have cycles."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

Parents = Sequence[Sequence[int]]
Edge = tuple[int, int]


def parents_first(parents: Parents) -> tuple[list[int], set[Edge]]:
    """The nodes ordered so that parents come first, earlier ones first where free; and the edges left out for that.

    `parents[n]` are the parents of node n. Left out, as (parent, child), are the edges of cycles that go against the
    order of the nodes. Linear where each node's parents come before it.
    """
    size = len(parents)
    late = [(parent, child) for child in range(size) for parent in parents[child] if parent >= child]
    if not late:
        return list(range(size)), set()
    component = _components(parents)
    back = {(parent, child) for parent, child in late if component[parent] == component[child]}
    children: list[list[int]] = [[] for _ in range(size)]
    waits = [0] * size
    for child in range(size):
        for parent in parents[child]:
            if (parent, child) not in back:
                children[parent].append(child)
                waits[child] += 1
    free = [node for node in range(size) if not waits[node]]
    order = []
    while free:
        node = heapq.heappop(free)
        order.append(node)
        for child in children[node]:
            waits[child] -= 1
            if not waits[child]:
                heapq.heappush(free, child)
    return order, back


def _components(parents: Parents) -> list[int]:
    """The strongly connected component of each node (Tarjan, without recursion)."""
    size = len(parents)
    component, seen, low = [-1] * size, [-1] * size, [0] * size
    stack: list[int] = []
    clock = found = 0
    for root in range(size):
        if seen[root] >= 0:
            continue
        walk = [(root, iter(parents[root]))]
        seen[root] = low[root] = clock
        clock += 1
        stack.append(root)
        while walk:
            node, rest = walk[-1]
            for parent in rest:
                if seen[parent] < 0:
                    seen[parent] = low[parent] = clock
                    clock += 1
                    stack.append(parent)
                    walk.append((parent, iter(parents[parent])))
                    break
                if component[parent] < 0:
                    low[node] = min(low[node], seen[parent])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == seen[node]:
                    while component[node] < 0:
                        component[stack.pop()] = found
                    found += 1
    return component
