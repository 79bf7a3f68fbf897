"""Folds that branch: two of them share what neither has changed since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Branching(Generic[K, V]):
    """A dict whose values grow in place. After `branch` a value is copied before it first grows on either side, so
    that a branch costs a copy of the dict alone.

    Args:
        kept: the dict; to be read by anybody, to be changed through this alone.
        copy: makes a value that grows on its own.
    """

    __slots__ = ("_copy", "_own", "get", "kept")

    def __init__(self, kept: dict[K, V], copy: Callable[[V], V]) -> None:
        self.kept = kept
        self.get: Callable[[K], V | None] = kept.get  # the dict's own, as long as nobody shares it
        """The value of a key, to grow; None where there is none."""
        self._copy = copy
        self._own: set[K] | None = None  # the keys whose values nobody shares; None: all of them

    def _get(self, key: K) -> V | None:
        value = self.kept.get(key)
        if value is None or self._own is None or key in self._own:
            return value
        return self.put(key, self._copy(value))

    def put(self, key: K, value: V) -> V:
        """Let a value be that of a key; answers it."""
        self.kept[key] = value
        if self._own is not None:
            self._own.add(key)
        return value

    def branch(self, kept: dict[K, V] | None = None) -> Branching[K, V]:
        """The same values in a dict of its own; in `kept` where that is a copy already."""
        other = Branching(dict(self.kept) if kept is None else kept, self._copy)
        for one in (self, other):
            one._own, one.get = set(), one._get
        return other
