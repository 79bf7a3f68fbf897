"""What a chart's x axis can be, and which one suits a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from .tiles import Tiles

#: `at`: the point's index as said. `elapsed`: seconds since an origin, mostly the run's start. `time`: µs since 1970.
Axis = Literal["at", "elapsed", "time"]
AXES: tuple[Axis, ...] = get_args(Axis)


def choose_axis(*series: Tiles) -> Axis:
    """The axis for a chart of these series: `at` where in each of them every index occurs once, else `elapsed`.

    An implicit index counts within a session, so that the indices of a series which two sessions make repeat.
    """
    return "elapsed" if any(tiles.indices_repeat() for tiles in series) else "at"
