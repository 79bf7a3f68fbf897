"""What charts and graphs cost: a series of 10^7 points, live and stored, a graph of 5,000 steps."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from runreel_consumers.archive import points
from runreel_consumers.archive.objects import Manifest, Objects
from runreel_consumers.archive.points import PointColumns
from runreel_consumers.archive.stored_points import FILE, LEVELS_FILE, SeriesWriter
from runreel_consumers.archive.stored_series import Groups, StoredSeries
from runreel_consumers.store import DirectoryStore
from runreel_server.charts import StoredTiles, Tiles, series_json
from runreel_server.graph import Step, layout

_POINTS = 10_000_000
_STEPS = 5_000
_WIDTH = 1_000


def _milliseconds(work: Callable[[], Any], times: int = 1) -> float:
    """The shortest of some runs: what the work itself costs."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return round(min(taken) * 1e3, 3)


def run() -> list[dict[str, Any]]:
    """Measure, and answer rows of `{what, value, unit}`."""
    return [{"what": what, "value": value, "unit": unit} for what, value, unit in (*_charts(), *_stored(), *_graphs())]


def _walk() -> tuple[Any, Any, Any]:
    """Indices, times and values of 10^7 points."""
    random = np.random.default_rng(1)
    moments = 1_795_338_000_000_000 + np.cumsum(random.integers(1, 2_000, _POINTS))
    return np.arange(_POINTS), moments, np.cumsum(random.normal(size=_POINTS))


def _charts() -> list[tuple[str, float, str]]:
    at, moments, values = _walk()
    tiles = Tiles()

    def build() -> None:
        tiles.append(at, moments, values)
        _ = tiles.columns

    built = _milliseconds(build)
    middle, last = int(moments[_POINTS // 2]), int(moments[-1])
    rows = [
        ("series of 10^7 points: built", built, "ms"),
        ("series of 10^7 points: whole, 1,000 px", _milliseconds(lambda: tiles.slice("time", width=_WIDTH), 5), "ms"),
        (
            "series of 10^7 points: zoomed, by index",
            _milliseconds(lambda: tiles.slice("at", 1e5, 9e6, _WIDTH), 5),
            "ms",
        ),
        ("series of 10^7 points: cut at a moment", _milliseconds(lambda: tiles.slice("at", until=middle), 5), "ms"),
        ("series of 10^7 points: answer of /series", _milliseconds(lambda: series_json(tiles, width=_WIDTH), 5), "ms"),
    ]
    appended = 0

    def append(start: int, step: int = 1_000) -> None:
        nonlocal appended
        appended += 1
        tiles.append(_POINTS + np.arange(100), start + step * np.arange(100), np.ones(100), seq=appended)
        _ = tiles.columns

    rows += [
        ("100 points more, in order", _milliseconds(lambda: append(last + 10**6 * (appended + 1)), 20), "ms"),
        ("100 points more, 2 s late", _milliseconds(lambda: append(last - 2 * 10**6), 5), "ms"),
        ("100 points more, late by half of the series", _milliseconds(lambda: append(middle), 2), "ms"),
    ]
    return rows


def _stored() -> list[tuple[str, float, str]]:
    """A series in a run's own objects: as a server opens it, that has read nothing of it yet."""
    at, moments, values = _walk()
    part = PointColumns(
        at=at.astype(float),
        time=moments,
        value=values,
        valid=np.ones(_POINTS, np.bool_),
        session=np.zeros(_POINTS, np.int32),
        seq=at // 3_000,
        row=(at % 3_000).astype(np.int32),
        sessions=["5f0c2a9e4b7d4c1e8a6f3d2b1c0e9f77"],
    )
    middle, last = int(moments[_POINTS // 2]), float(_POINTS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        folder.mkdir()
        begun = time.perf_counter()
        with SeriesWriter(folder) as writer:
            writer.write(("x", "loss"), part)
        written = round((time.perf_counter() - begun) * 1e3)
        store = DirectoryStore(place)
        span = writer.spans[0]
        objects = Objects(store, "run/", Manifest("r", "w", "0-0-0", {}, writer.spans, {}, []))
        assert span.shape is not None

        def opened() -> StoredTiles:
            assert span.shape is not None
            return StoredTiles(StoredSeries(Groups(store, 64 << 20), objects, span, span.shape))

        def whole() -> None:
            found = points.finish([objects.points(None)["x", "loss"]], {})
            tiles = Tiles()
            tiles.append(found.at, found.time, found.value, session=found.session, seq=found.seq, row=found.row)
            series_json(tiles, width=_WIDTH)

        def viewed(*view: Any, **more: Any) -> Callable[[], Any]:
            return lambda: series_json(opened(), *view, **more)

        sizes = {name: store.info(f"run/{name}").size / _POINTS for name in (FILE, LEVELS_FILE)}
        here = opened()
        return [
            ("stored 10^7 points: written with their levels", written, "ms"),
            ("stored 10^7 points: bytes a point", round(sizes[FILE], 1), "B"),
            ("stored 10^7 points: bytes a point, levels", round(sizes[LEVELS_FILE], 1), "B"),
            ("stored 10^7 points: opened from all points", _milliseconds(whole), "ms"),
            ("stored 10^7 points: opened from levels", _milliseconds(viewed(width=_WIDTH), 3), "ms"),
            ("stored 10^7 points: again", _milliseconds(lambda: series_json(here, width=_WIDTH), 5), "ms"),
            ("stored 10^7 points: cut at a moment", _milliseconds(viewed(until=middle), 3), "ms"),
            ("stored 10^7 points: zoomed to 10 %", _milliseconds(viewed("at", 0.31 * last, 0.41 * last), 3), "ms"),
            ("stored 10^7 points: zoomed to 1 %", _milliseconds(viewed("at", 0.31 * last, 0.32 * last), 3), "ms"),
        ]


def _graphs() -> list[tuple[str, float, str]]:
    random = np.random.default_rng(2)
    names = ["s" + "".join(chr(97 + int(digit)) for digit in str(n)) for n in range(_STEPS)]
    mixed = [
        Step(name, tuple(names[max(0, n - int(back))] for back in set(random.integers(1, 40, 2))) if n else ())
        for n, name in enumerate(names)
    ]
    alike = [Step("plan"), *(Step(f"task-{n}", ("plan",)) for n in range(_STEPS - 1))]
    nested = [Step("train"), *(Step(f"train/{n}") for n in range(_STEPS - 1))]
    return [
        ("graph of 5,000 steps, all different", _milliseconds(lambda: layout(mixed), 3), "ms"),
        ("graph of 5,000 like tasks, folded", _milliseconds(lambda: layout(alike), 3), "ms"),
        ("graph of 5,000 like tasks, unfolded", _milliseconds(lambda: layout(alike, "none"), 3), "ms"),
        ("graph of 5,000 sub-steps, folded", _milliseconds(lambda: layout(nested), 3), "ms"),
        ("graph of 5,000 sub-steps, unfolded", _milliseconds(lambda: layout(nested, "none"), 3), "ms"),
    ]


if __name__ == "__main__":
    for row in run():
        print(f"{row['what']:45} {row['value']:>10} {row['unit']}")
