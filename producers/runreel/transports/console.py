"""Events as JSON lines on stderr. For RUNREEL_TRANSPORT=console."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from runreel.transports.base import Sealed
from runreel.transports.null import NullTransport


class ConsoleTransport(NullTransport):
    """Writes every event to stderr, as a line, and acknowledges it."""

    name = "console"
    where = "stderr (RUNREEL_TRANSPORT=console)"

    def send(self, events: Sequence[Sealed]) -> int:
        """Write all."""
        lines = b"".join(event.message + b"\n" for event in events)
        sys.stderr.write(lines.decode())
        sys.stderr.flush()
        return super().send(events)
