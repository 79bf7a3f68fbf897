"""Stored series: a view draws the line of all points, and little is read for it."""

from __future__ import annotations

import contextlib
import itertools
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawing import Point, all_in_order, answered, batches, picture, place
from runreel_consumers import m4
from runreel_consumers.archive.objects import Manifest, Objects
from runreel_consumers.archive.points import PointColumns
from runreel_consumers.archive.stored_points import FILE, SeriesWriter
from runreel_consumers.archive.stored_series import Groups, StoredSeries
from runreel_consumers.store import DirectoryStore
from runreel_server.charts import Axis, StoredTiles, Tiles

KEY = ("x-train", "loss")
SIZES = {
    "runreel_consumers.archive.stored_points.LONG": 0,
    "runreel_consumers.archive.stored_points.GROUP": 16,
    "runreel_consumers.archive.stored_series.GROUP": 16,
    "runreel_consumers.archive.stored_points._LEVEL_GROUP": 5,
    "runreel_consumers.m4.thinning.THINNED": 1,
    "runreel_consumers.m4.thinning.COARSEST": 4,
    "runreel_server.charts.stored.FEW": 4,
}


@contextlib.contextmanager
def small() -> Iterator[None]:
    """Bounds that a few points exceed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, size in SIZES.items():
            patch.setattr(name, size)
        yield


def columns(points: list[Point]) -> PointColumns:
    def of(name: str, kind: Any) -> Any:
        return np.array([getattr(point, name) for point in points], kind)

    value = of("value", float)
    return PointColumns(
        at=of("at", float),
        time=of("time", np.int64),
        value=value,
        valid=np.ones(len(points), np.bool_),
        session=of("session", np.int32),
        seq=of("seq", np.int64),
        row=of("row", np.int32),
        sessions=["a", "b"],
    )


def stored(folder: Path, found: PointColumns, store: DirectoryStore | None = None) -> StoredSeries:
    place = folder / "runs/w/r/p"
    place.mkdir(parents=True)
    with SeriesWriter(place) as writer:
        writer.write(("x-other", "loss"), found.take(np.arange(min(3, len(found)))))
        writer.write(KEY, found)
    span = writer.spans[1]
    assert span.shape is not None
    store = store or DirectoryStore(folder)
    objects = Objects(store, "runs/w/r/p/", Manifest("r", "w", "0-0-0", {}, writer.spans, {}, []))
    return StoredSeries(Groups(store, 1 << 20), objects, span, span.shape)


def cells(start: float, stop: float, cell: int) -> list[float]:
    """The edges of the cells of a view."""
    width = 2.0**cell
    inner = range(math.floor(start / width) + 1, math.floor(stop / width) + 1)
    return [start, *(number * width for number in inner), stop]


def extent(stretches: list[tuple[float, float]]) -> tuple[float, float]:
    return stretches[0][0], max(high for _, high in stretches)


@settings(max_examples=80, deadline=None)
@given(
    batches(),
    st.sampled_from(["at", "time"]),
    st.integers(3, 30),
    st.tuples(st.integers(-2, 20), st.integers(20, 400)),
    st.one_of(st.none(), st.integers(20, 200)),
)
def test_a_view_of_a_stored_series_draws_all_points(
    arrived: list[list[Point]], x: Axis, width: int, view: tuple[int, int], until: int | None
) -> None:
    """Each column (a cell no wider than a pixel, cut by the view's edges and by its moment) equals brute force."""
    points = all_in_order([point for batch in arrived for point in batch], "time")
    start, stop = view[0], view[0] + view[1]
    with small(), tempfile.TemporaryDirectory() as folder:
        tiles = StoredTiles(stored(Path(folder), columns(points)))
        held = Tiles()
        held.append(**{name: [getattr(point, name) for point in points] for name in Point._fields})
        assert tiles.indices_repeat() == held.indices_repeat()
        if not tiles.serves(x):
            assert any(later.at < one.at for one, later in itertools.pairwise(points))
            x = "time"
        got = tiles.slice(x, start, stop, width, until=until)
    expected = held.slice(x, start, stop, width, until=until)

    assert (got.count, got.nonfinite) == (expected.count, expected.nonfinite)
    alike = all(np.array_equal(getattr(got, one), getattr(expected, one), equal_nan=True) for one in ("time", "value"))
    if got.count <= SIZES["runreel_server.charts.stored.FEW"]:
        assert alike
    if alike:
        return
    there = [point for point in points if until is None or point.time <= until]
    cell = math.frexp((stop - start) / width)[1] - 1
    edges = cells(start, stop, max(cell, 0) if x == "time" else cell)
    drawn = picture(answered(got, x), edges)
    whole = picture([(place(point, x), point.value) for point in there], edges)
    assert drawn.keys() == whole.keys()
    for column, found in whole.items():
        low, high = edges[column], edges[column + 1] if column + 2 < len(edges) else math.inf
        broken = [p for p in there if low <= place(p, x) < high and place(p, x) <= stop and not math.isfinite(p.value)]
        if len(broken) <= 2:
            assert drawn[column] == found
        else:  # between its first and its last break a column is one stretch: its extent still holds
            assert extent(drawn[column][1]) == extent(found[1])
    sides = [point for point in there if place(point, x) < start][-1:] + [
        point for point in there if place(point, x) > stop
    ][:1]
    assert {(point.time, point.at) for point in sides} <= set(zip(got.time.tolist(), got.at.tolist(), strict=True))


def long_series(count: int = 300_000) -> PointColumns:
    rng = np.random.default_rng(5)
    time = 1_795_338_000_000_000 + np.cumsum(rng.integers(1, 3_000, count))
    value = np.cumsum(rng.normal(size=count))
    value[1_000::5_000] = np.nan
    return PointColumns(
        at=np.arange(count, dtype=float),
        time=time,
        value=value,
        valid=np.ones(count, np.bool_),
        session=np.zeros(count, np.int32),
        seq=np.arange(count) // 1_000,
        row=np.arange(count, dtype=np.int32) % 1_000,
        sessions=["a"],
    )


@pytest.mark.parametrize("x", ["at", "time"])
@pytest.mark.parametrize("share", [(0.0, 1.0, None), (0.013, 0.98, None), (0.0, 1.0, 0.95), (0.4, 0.5, None)])
def test_a_view_is_the_thinned_series_whatever_levels_it_is_read_from(
    x: Axis, share: tuple[float, float, float | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runreel_server.charts.stored.FEW", 10_000)
    found = long_series()
    tiles = StoredTiles(stored(tmp_path, found))
    place_of = found.at if x == "at" else found.time
    low, high = (place_of[0] + part * (place_of[-1] - place_of[0]) for part in share[:2])
    until = None if share[2] is None else int(found.time[int(share[2] * len(found))])

    got = tiles.slice(x, low, high, 100, until=until)

    inside = np.flatnonzero((place_of >= low) & (place_of <= high) & (found.time <= (until or found.time[-1])))
    cell = math.frexp((high - low) / 100)[1] - 1
    chosen = inside[m4.thin(place_of[inside], found.value[inside], cell)]
    sides = [rank for rank in (inside[0] - 1, inside[-1] + 1) if 0 <= rank < len(found)]
    if until is not None:
        sides = [rank for rank in sides if found.time[rank] <= until]
    expected = np.unique(np.concatenate((chosen, np.array(sides, np.int64))))
    np.testing.assert_array_equal(got.at, found.at[expected])
    np.testing.assert_array_equal(got.time, found.time[expected])
    np.testing.assert_array_equal(got.value, found.value[expected])
    assert got.count == len(inside)
    assert got.nonfinite == int((~np.isfinite(found.value[inside])).sum())
    assert got.bucketed


class Counting(DirectoryStore):
    """A folder that counts the bytes that are read of stored points and levels."""

    taken = 0

    def read(self, key: str, start: int, length: int) -> bytes:
        data = super().read(key, start, length)
        self.taken += len(data)
        return data

    def open(self, key: str) -> Any:
        from runreel_consumers.store.base import ranged_file

        return ranged_file(self, key)


def test_a_view_of_all_points_reads_a_small_part_of_them(tmp_path: Path) -> None:
    store = Counting(tmp_path)
    series = stored(tmp_path, long_series(2_000_000), store)
    size = store.info(f"runs/w/r/p/{FILE}").size

    got = StoredTiles(series).slice("at", width=1_000)

    assert got.count == 2_000_000
    assert len(got.value) < 10_000
    assert store.taken < size / 10


@pytest.mark.parametrize(
    ("change", "told"),
    [({"x": "wall"}, "x is 'wall'"), ({"width": 0}, "width is 0"), ({"start": math.nan}, "from is nan")],
)
def test_a_wrong_view_is_refused(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    tiles = StoredTiles(stored(tmp_path, long_series()))
    with pytest.raises(ValueError, match=told):
        tiles.slice(**change)
