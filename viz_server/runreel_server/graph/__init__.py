"""Steps -> laid-out graph, critical path, time left: the mathematics of the step graph. No I/O."""

from .eta import Pace, eta, left
from .folds import ALIKE, CELLS, Fold
from .layout import layout
from .paths import Timing, critical_path
from .states import ENDED, overall, worst
from .steps import Step

__all__ = [
    "ALIKE",
    "CELLS",
    "ENDED",
    "Fold",
    "Pace",
    "Step",
    "Timing",
    "critical_path",
    "eta",
    "layout",
    "left",
    "overall",
    "worst",
]
