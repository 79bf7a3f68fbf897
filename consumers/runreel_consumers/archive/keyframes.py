"""The folds of runs that go on, kept so that neither a restart nor a reader begins at their start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from runreel.errors import NotFound
from runreel_consumers.archive.names import name_of, text_of
from runreel_consumers.archive.positions import Position
from runreel_consumers.store import Store

LIVE: Final = "live/"
_NEWEST: Final = 2
"""A reader that has listed one must still find it when it gets it."""


class Keyframes:
    """Keyframes as `live/WORKSPACE/RUN/POSITION`, the newest two of each run.

    What is in one is the catalog's business (`catalog.live.Live`): all of the run up to the position in its name.

    Args:
        store: where they lie.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[str, list[str]] = {}

    def put(self, workspace: str, run: str, upto: Position, keyframe: bytes) -> None:
        """Keep one, and let go of those before the newest two."""
        folder = self._folder(workspace, run)
        key = f"{folder}{upto}"
        self._store.put(key, keyframe)
        known = self._written.get(folder)
        if known is None:  # what others left is looked up once
            known = [info.key for info in self._store.list(folder)]
        kept = sorted({key, *known})
        self._store.delete(kept[:-_NEWEST])
        self._written[folder] = kept[-_NEWEST:]

    def get(self, workspace: str, run: str) -> tuple[Position, bytes] | None:
        """The newest one of a run; None where there is none."""
        return self._newest(self._folder(workspace, run))

    def find(self, run: str) -> tuple[Position, bytes] | None:
        """The newest one of a run in whichever workspace."""
        found = (self._newest(f"{LIVE}{name}/{name_of(run)}/") for name in self._store.folders(LIVE))
        return max((one for one in found if one is not None), default=None, key=lambda one: one[0])

    def runs(self) -> Iterator[str]:
        """The runs that have keyframes."""
        for workspace in self._store.folders(LIVE):
            yield from map(text_of, self._store.folders(f"{LIVE}{workspace}/"))

    def drop(self, workspace: str, run: str) -> None:
        """Let go of all of a run's."""
        folder = self._folder(workspace, run)
        self._written.pop(folder, None)
        self._store.delete([info.key for info in self._store.list(folder)])

    def _newest(self, folder: str) -> tuple[Position, bytes] | None:
        for key in sorted((info.key for info in self._store.list(folder)), reverse=True):
            try:
                return Position.parse(key.removeprefix(folder)), self._store.get(key)
            except NotFound:
                continue
        return None

    def _folder(self, workspace: str, run: str) -> str:
        return f"{LIVE}{name_of(workspace)}/{name_of(run)}/"
