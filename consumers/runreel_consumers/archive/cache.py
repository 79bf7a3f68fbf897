"""Immutable things in memory, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps what was made last; the least recently used goes first. Safe to use from several threads.

    Args:
        limit: the most that all values may weigh together.
        weight: what one value weighs.
    """

    def __init__(self, limit: int, weight: Callable[[V], int]) -> None:
        self._limit, self._weight = limit, weight
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of `key`, made where it is not kept. Two threads may make it at once; both get a right one."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = make()
        weight = self._weight(value)
        if weight > self._limit // 4:  # one large value must not push all others out
            return value
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self._total += weight
                while self._total > self._limit:
                    _, out = self._kept.popitem(last=False)
                    self._total -= self._weight(out)
        return value
