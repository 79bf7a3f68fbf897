"""A growing numpy array: the ground of columns and pyramids."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)


class Buffer(Generic[T]):
    """A one-dimensional array that grows at its end at amortised constant cost, and can be shortened."""

    def __init__(self, dtype: type[T], capacity: int = 16) -> None:
        self._data: npt.NDArray[T] = np.empty(capacity, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def array(self) -> npt.NDArray[T]:
        """What is held: a view, valid until the next change."""
        return self._data[: self._size]

    def truncate(self, size: int) -> None:
        """Forget all from index `size` on; nothing happens where it is shorter already."""
        self._size = min(self._size, size)

    def extend(self, values: npt.NDArray[T]) -> None:
        """Add `values` at the end."""
        size = self._size + len(values)
        if size > len(self._data):
            grown = np.empty(max(size, 2 * len(self._data)), self._data.dtype)
            grown[: self._size] = self._data[: self._size]
            self._data = grown
        self._data[self._size : size] = values
        self._size = size
