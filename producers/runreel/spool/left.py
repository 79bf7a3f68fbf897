"""The segments and files that an ended process left."""

from __future__ import annotations

from pathlib import Path

from runreel.spool.segment import SUFFIX, Segment, load
from runreel.spool.slots import WORDS


class Dead:
    """The segments and files of an ended process."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._all = folder, dead_segments(folder)

    def segments(self) -> list[Segment]:
        """The segments that are left, oldest first."""
        return [segment for segment in self._all if not segment.released]

    def remove(self, name: str) -> None:
        """A file that a slot named is sealed."""
        (self._folder / name).unlink(missing_ok=True)


def dead_segments(folder: Path) -> list[Segment]:
    """The segments that an ended process left, oldest first.

    Two threads may have made the same one at once; the copy that lost holds nothing.
    """
    found: dict[int, Segment] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            segment = load(path)
        except (OSError, ValueError):
            continue
        other = found.get(segment.start)
        if other is None:
            found[segment.start] = segment
        elif _holds(segment):
            other.release()
            found[segment.start] = segment
        else:
            segment.release()
    return [found[start] for start in sorted(found)]


def _holds(segment: Segment) -> bool:
    return any(segment.view(segment.start, segment.end - segment.start).cast("Q")[WORDS - 1 :: WORDS].tolist())
