"""Where the nodes and edges of a step graph lie: layered, left to right, and calm while it grows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from .folds import CELLS, Fold, Folded, Node
from .order import Edge, parents_first
from .routes import Box, Point, Stop, loop, route
from .steps import Step

#: Pixels, all multiples of 4; heights are 4 more than a multiple of 8, so that centres of nodes and lanes can be level.
GRID, GAP_X, GAP_Y, LANE = 4, 28, 12, 4
_HEIGHT, _HEIGHT_TASKS = 28, 44
_ROW = 50
#: What the button takes that folds and unfolds.
_BUTTON = 20
#: An edge over more ranks than this is drawn straight across them, without room of its own.
_LONGEST = 12


@dataclass(slots=True)
class _Item:
    """What takes a place in a rank: a node, or the lane of a source whose edges go past this rank."""

    key: float
    order: int
    source: int
    height: int
    lane: bool


def layout(steps: Iterable[Step], fold: Fold = "all") -> dict[str, Any]:
    """The laid-out graph, JSON-able: `{nodes, edges, width, height}`, lengths in pixels.

    A node: `{id, path, label, kind, state, rank, x, y, w, h, folded, members, states}`; `folded` is how many steps are
    folded into it, or None; `members` are at most 600 cells `{path, state, count}`, one of several also with all their
    `paths`; `states` counts them all. An edge: `{from, to, points, back, contains}`; `points` are the start, then for
    each cubic curve its two control points and its end; `back` marks one that closes a cycle, `contains` one from an
    unfolded step to a step in it.

    A pure function of the steps in stamp order, and of no state of a step (states are only counted), so that all
    servers agree. Ranks are by longest path. A step's place among those of its rank follows from the steps before it
    that were there when it came (their barycentre, computed once), so that later steps never change the order of
    earlier ones, folded or not: they make room to the right and below.
    """
    folded = Folded(steps, fold)
    nodes = folded.nodes
    parents: list[list[int]] = [[] for _ in nodes]
    for source, target in folded.edges:
        parents[target].append(source)
    order, back = parents_first(parents)
    ranks = [0] * len(nodes)
    for n in order:
        ranks[n] = max((ranks[p] + 1 for p in parents[n] if (p, n) not in back), default=0)
    columns = _columns(nodes, ranks)
    boxes, lanes = _place(nodes, parents, back, ranks, columns)

    def way(source: int, target: int) -> list[Point]:
        if (source, target) in back:
            return loop(boxes[source], boxes[target])
        first, own = ranks[source], lanes.get(source, {})
        stops = [Stop(boxes[source].x + boxes[source].w, columns[first][1], boxes[source].middle)]
        if ranks[target] - first <= _LONGEST:
            stops += [Stop(*columns[rank], own[rank]) for rank in own if rank < ranks[target]]
        return route(boxes[source], boxes[target], stops)

    return {
        "nodes": [_node_json(node, ranks[n], boxes[n]) for n, node in enumerate(nodes)],
        "edges": [
            {
                "from": nodes[source].id,
                "to": nodes[target].id,
                "points": way(source, target),
                "back": (source, target) in back,
                "contains": (source, target) in folded.contain,
            }
            for source, target in folded.edges
        ],
        "width": max((box.x + box.w for box in boxes), default=0),
        "height": max((box.y + box.h for box in boxes), default=0),
    }


def _node_json(node: Node, rank: int, box: Box) -> dict[str, Any]:
    states: dict[str, int] = {}
    for _, state in node.members or [(node.path, node.state)]:
        states[state] = states.get(state, 0) + 1
    return {
        "id": node.id,
        "path": node.path,
        "label": node.label,
        "kind": node.kind,
        "state": node.state,
        "rank": rank,
        "x": box.x,
        "y": box.y,
        "w": box.w,
        "h": box.h,
        "folded": len(node.members) or None,
        "members": node.cells(),
        "states": states,
    }


def _size(node: Node) -> tuple[int, int]:
    """Width and height of a node, by its label, or by the rows of its heat strip: a cell is 4 by 5."""
    button = _BUTTON if node.kind != "step" else 0
    width = min(220, max(92, ceil((76 + button + 7 * len(node.label)) / GRID) * GRID))
    if not node.members:
        return width, _HEIGHT
    rows = ceil(min(len(node.members), CELLS) / _ROW)
    if rows == 1:
        return max(160, width), _HEIGHT_TASKS
    return 220, _HEIGHT_TASKS + 8 * ceil(5 * rows / 8)


def _columns(nodes: list[Node], ranks: list[int]) -> list[tuple[int, int]]:
    """The left and right edge of each rank."""
    widths = [0] * (max(ranks, default=-1) + 1)
    for node, rank in zip(nodes, ranks, strict=True):
        widths[rank] = max(widths[rank], _size(node)[0])
    columns, left = [], 0
    for width in widths:
        columns.append((left, left + width))
        left += width + GAP_X
    return columns


def _place(
    nodes: list[Node], parents: list[list[int]], back: set[Edge], ranks: list[int], columns: list[tuple[int, int]]
) -> tuple[list[Box], dict[int, dict[int, int]]]:
    """The box of each node, and for each source the height of its lane in each rank that its edges pass.

    From the left, each item lies level with the mean of what leads to it, or below the one before it in its rank. So
    all heights only grow with what is added.
    """
    items: list[list[_Item]] = [[] for _ in columns]
    reached = list(ranks)
    for n, (node, rank) in enumerate(zip(nodes, ranks, strict=True)):
        items[rank].append(_Item(node.key, n, n, _size(node)[1], lane=False))
        for parent in parents[n]:
            if (parent, n) not in back and rank - ranks[parent] <= _LONGEST:
                for passed in range(reached[parent] + 1, rank):
                    items[passed].append(_Item(nodes[parent].key, n, parent, LANE, lane=True))
                reached[parent] = max(reached[parent], rank - 1)
    boxes = [Box(0, 0, 0, 0)] * len(nodes)
    lanes: dict[int, dict[int, int]] = {}
    for rank, (left, right) in enumerate(columns):
        floor = 0
        for item in sorted(items[rank], key=lambda item: (item.key, item.order, item.lane)):
            n = item.source
            if item.lane:
                level = [lanes.get(n, {}).get(rank - 1, boxes[n].middle)]
            else:
                level = [
                    lanes.get(parent, {}).get(rank - 1, boxes[parent].middle)
                    for parent in parents[n]
                    if (parent, n) not in back
                ]
            wish = sum(level) / len(level) - item.height / 2 if level else 0
            top = max(floor, int(wish // GRID) * GRID)
            floor = top + item.height + GAP_Y
            if item.lane:
                lanes.setdefault(n, {})[rank] = top + LANE // 2
            else:
                width, height = _size(nodes[n])
                boxes[n] = Box(left, top, width if nodes[n].members else right - left, height)
    return boxes, lanes
