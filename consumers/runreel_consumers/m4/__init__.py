"""Which points draw the line of all points: first, least, greatest and last of each column of a chart. No I/O.

Follows Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014.
"""

from runreel_consumers.m4.buffers import Buffer
from runreel_consumers.m4.pyramid import Floats, Integers, Pyramid
from runreel_consumers.m4.selection import select
from runreel_consumers.m4.thinning import cells_of, levels, thin

__all__ = ["Buffer", "Floats", "Integers", "Pyramid", "cells_of", "levels", "select", "thin"]
