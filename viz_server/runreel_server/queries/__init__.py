"""The questions behind the HTTP API and the pages: runs at a moment, series, lines, marks, artifacts, lists.

`source.Source` answers them all, from the archive and the live tail together. Nothing here knows Flask.
"""
