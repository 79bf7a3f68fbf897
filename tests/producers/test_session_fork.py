"""Sessions and other processes: fork, spawn, multiprocessing."""

from __future__ import annotations

from pathlib import Path

from runreel import codec, events
from runreel.spool import recover
from runreel.transports.memory import MemoryTransport
from sessions import child, settings, texts, told, unique, values, wired


def all_said(folder: Path) -> list[events.Event]:
    """What came over the wire, and what waits in the spool."""
    way = MemoryTransport()
    recover(settings(folder), transport=way, timeout=30)
    return unique([*wired(folder / "wire"), *(one.message for one in way.sent)])


def test_a_forked_child_that_speaks_gets_a_session_of_its_own(tmp_path: Path) -> None:
    process = child(
        tmp_path,
        """
import json
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
one.point(series, None, 1)
parent = one.id
pid = os.fork()
if not pid:
    one.point(series, None, 2)
    one.line("a", "e", "child")
    ok = one.id != parent and one.close(20)
    os._exit(0 if ok else 1)
status = os.waitpid(pid, 0)[1]
one.point(series, None, 3)
print(json.dumps({"parent": parent, "status": status, "same": one.id == parent, "closed": one.close(20)}))
""",
    )
    answer = told(process)
    assert (answer["status"], answer["same"], answer["closed"]) == (0, True, True)
    said = all_said(tmp_path)
    own = [event for event in said if event.session == answer["parent"]]
    childs = [event for event in said if event.session != answer["parent"]]
    assert values(own) == [1, 3]
    assert values(childs) == [2]
    opened = codec.payload(next(event for event in childs if event.type == events.SESSION_OPENED))
    assert (opened.parent, opened.role) == (answer["parent"], "member")
    assert sum(event.type == events.SESSION_CLOSED for event in said) == 2


def test_a_forked_child_that_says_nothing_leaves_nothing(tmp_path: Path) -> None:
    process = child(
        tmp_path,
        """
import json
one = session(folder, Wire(folder / "wire"))
one.line("a", "e", "parent")
pid = os.fork()
if not pid:
    sys.exit(0)
os.waitpid(pid, 0)
print(json.dumps({"closed": one.close(20)}))
""",
    )
    assert told(process)["closed"]
    said = all_said(tmp_path)
    assert len({event.session for event in said}) == 1
    assert texts(said) == ["parent"]


def test_fork_with_eight_writing_threads(tmp_path: Path) -> None:
    """With a lock, 88 of 100 children inherit it held. Here each child speaks, and nothing of anybody is lost."""
    process = child(
        tmp_path,
        """
import json
one = session(folder, Wire(folder / "wire"))
go, counts = True, [0] * 8
def work(number):
    series = one.series("a", "e", f"t{number}")
    while go:
        one.point(series, None, counts[number])
        if counts[number] % 20 == 0:
            one.line("a", "e", "x" * 200)
        counts[number] += 1
        time.sleep(0.0002)
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
statuses = []
for number in range(40):
    pid = os.fork()
    if not pid:
        series = one.series("c", "e", "child")
        for i in range(20):
            one.point(series, None, i)
        one.line("c", "e", f"child {number}")
        os._exit(0 if one.close(20) else 1)
    statuses.append(os.waitpid(pid, 0)[1])
go = False
[thread.join() for thread in threads]
print(json.dumps({"statuses": statuses, "counts": counts, "closed": one.close(20)}))
""",
    )
    answer = told(process)
    assert answer["statuses"] == [0] * 40
    assert answer["closed"]
    said = all_said(tmp_path)
    for number, count in enumerate(answer["counts"]):
        assert values(said, f"t{number}") == list(range(count))
    assert values(said, "child") == list(range(20)) * 40
    assert len({event.session for event in said}) == 41
    assert {text for text in texts(said) if text.startswith("child")} == {f"child {number}" for number in range(40)}


def test_children_that_end_by_os_exit_are_shipped_by_their_parent(tmp_path: Path) -> None:
    process = child(
        tmp_path,
        """
import json
one = session(folder, None, transport="console")
one.line("a", "e", "parent")
pid = os.fork()
if not pid:
    one.line("a", "e", "child")
    os._exit(0)
os.waitpid(pid, 0)
one.flush(20)
print(json.dumps({"closed": one.close(20), "left": len(list((folder / "spool").iterdir()))}))
""",
    )
    assert told(process) == {"closed": True, "left": 0}
    said = unique(process.stderr_text.encode().splitlines())  # type: ignore[attr-defined]
    assert set(texts(said)) == {"parent", "child"}


def test_spawned_processes_join_with_sessions_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    tests = Path(__file__).parent.parent
    script.write_text(
        f"""
import multiprocessing, sys
from pathlib import Path
sys.path.insert(0, {str(tests)!r})
from sessions import Wire, session

folder = Path({str(tmp_path)!r})

def work(number, parent):
    one = session(folder, Wire(folder / "wire"), parent=parent, role="member")
    one.line("a", "e", f"worker {{number}}")
    one.close(20)

if __name__ == "__main__":
    one = session(folder, Wire(folder / "wire"))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(work, [(number, one.id) for number in range(4)])
    one.close(20)
"""
    )
    process = child(tmp_path, f"os.execv(sys.executable, [sys.executable, {str(script)!r}])\n")
    assert (process.returncode, process.stderr_text) == (0, "")  # type: ignore[attr-defined]
    said = all_said(tmp_path)
    assert set(texts(said)) == {f"worker {number}" for number in range(4)}
    opened = [codec.payload(event) for event in said if event.type == events.SESSION_OPENED]
    assert sum(one.parent is not None for one in opened) == 4


def test_a_fork_pool_of_multiprocessing_loses_nothing(tmp_path: Path) -> None:
    """Its processes end by os._exit, without atexit: the spool keeps what they said."""
    process = child(
        tmp_path,
        """
import json, multiprocessing
one = session(folder, Wire(folder / "wire"))
series = one.series("a", "e", "loss")
def work(number):
    one.point(series, None, number)
    return os.getpid()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pids = set(pool.map(work, range(100)))
print(json.dumps({"closed": one.close(20)}))
""",
    )
    assert told(process)["closed"]
    assert sorted(values(all_said(tmp_path))) == list(range(100))
