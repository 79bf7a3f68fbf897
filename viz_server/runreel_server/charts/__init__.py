"""Series -> tiles -> slices and figures: the mathematics of charts. No I/O but that of a stored series' own reader."""

from .axes import AXES, Axis, choose_axis
from .columns import FIELDS, Columns
from .cuts import Slice, View
from .density import density
from .figures import figure
from .slices import m4, plain, series_json
from .stored import StoredTiles
from .tiles import Tiles

__all__ = [
    "AXES",
    "FIELDS",
    "Axis",
    "Columns",
    "Slice",
    "StoredTiles",
    "Tiles",
    "View",
    "choose_axis",
    "density",
    "figure",
    "m4",
    "plain",
    "series_json",
]
