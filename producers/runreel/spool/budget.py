"""How many bytes a spool may take, and who may still have some."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

GREATEST: Final = 2 << 30
SHARE: Final = 10
RESERVE: Final = 20
"""One part in twenty is kept for structure."""

_SCAN: Final = 5.0  # seconds between two looks at what the machine's other spools take


def default_limit(folder: Path) -> int:
    """The lesser of 2 GiB and a tenth of the free disk."""
    try:
        return min(GREATEST, shutil.disk_usage(folder).free // SHARE)
    except OSError:
        return GREATEST


def size_of(folder: Path) -> int:
    """Bytes of the spool files in one session's folder; artifact copies, which lie in folders below, aside."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
    except OSError:
        return 0
    return total


class Budget:
    """What one session's spool may take of the limit that all spools in `root` share.

    Args:
        root: the folder of all spools.
        limit: bytes, or None for the default.
        used: answers the bytes that this session takes.
    """

    def __init__(self, root: Path, own: Path, limit: int | None, used: Callable[[], int]) -> None:
        self._root, self._own, self._used = root, own, used
        self.limit = default_limit(root) if limit is None else limit
        self._others, self._scanned = 0, float("-inf")

    def room(self, *, reserve: bool) -> int:
        """Bytes that may still be taken. `reserve`: for structure, which may have the last twentieth too."""
        limit = self.limit if reserve else self.limit - self.limit // RESERVE
        return limit - self._others - self._used()

    def scan(self) -> None:
        """Look at what the other spools take; at most once in five seconds. For the shipping thread."""
        if time.monotonic() - self._scanned < _SCAN:
            return
        self._scanned = time.monotonic()
        try:
            with os.scandir(self._root) as entries:
                folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return
        self._others = sum(size_of(folder) for folder in folders if folder != self._own)
