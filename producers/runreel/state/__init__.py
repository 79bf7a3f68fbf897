"""The fold: a run is a function of the set of its events. Pure: no I/O, no clock.

`RunState` folds structure (run, graph, steps, artifacts, params, sessions), `Tally` sums up streams (metrics, progress,
logs). `fold` and `fold_streams` take many events at once, whole or cut at a moment.
"""

from runreel.state.cut import distinct, fold, fold_streams, offsets_of, within
from runreel.state.registers import Offset, Offsets, corrected
from runreel.state.run import RunState
from runreel.state.tally import Tally
from runreel.state.touched import RUN, Part, Touched

__all__ = [
    "RUN",
    "Offset",
    "Offsets",
    "Part",
    "RunState",
    "Tally",
    "Touched",
    "corrected",
    "distinct",
    "fold",
    "fold_streams",
    "offsets_of",
    "within",
]
