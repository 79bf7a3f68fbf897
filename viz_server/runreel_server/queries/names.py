"""Runs as addresses name them: by their whole id, or by any end of it that only one run has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from runreel.errors import NotFound

SHORTEST: Final = 4
_WHOLE: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_END: Final = re.compile(r"[0-9a-f-]{4,}")
_SHOWN: Final = 5


class Names:
    """Finds the run that an address means.

    Args:
        known: answers the ids of the runs that the catalog and the tail know and that end so; asked first.
        stored: answers those of the archive, which takes longer.
    """

    def __init__(self, known: Callable[[str], Iterable[str]], stored: Callable[[str], Iterable[str]]) -> None:
        self._known, self._stored = known, stored

    def resolve(self, name: str) -> str:
        """The run's whole id. What is no end of a usual id is taken as an id that was given from outside.

        Raises:
            NotFound: no run, or several, end so.
        """
        if whole(name):
            return name.lower()
        if not _END.fullmatch(name.lower()):
            return name
        end = name.lower().replace("-", "")
        found = set(self._known(end)) or set(self._stored(end))
        if len(found) > 1 and name not in found:
            some = ", ".join(sorted(found)[:_SHOWN])
            raise NotFound(f"{name!r} ends {len(found)} runs ({some}): give more digits")
        return name if not found or name in found else found.pop()


def whole(name: str) -> bool:
    """Whether a name is a run's whole id."""
    return _WHOLE.fullmatch(name.lower()) is not None
