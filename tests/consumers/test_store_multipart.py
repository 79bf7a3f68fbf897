"""The plan of an upload in parts, and listings in byte order: laws."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runreel_consumers.store.base import Info
from runreel_consumers.store.multipart import LARGEST_COPY, SMALLEST, plan
from runreel_consumers.store.ordering import by_bytes, safe_start

TIB = 1 << 40


@settings(deadline=None)
@example([300 * TIB // 60] * 3)
@example([16 << 20] * 70_000)
@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 12 << 20), st.integers(0, 200 << 20)), max_size=40))
def test_parts_are_all_bytes_in_order_within_s3s_limits(sizes: list[int]) -> None:
    parts = list(plan(sizes))
    smallest = max(SMALLEST, -(-sum(sizes) // 9_999))
    cuts = [cut for part in parts for cut in part.slices]
    expected = {piece: 0 for piece, size in enumerate(sizes) if size}
    for cut in cuts:
        assert cut.length > 0
        assert cut.start == expected[cut.piece]
        expected[cut.piece] += cut.length
    assert [cut.piece for cut in cuts] == sorted(cut.piece for cut in cuts)
    assert all(expected[piece] == size for piece, size in enumerate(sizes) if size)
    assert len(parts) <= 10_000
    assert all(part.size >= smallest for part in parts[:-1])
    assert all(part.size < 2 * smallest for part in parts if not part.copy)
    assert all(len(part.slices) == 1 and part.size <= max(LARGEST_COPY, 2 * smallest) for part in parts if part.copy)


@given(st.lists(st.integers(0, 40), max_size=30))
def test_large_pieces_are_copied_rather_than_sent(sizes: list[int]) -> None:
    sent = sum(part.size for part in plan(sizes, smallest=10, largest=20, most=1000) if not part.copy)
    small = sum(size for size in sizes if size < 10)
    runs = 1 + sum(size >= 10 for size in sizes)
    assert sent <= small + runs * 20


NAMES = st.lists(st.text("ab-.0", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


def by_folder(key: str) -> list[str]:
    return key.split("/")


@given(st.sets(NAMES), st.booleans())
def test_both_orders_of_listing_come_out_in_byte_order(names: set[str], folders: bool) -> None:
    files = {name for name in names if not any(other.startswith(name + "/") for other in names)}
    listed = [Info("p/" + name, 0, 0) for name in sorted(files, key=by_folder if folders else None)]
    assert [info.key for info in by_bytes(listed, "p/")] == sorted("p/" + name for name in files)


@given(st.sets(NAMES), NAMES)
def test_a_safe_start_leaves_nothing_out_in_either_order(names: set[str], after: str) -> None:
    """SeaweedFS, told to start after the name of a folder, leaves out what lies in it: the last line."""
    start = safe_start("p/" + after, "p/")
    for name in ("p/" + name for name in names):
        if name > "p/" + after:
            assert name > start
            assert by_folder(name) > by_folder(start)
            assert not start or not name.startswith(start + "/")
