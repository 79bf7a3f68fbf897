"""The `runreel up` of this machine, as emitters find it."""

from __future__ import annotations

from pathlib import Path

from runreel.hub import Hub, acknowledged, replace
from sessions import child, settings
from support import ended

HOLD = """
from runreel.hub import Hub
from sessions import settings
chosen = settings(folder)
lock = Hub.hold(chosen)
assert lock is not None
acks = str(folder / "acks")
Hub(id=Hub.new_id(), kafka="127.0.0.1:9", url="http://127.0.0.1:8", store="dir:x", acks=acks).write(chosen)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_hub_is_found_while_its_process_lives_and_not_after_it_was_killed(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    assert Hub.find(chosen) is None
    process = child(tmp_path, HOLD.replace("sys.stdin.read()", "time.sleep(60)"), wait=False)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    found = Hub.find(chosen)
    assert found is not None
    assert (found.kafka, found.url, found.pid) == ("127.0.0.1:9", "http://127.0.0.1:8", process.pid)
    assert Path(found.acks).is_dir()
    assert Hub.hold(chosen) is None
    process.kill()
    ended(process)
    assert Hub.find(chosen) is None


def test_looking_does_not_end_the_hubs_own_hold(tmp_path: Path) -> None:
    """A POSIX lock ends when any descriptor of its file is closed by its process."""
    chosen = settings(tmp_path)
    lock = Hub.hold(chosen)
    assert lock is not None
    Hub(id="h", kafka="k", url="u", store="s", acks=str(tmp_path / "acks")).write(chosen)
    for _ in range(3):
        assert Hub.find(chosen) == Hub.find(chosen)
        assert Hub.hold(chosen) is None
    seen = child(
        tmp_path, "from runreel.hub import Hub\nfrom sessions import settings\nprint(Hub.find(settings(folder)).id)\n"
    )
    assert seen.stdout_text == "h\n"  # type: ignore[attr-defined]
    Hub.remove(chosen)
    lock.release()
    assert Hub.find(chosen) is None


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace(path, b"one")
    replace(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_acknowledgements_are_decimal_seqs(tmp_path: Path) -> None:
    assert acknowledged(tmp_path, "s") == -1
    (tmp_path / "s").write_text("41")
    assert acknowledged(tmp_path, "s") == 41
    (tmp_path / "s").write_text("")
    assert acknowledged(tmp_path, "s") == -1
