"""What a chart's x axis can be."""

from __future__ import annotations

from typing import Literal, get_args

#: `at`: the point's index as said. `elapsed`: seconds since an origin, mostly the run's start. `time`: µs since 1970.
Axis = Literal["at", "elapsed", "time"]
AXES: tuple[Axis, ...] = get_args(Axis)
