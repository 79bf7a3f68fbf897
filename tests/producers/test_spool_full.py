"""A spool that is full: the policies, and disks that have nothing left."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runreel import codec, events
from runreel.errors import SpoolFull
from runreel.spool import recover
from runreel.spool.budget import default_limit, size_of
from runreel.spool.shipper import Shipper
from runreel.transports.memory import MemoryTransport
from sessions import child, session, settings, texts, told, unique, values
from support import wait_for

LIMIT = 2 << 20


def losses(said: list[events.Event]) -> int:
    counted = [codec.payload(event) for event in said if event.type == events.LOSS]
    assert all(set(loss) == {"full"} for loss in counted)
    return sum(loss["full"] for loss in counted)


def test_drop_keeps_the_oldest_counts_the_rest_and_has_room_for_structure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = MemoryTransport()
    way.open = False
    one = session(tmp_path, way, spool_limit=LIMIT)
    series = one.series("a", "e", "loss")
    with monkeypatch.context() as held:  # what is sealed makes room, so that later points would be taken again
        held.setattr(Shipper, "seal", lambda self, *, whole=False: False)
        for i in range(100_000):
            one.point(series, None, i)
    for i in range(50):
        one.say(events.TAGS, {"i": i})
    assert size_of(next((tmp_path / "spool").iterdir())) <= LIMIT
    way.open = True
    assert one.close(30)
    said = unique(event.message for event in way.sent)
    kept = values(said)
    assert kept == list(range(len(kept)))
    assert 10_000 < len(kept) < 100_000
    assert len(kept) + losses(said) == 100_000
    tags = sorted(codec.payload(event)["i"] for event in said if event.type == events.TAGS)
    assert tags == list(range(50))


def test_streams_are_taken_again_when_there_is_room(tmp_path: Path) -> None:
    way = MemoryTransport()
    way.open = False
    one = session(tmp_path, way, spool_limit=LIMIT)
    series = one.series("a", "e", "loss")
    for i in range(60_000):
        one.point(series, None, i)
    assert one.opened().writer.full
    way.open = True
    wait_for(lambda: not one.opened().writer.full)
    for i in range(60_000, 61_000):
        one.point(series, None, i)
    assert one.close(30)
    assert values(unique(event.message for event in way.sent))[-1000:] == list(range(60_000, 61_000))


def test_raise_raises_and_says_the_way_out(tmp_path: Path) -> None:
    way = MemoryTransport()
    way.open = False
    one = session(tmp_path, way, spool_limit=LIMIT, on_full="raise")
    series = one.series("a", "e", "loss")
    taken = 0

    def fill() -> None:
        nonlocal taken
        while taken < 200_000:
            one.point(series, None, taken)
            taken += 1

    with pytest.raises(SpoolFull, match=r"runreel sync.*RUNREEL_SPOOL_LIMIT"):
        fill()
    with pytest.raises(SpoolFull):
        one.line("a", "e", "x" * LIMIT)
    way.open = True
    assert one.close(30)
    assert values(unique(event.message for event in way.sent)) == list(range(taken))


def test_block_waits_for_room_and_loses_nothing(tmp_path: Path) -> None:
    way = MemoryTransport()
    way.open = False
    one = session(tmp_path, way, spool_limit=LIMIT, on_full="block")
    series = one.series("a", "e", "loss")

    def fill() -> None:
        for i in range(80_000):
            one.point(series, None, i)

    thread = threading.Thread(target=fill)
    thread.start()
    wait_for(lambda: one.opened().writer.full)
    assert thread.is_alive()
    way.open = True
    thread.join(30)
    assert not thread.is_alive()
    assert one.close(30)
    said = unique(event.message for event in way.sent)
    assert values(said) == list(range(80_000))
    assert not [event for event in said if event.type == events.LOSS]


def test_what_other_spools_take_counts(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False))
one.points(one.series("a", "e", "loss"), None, range(60000))
os._exit(0)
""",
    )
    way = MemoryTransport()
    way.open = False
    one = session(tmp_path, way, spool_limit=LIMIT)
    one.line("a", "e", "x")
    wait_for(lambda: one.opened().writer.budget.room(reserve=False) < LIMIT - (1 << 20))
    way.open = True
    assert one.close(10)


def test_the_default_limit_is_a_tenth_of_the_free_disk_and_2_gib_at_most(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert default_limit(tmp_path) <= min(2 << 30, free // 10 + (64 << 20))
    assert default_limit(Path("/nowhere")) == 2 << 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 3 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


FILL = """
import json
one = session(folder, None, spool_limit=1 << 30, state_dir=folder, kafka="", transport="", exit_wait=0.1)
series = one.series("a", "e", "loss")
{before}
for i in range(200000):
    one.point(series, None, i)
    if i % 1000 == 0:
        one.line("a", "e", "x" * 5000)
        one.line("a", "e", "y" * 100000)
print(json.dumps({{"full": one.opened().writer.full}}))
one.close()
"""


def test_a_full_tmpfs_is_the_policys_and_no_signal(small_disk: Path) -> None:
    """A sparse mapping would end the process by SIGBUS."""
    process = child(small_disk, FILL.format(before=""))
    assert process.returncode == 0, process.stderr_text  # type: ignore[attr-defined]
    assert told(process)["full"]
    way = MemoryTransport()
    assert recover(settings(small_disk, spool_limit=1 << 30), transport=way, timeout=30).delivered == 1
    said = unique(event.message for event in way.sent)
    kept = values(said)
    assert kept == sorted(set(kept))
    assert len(kept) > 10_000
    assert len(kept) + len(texts(said)) + losses(said) == 200_000 + 400


def test_a_disk_that_others_fill_is_the_policys_and_no_signal(small_disk: Path) -> None:
    others = """
try:
    with open(folder / "others", "wb") as file:
        while True:
            file.write(bytes(4096)); file.flush()
except OSError:
    pass
"""
    process = child(small_disk, FILL.format(before=others))
    assert process.returncode == 0, process.stderr_text  # type: ignore[attr-defined]
    assert told(process)["full"]
    way = MemoryTransport()
    assert recover(settings(small_disk, spool_limit=1 << 30), transport=way, timeout=30).delivered == 1
    said = unique(event.message for event in way.sent)
    kept = values(said)
    assert kept == sorted(set(kept))  # a segment that was sealed and freed made room once more
    assert len(kept) > 1000
    assert len(kept) + len(texts(said)) + losses(said) == 200_000 + 400


@pytest.mark.parametrize("acknowledging", [True, False])
def test_where_mapping_is_not_honoured_pwrite_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, acknowledging: bool
) -> None:
    monkeypatch.setattr("runreel.spool.writer.mappable", lambda folder: False)
    way = MemoryTransport()
    way.acknowledging = acknowledging
    one = session(tmp_path, way)
    assert one.opened().writer.first.buffer is None
    series = one.series("a", "e", "loss")

    def speak(number: int) -> None:
        for i in range(3000):
            one.point(series, number, i)
            one.line("a", "e", f"{number} {i} " + "x" * (i % 200))

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    way.acknowledging = True
    assert one.close(30)
    said = unique(event.message for event in way.sent)
    assert sorted(values(said)) == sorted(list(range(3000)) * 3)
    assert len(texts(said)) == 9000


def test_where_mapping_is_not_honoured_a_full_disk_is_the_policys(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runreel.spool.segment._allocated", lambda fd, size: False)
    way = MemoryTransport()
    way.open = False
    one = session(small_disk, way, spool_limit=1 << 30)
    series = one.series("a", "e", "loss")
    for i in range(100_000):
        one.point(series, None, i)
    one.say(events.TAGS, {"last": 1})
    way.open = True
    assert one.close(30)
    said = unique(event.message for event in way.sent)
    kept = values(said)
    assert len(kept) > 1000
    assert len(kept) + losses(said) >= 100_000
