"""What a process does that only serves: a consumer, a server, all of `runreel up`."""

from __future__ import annotations

import gc
import sys
from typing import Final

import pyarrow as pa


class _Absent:
    """Finds no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("a service does without pandas", name=name)


_COLLECT: Final = (20_000, 20, 20)
"""How many objects more, and how many collections of the younger ones, until the next. With Python's own 700 a view of
5,000 steps has all objects of the process looked at, which takes longer than the view; they have no cycles."""


def prepare() -> None:
    """Make this process one that only serves."""
    gc.set_threshold(*_COLLECT)
    forget_pandas()


def forget_pandas() -> None:
    """Have pyarrow do without pandas in this process, which then must not ask it for pandas' objects.

    With the first value that it is given, pyarrow imports pandas where that is installed, to know its objects: 0.4 s of
    CPU and 40 MB that a service has no use for. It looks once, so here it looks where none is.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _Absent)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(_Absent)
