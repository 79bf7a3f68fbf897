"""What carries a user's words: a session, or nothing at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from runreel.session import Session

Voice: TypeAlias = "Session | Silence"


class Silence:
    """A session that says nothing: RUNREEL_DISABLED, no run, or a run that is over."""

    id = ""

    def say(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    def series(self, *_: Any) -> int:
        """A handle that means nothing."""
        return 0

    point = points = line = progress = upload = say

    def files(self) -> Path:
        """There is no spool.

        Raises:
            OSError: always.
        """
        raise OSError("nothing is kept where nothing is said")

    def flush(self, timeout: float | None = None) -> bool:
        """Nothing waits: True at once."""
        return True

    def close(self, timeout: float | None = None) -> bool:
        """Nothing waits: True at once."""
        return True


SILENCE: Final = Silence()
