"""What depends on who looks: the clock, the streams beside the state, what is stored, what earlier runs took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runreel.state.tally import Tally


class Looks(msgspec.Struct, frozen=True):
    """One look at a state; the arguments of `RunState.view`."""

    now: int | None
    tally: Tally | None
    stored: Mapping[str, int]
    medians: Mapping[str, Any]
    versions: dict[str, int] = msgspec.field(default_factory=dict)
    """Versions of outputs, once counted during this look."""
