"""What a process leaves behind when it ends badly, and what becomes of it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runreel import codec, events
from runreel.spool import elsewhere, recover, waiting
from runreel.transports.memory import MemoryTransport
from sessions import child, session, settings, texts, told, unique, values, wired
from support import ended, wait_for


def ship(folder: Path, **how: Any) -> list[bytes]:
    """Recover all of `folder` and answer what was sent."""
    way = MemoryTransport()
    recovered = recover(settings(folder), transport=way, timeout=30, **how)
    assert recovered.delivered == recovered.taken
    assert waiting(settings(folder)).sessions == 0
    return [event.message for event in way.sent]


def test_killed_between_send_and_acknowledgement_then_more_said_then_recovered(tmp_path: Path) -> None:
    """Nothing is lost, nothing is there twice, and what is sent again is what was sent."""
    process = child(
        tmp_path,
        """
wire = Wire(folder / "wire", acknowledging=False)
one = session(folder, wire)
series = one.series("a", "e", "loss")
for i in range(5000):
    one.point(series, None, i)
    one.line("a", "e", f"line {i}") if i % 10 == 0 else None
while not wire.messages():
    time.sleep(0.005)
while sum(message.count(b"runreel.metrics") for message in wire.messages()) < 2:
    time.sleep(0.005)
for i in range(5000, 9000):
    one.point(series, None, i)
one.say("runreel.tags", {"last": "word"})
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    assert process.returncode == -signal.SIGKILL
    sent = wired(tmp_path / "wire")
    assert sent
    said = unique([*sent, *ship(tmp_path)])
    assert values(said) == list(range(9000))
    assert texts(said) == [f"line {i}" for i in range(0, 5000, 10)]
    assert codec.payload(next(event for event in said if event.type == events.TAGS)) == {"last": "word"}
    closed = [event for event in said if event.type == events.SESSION_CLOSED]
    assert [codec.payload(event).how for event in closed] == ["recovered"]
    assert codec.payload(closed[0]).last == max(event.seq or 0 for event in said)
    assert ship(tmp_path) == []


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2])
def test_killed_at_any_moment_loses_nothing_that_was_said(tmp_path: Path, moment: float) -> None:
    """The process tells on a pipe what its calls have returned for; a parent kills it in the middle."""
    process = child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
out, i = sys.stdout.fileno(), 0
while True:
    one.point(series, None, i)
    one.line("a", "e", f"{i} " + "x" * (i % 900))
    one.say("runreel.tags", {"i": i}) if i % 50 == 0 else None
    os.write(out, b"." )
    i += 1
""",
        wait=False,
    )
    assert process.stdout is not None
    heard = len(process.stdout.read(1))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment or 0.0001)
    process.kill()
    heard += len(process.stdout.read())
    process.wait()
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()
    said = unique([*wired(tmp_path / "wire"), *ship(tmp_path)])
    found = values(said)
    assert found == list(range(len(found)))
    assert heard <= len(found) <= heard + 1
    assert [int(text.split()[0]) for text in texts(said)][:heard] == list(range(heard))


def test_killed_while_recovering_is_recovered(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False))
series = one.series("a", "e", "loss")
for i in range(60000):
    one.point(series, None, i)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    for _ in range(3):
        child(
            tmp_path,
            """
from runreel.spool import recover
from sessions import settings
class Deadly(Wire):
    def poll(self, timeout):
        if len(self.messages()) > COUNT:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().poll(timeout)
wire = Deadly(folder / "wire")
COUNT = len(wire.messages()) + 2
recover(settings(folder), transport=wire, timeout=30)
""",
        )
    said = unique([*wired(tmp_path / "wire"), *ship(tmp_path)])
    assert values(said) == list(range(60_000))


def test_two_recoverers_at_once_never_both_take_one(tmp_path: Path) -> None:
    for _ in range(6):
        child(
            tmp_path,
            """
one = session(folder, Wire(folder / "wire", acknowledging=False))
one.line("a", "e", "left")
os._exit(0)
""",
        )
    recoverer = """
from runreel.spool import recover
from sessions import settings
wire = Wire(folder / f"by-{os.getpid()}")
print(recover(settings(folder), transport=wire, timeout=30).taken)
"""
    both = [child(tmp_path, recoverer, wait=False) for _ in range(3)]
    taken = [int(ended(process)[0]) for process in both]
    assert sum(taken) == 6
    sent = [message for path in tmp_path.glob("by-*") for message in wired(path)]
    assert len(texts(unique(sent))) == 6
    opened = Counter(e.session for e in map(codec.decode, sent) if e.type == events.SESSION_OPENED)
    assert set(opened.values()) == {1}


def test_a_living_session_is_left_alone_in_this_process_and_in_another(tmp_path: Path) -> None:
    way = MemoryTransport()
    one = session(tmp_path, way)
    one.line("a", "e", "mine")
    assert recover(settings(tmp_path), transport=MemoryTransport(), timeout=1).taken == 0
    process = child(
        tmp_path,
        """
from runreel.spool import elsewhere, recover, waiting
from sessions import settings
print(recover(settings(folder), transport=Wire(folder / "wire"), timeout=1).taken, waiting(settings(folder)).alive)
""",
    )
    assert process.stdout_text.split() == ["0", "1"]  # type: ignore[attr-defined]
    one.line("a", "e", "still mine")
    assert one.close(10)
    assert texts(way.events()) == ["mine", "still mine"]


def test_what_an_ended_process_left_is_shipped_by_the_next_ones_worker(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False), transport="console")
one.line("a", "e", "left behind")
os._exit(0)
""",
    )
    process = child(
        tmp_path,
        """
one = session(folder, None, transport="console")
one.line("a", "e", "next")
one.close(20)
end = time.monotonic() + 20
while len(list((folder / "spool").iterdir())) and time.monotonic() < end:
    time.sleep(0.01)
""",
    )
    printed = process.stderr_text  # type: ignore[attr-defined]
    assert set(texts(unique(printed.encode().splitlines()))) == {"left behind", "next"}
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("everywhere", [False, True])
def test_what_was_meant_to_go_elsewhere_is_left_unless_it_is_asked_for(tmp_path: Path, everywhere: bool) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False), kafka="elsewhere:9092")
one.line("a", "e", "for elsewhere"); os._exit(0)
""",
    )
    here, there = (settings(tmp_path, kafka=f"{host}:9092") for host in ("here", "elsewhere"))
    assert recover(here, transport=(way := MemoryTransport()), timeout=5).taken == 0
    assert (elsewhere(here), elsewhere(there)) == ({"elsewhere:9092": 1}, {})
    assert recover(here if everywhere else there, transport=way, timeout=5, everywhere=everywhere).delivered == 1
    assert texts(way.events()) == ["for elsewhere"]


@pytest.mark.parametrize("end", ["os._exit(3)", "os.abort()", "raise SystemExit(4)", "1 / 0", "sys.exit()"])
def test_every_end_of_a_process_delivers_or_leaves_all(tmp_path: Path, end: str) -> None:
    process = child(
        tmp_path,
        f"""
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
for i in range(3000):
    one.point(series, None, i)
one.line("a", "e", "last")
{end}
""",
    )
    sent = wired(tmp_path / "wire")
    said = unique([*sent, *ship(tmp_path)])
    assert values(said) == list(range(3000))
    assert texts(said) == ["last"]
    (closed,) = [codec.payload(event) for event in said if event.type == events.SESSION_CLOSED]
    assert closed.how == ("recovered" if "os." in end else "clean"), process


def test_sigterm_and_ctrl_c_lose_nothing(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        folder = tmp_path / number.name
        process = child(
            folder,
            """
folder.mkdir()
one = session(folder, Wire(folder / "wire", acknowledging=False), exit_wait=0.2)
one.line("a", "e", "said")
print("ready", flush=True)
while True: time.sleep(0.05)  # not one long sleep: one that begins just after the signal came lasts
""",
            wait=False,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        ended(process)
        said = unique([*wired(folder / "wire"), *ship(folder)])
        assert texts(said) == ["said"]


def test_a_killed_child_is_told_as_killed_by_who_knows(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False))
one.line("a", "e", "x")
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    said = unique(ship(tmp_path, how="killed"))
    assert codec.payload(said[-1]).how == "killed"


def test_a_closed_session_that_was_not_delivered_is_closed_once(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False))
one.line("a", "e", "x")
one.close(0.3)
os._exit(0)
""",
    )
    said = unique([*wired(tmp_path / "wire"), *ship(tmp_path)])
    assert [codec.payload(event).how for event in said if event.type == events.SESSION_CLOSED] == ["clean"]


def test_losses_that_were_not_said_are_said_by_the_recoverer(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False))
one.line("a", "e", "x")
one.lost("conversion", 3)
while not one.opened().shipper.ledger.lost:
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    said = unique([*wired(tmp_path / "wire"), *ship(tmp_path)])
    assert [codec.payload(event) for event in said if event.type == events.LOSS] == [{"conversion": 3}]


def test_a_one_shot_session_that_was_left_is_shipped_as_it_is(tmp_path: Path) -> None:
    child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False), one_shot=True)
one.say("runreel.tags", {"a": 1}, final=True)
os._exit(0)
""",
    )
    (event,) = unique(ship(tmp_path))
    assert (event.type, event.seq, event.final) == (events.TAGS, 0, True)


def test_a_damaged_folder_is_told_and_the_others_are_shipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = """
one = session(folder, Wire(folder / "wire", acknowledging=False))
one.line("a", "e", "fine")
os._exit(0)
"""
    child(tmp_path, code)
    (first,) = (tmp_path / "spool").iterdir()
    child(tmp_path, code)
    (first / "meta.json").write_text(json.dumps({"session": 5}))
    way = MemoryTransport()
    assert recover(settings(tmp_path), transport=way, timeout=10).delivered == 1
    assert texts(way.events()) == ["fine"]


def test_interpreter_exit_waits_for_threads_and_ships(tmp_path: Path) -> None:
    process = child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
def work(daemon):
    for i in range(2000):
        one.point(series, None, i)
    while daemon:
        one.line("a", "e", "daemon")
        time.sleep(0.001)
threading.Thread(target=work, args=(False,)).start()
threading.Thread(target=work, args=(True,), daemon=True).start()
""",
    )
    assert (process.returncode, process.stderr_text) == (0, "")  # type: ignore[attr-defined]
    said = unique([*wired(tmp_path / "wire"), *ship(tmp_path)])
    assert Counter(values(said))[1999] >= 1
    assert said[-1].type == events.SESSION_CLOSED or any(e.type == events.SESSION_CLOSED for e in said)


def test_the_wait_at_exit_is_bounded_and_one_line_says_what_stays(tmp_path: Path) -> None:
    process = child(
        tmp_path,
        """
one = session(folder, Wire(folder / "wire", acknowledging=False), exit_wait=0.3)
one.line("a", "e", "x")
""",
    )
    assert process.returncode == 0
    (line,) = process.stderr_text.splitlines()  # type: ignore[attr-defined]
    assert "runreel sync" in line
    assert waiting(settings(tmp_path)).sessions == 1
    assert texts(unique(ship(tmp_path))) == ["x"]


def test_nothing_configured_and_nothing_running_is_told_once_and_waits_for_nobody(tmp_path: Path) -> None:
    process = child(
        tmp_path,
        """
import json
began = time.monotonic()
for i in range(2):
    one = session(folder)
    one.line("a", "e", f"x{i}")
    one.close()
print(json.dumps({"took": time.monotonic() - began}))
""",
    )
    assert told(process)["took"] < 9
    (line,) = process.stderr_text.splitlines()  # type: ignore[attr-defined]
    assert "runreel up" in line
    assert "runreel sync" in line
    assert set(texts(unique(ship(tmp_path)))) == {"x0", "x1"}


def test_waiting_counts_what_ended_processes_left(tmp_path: Path) -> None:
    assert waiting(settings(tmp_path)).sessions == 0
    way = MemoryTransport()
    one = session(tmp_path, way)
    child(tmp_path, 'one = session(folder, Wire(folder / "w", acknowledging=False))\nos._exit(0)\n')
    found = waiting(settings(tmp_path))
    assert (found.sessions, found.alive) == (1, 1)
    assert found.bytes > 0
    assert one.close(10)
    wait_for(lambda: waiting(settings(tmp_path)).alive == 0)
