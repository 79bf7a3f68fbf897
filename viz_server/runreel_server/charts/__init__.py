"""Series -> tiles -> slices and figures: the mathematics of charts. No I/O."""

from .axes import AXES, Axis, choose_axis
from .columns import FIELDS, Columns
from .density import density
from .figures import figure
from .slices import m4, plain, series_json
from .tiles import Slice, Tiles

__all__ = [
    "AXES",
    "FIELDS",
    "Axis",
    "Columns",
    "Slice",
    "Tiles",
    "choose_axis",
    "density",
    "figure",
    "m4",
    "plain",
    "series_json",
]
