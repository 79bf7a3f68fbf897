"""What charts and graphs cost: a series of 10^7 points, a graph of 5,000 steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from runreel_server.charts import Tiles, series_json
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
    return [{"what": what, "value": value, "unit": unit} for what, value, unit in (*_charts(), *_graphs())]


def _charts() -> list[tuple[str, float, str]]:
    random = np.random.default_rng(1)
    at = np.arange(_POINTS)
    moments = 1_795_338_000_000_000 + np.cumsum(random.integers(1, 2_000, _POINTS))
    values = np.cumsum(random.normal(size=_POINTS))
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
    stored = tiles.to_bytes()
    rows.append(("stored series: bytes a point", round(len(stored) / _POINTS, 1), "B"))
    rows.append(("stored series: read and built", _milliseconds(lambda: Tiles.from_bytes(stored).columns), "ms"))
    return rows


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
