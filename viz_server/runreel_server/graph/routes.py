"""The way of an edge: level along its lane, curved in the gaps between ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

Point = list[int]


class Box(NamedTuple):
    """A node's place, in pixels."""

    x: int
    y: int
    w: int
    h: int

    @property
    def middle(self) -> int:
        """The height at which edges come and go."""
        return self.y + self.h // 2


class Stop(NamedTuple):
    """A level piece of an edge: through a rank, or from a narrow node to the end of its own."""

    left: int
    right: int
    height: int


def route(source: Box, target: Box, stops: Iterable[Stop]) -> list[Point]:
    """The points of an edge: its start, then for each cubic curve two control points and its end.

    An edge is level at its stops and curved between them; two level pieces of one height are one.
    """
    points: list[Point] = [[source.x + source.w, source.middle]]
    for stop in stops:
        _go(points, stop.left, stop.height)
        _go(points, stop.right, stop.height)
    _go(points, target.x, target.middle)
    return points


def loop(source: Box, target: Box) -> list[Point]:
    """The points of an edge that goes back: out to the right, below, and in from the left."""
    start, end = [source.x + source.w, source.middle], [target.x, target.middle]
    below = max(source.y + source.h, target.y + target.h) + 2 * max(source.h, target.h)
    return [start, [start[0] + source.w, below], [end[0] - target.w, below], end]


def _go(points: list[Point], x: int, y: int) -> None:
    """Lead a way on to a point: as a longer level piece where it is one, else by a curve that is level at both ends."""
    left, height = points[-1]
    if x == left:
        return
    if y == height and len(points) >= 4 and points[-4][1] == height:
        left = points[-4][0]
        del points[-3:]
    middle = (left + x) // 2
    points += [[middle, height], [middle, y], [x, y]]
