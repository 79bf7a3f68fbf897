"""The questions behind the HTTP API and the pages: runs at a moment, series, lines, marks, artifacts, lists.

`Source` answers them all, from the archive and the live tail together. Nothing here knows Flask.
"""

from runreel_server.queries.source import Source

__all__ = ["Source"]
