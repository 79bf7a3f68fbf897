"""Series -> tiles -> slices and tables: the mathematics of charts. No I/O but that of a stored series' own reader."""

from .axes import AXES, Axis
from .columns import FIELDS, Columns
from .cuts import Slice, View
from .density import density
from .slices import m4, plain, series_json
from .stored import StoredTiles
from .tables import HEAD, csv_rows, live_pieces, stored_pieces
from .tiles import Tiles

__all__ = [
    "AXES",
    "FIELDS",
    "HEAD",
    "Axis",
    "Columns",
    "Slice",
    "StoredTiles",
    "Tiles",
    "View",
    "csv_rows",
    "density",
    "live_pieces",
    "m4",
    "plain",
    "series_json",
    "stored_pieces",
]
