"""`runreel up`: everything of one machine, found without configuration, and nothing lost by its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from commands import COMMAND, Up, data, environ, lines, run, settings_of, up
from runreel import codec
from runreel.hub import Hub
from runreel.spool import waiting
from runreel_server.asgi import THREADS
from support import wait_for

STEP = """
    import runreel
    with runreel.start("nightly") as run, run.step("work", total=3) as step:
        for i in step.track(range(3)):
            step.metric("loss", 1 / (i + 1))
        step.log("done")
        step.output("result", "a,b\\n1,2\\n", type="Table")
    print(run.id, run.url)
"""


def python(folder: Path, source: str, **variables: str) -> str:
    """What a step's program printed, run in a second terminal."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=environ(folder, **variables),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An `up` for tests that leave it as it is."""
    with up(tmp_path_factory.mktemp("up")) as running:
        yield running


def test_a_step_in_a_second_terminal_finds_it(machine: Up) -> None:
    """Nothing is configured but where the state lies, which is a user's own folder otherwise."""
    number, url = python(machine.folder, STEP).split()
    assert url == f"{machine.hub.url}/runs/{number}"
    # What was acknowledged was told to the list before; an `up` that has just begun hears it a moment later.

    def listed() -> bool:
        rows = run(machine.folder, "runs").stdout.decode().splitlines()
        return any(number[-8:] in row and "SUCCEEDED" in row for row in rows)

    wait_for(listed)
    state = machine.complete(number)
    assert (state["pipeline"], state["state"], state["missing"]) == ("nightly", "SUCCEEDED", [])
    assert state["series"]["work"]["loss"]["count"] == 3
    (artifact,) = wait_for(
        lambda: [one for one in machine.state(number)["artifacts"].values() if one["state"] == "stored"], 30
    )
    with urllib.request.urlopen(f"{machine.hub.url}/api/v1/artifacts/{artifact['id']}/content", timeout=30) as answer:
        assert answer.read() == b"a,b\n1,2\n"


def test_a_shell_script_tells_a_whole_run(machine: Up) -> None:
    """With its artifact: `emit artifact` returns when the store has it."""
    script = """
        eval "$(runreel emit start from-shell)"
        eval "$(runreel emit step load --total 1)"
        printf 'a,b\\n' > result.csv
        runreel emit progress 1
        runreel emit artifact result.csv --type Dataset --metadata rows=1 --show
        eval "$(runreel emit finish --this-step)"
        runreel emit finish
        echo "$RUNREEL_RUN_ID"
    """
    done = subprocess.run(
        ["sh", "-euc", script],
        env=environ(machine.folder),
        cwd=machine.folder,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    state = machine.complete(done.stdout.decode().split()[-1])
    assert (state["state"], state["steps"]["load"]["progress"]["done"]) == ("SUCCEEDED", 1)
    (artifact,) = state["artifacts"].values()
    assert (artifact["name"], artifact["type"], artifact["step"], artifact["state"]) == (
        "result.csv", "Dataset", "load", "stored",
    )  # fmt: skip
    with urllib.request.urlopen(f"{machine.hub.url}/api/v1/artifacts/{artifact['id']}/content", timeout=30) as answer:
        assert answer.read() == b"a,b\n"


def test_it_loads_nothing_that_it_has_no_use_for(machine: Up) -> None:
    """pyarrow would load pandas with the first event that is stored: 40 MB."""
    machine.complete(python(machine.folder, STEP).split()[0])
    loaded = Path(f"/proc/{machine.hub.pid}/maps").read_text()
    assert "pyarrow" in loaded
    assert "/pandas/" not in loaded


def test_a_second_up_on_the_same_folder_says_so(machine: Up) -> None:
    done = run(machine.folder, "up", "--port", "0")
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "RUNREEL_STATE_DIR=" in said
    assert f"another `runreel up` runs with this folder at {machine.hub.url}" in said
    assert said.count("\n") == 1
    assert Hub.find(machine.settings) == machine.hub


def test_doctor_finds_nothing_wrong_beside_it(machine: Up) -> None:
    done = run(machine.folder, "doctor")
    assert (done.returncode, b"WRONG" in done.stdout) == (0, False), done.stdout.decode()
    assert machine.hub.url in done.stdout.decode()


def test_runs_and_tail_show_it_in_the_terminal(machine: Up) -> None:
    number = python(machine.folder, STEP).split()[0]
    machine.complete(number)
    wait_for(lambda: (number, "SUCCEEDED") in [(one["id"], one["state"]) for one in machine.runs()], 30)
    assert number[-8:] in run(machine.folder, "runs").stdout.decode()
    told = run(machine.folder, "tail", number[-8:])
    assert told.returncode == 0
    assert "work" in told.stdout.decode()
    assert "SUCCEEDED" in told.stdout.decode()
    soon = datetime.now() + timedelta(seconds=1)  # a clock's second is that second's beginning
    for moment in ("-0", "1 h", f"{soon:%H:%M:%S}"):
        then = run(machine.folder, "tail", number, "--at", moment)
        assert (then.returncode, "Succeeded" in then.stdout.decode()) == (0, True), (moment, then)
    wrong = run(machine.folder, "tail", number, "--at", "noon")
    assert wrong.returncode == 2
    assert "'noon' is no moment: write a time like" in wrong.stderr.decode()


def test_a_run_is_exported_imported_and_replayed(machine: Up) -> None:
    number = python(machine.folder, STEP).split()[0]
    before = machine.complete(number)
    assert run(machine.folder, "export", number[-8:], "-o", "run.jsonl").returncode == 0
    exported = (machine.folder / "run.jsonl").read_bytes()
    events = [codec.decode(line) for line in exported.splitlines()]
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert lines(events) == ["done"]
    assert run(machine.folder, "export", number).stdout == exported

    again = run(machine.folder, "import", "run.jsonl")
    sent = sum(event.type != "runreel.heartbeat" for event in events)
    assert (again.returncode, again.stdout) == (0, f"{sent:,} events sent; signs of life stay behind\n".encode())
    assert machine.complete(number)["events"] == before["events"]

    shown = run(machine.folder, "replay", number[-8:], "--speed", "max")
    assert shown.returncode == 0
    assert "nightly" in shown.stdout.decode()
    assert "done" in shown.stdout.decode()

    again = run(machine.folder, "replay", number, "--speed", "max", "--to", "kafka")
    new = again.stdout.decode().split()[-1]
    replayed = machine.complete(new)
    assert replayed["origin"]["run"] == number
    assert replayed["state"] == "SUCCEEDED"
    assert replayed["series"]["work"]["loss"]["count"] == 3
    repeated = run(machine.folder, "replay", number, "--speed", "max", "--to", "kafka", "--as", new)
    assert (repeated.returncode, repeated.stderr.splitlines()[-1]) == (0, b"0 events sent")
    assert machine.complete(new)["events"] == replayed["events"]


@pytest.mark.slow
def test_an_import_reaches_another_machine_whole(machine: Up, tmp_path: Path) -> None:
    """Above what the built-in broker keeps of a partition (5 MiB): it lets the oldest go, and nothing is lost."""
    number = python(machine.folder, """
        import runreel
        with runreel.start("long") as run:
            for i in range(60_000):
                run.log(f"{i:06d} " + "x" * 200)
        print(run.id)
    """)  # fmt: skip
    machine.complete(number, 100)
    assert run(machine.folder, "export", number, "-o", str(tmp_path / "run.jsonl")).returncode == 0
    assert (tmp_path / "run.jsonl").stat().st_size > 3 * (5 << 20) / 2
    with up(tmp_path) as other:
        assert run(tmp_path, "import", "run.jsonl", timeout=110).returncode == 0
        state = other.complete(number, 60)
        assert state["events"] == machine.state(number)["events"]
        exported = run(tmp_path, "export", number).stdout
    beats = b'"runreel.heartbeat"'
    there = [line for line in (tmp_path / "run.jsonl").read_bytes().splitlines() if beats not in line]
    assert exported.splitlines() == there


def test_a_port_that_is_taken_is_passed_over_and_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with up(tmp_path, "--port", str(port)) as running:
            used = int(running.hub.url.rpartition(":")[2])
            assert port < used < port + 50
            assert f"port {port} is taken, using {used}" in running.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_within_5_seconds_and_keeps_all_data(tmp_path: Path, number: signal.Signals) -> None:
    """Whoever watches does not hold it; started again, every run is there, with its artifact."""
    with up(tmp_path) as running:
        first = python(tmp_path, STEP).split()[0]
        before = running.complete(first)
        with urllib.request.urlopen(f"{running.hub.url}/api/v1/runs/{first}/stream", timeout=30) as watching:
            assert watching.readline()
            took = running.stop(number)
        assert (running.process.returncode, took < 5) == (0, True), (took, running.log)
        assert Hub.find(running.settings) is None
        assert "Traceback" not in running.log
    with up(tmp_path) as again:
        assert again.hub.id != running.hub.id
        assert [one["id"] for one in again.runs()] == [first]
        after = again.complete(first)
        assert after["steps"]["work"]["attempts"] == before["steps"]["work"]["attempts"]
        assert (after["artifacts"], after["events"]) == (before["artifacts"], before["events"])


SLOW = """
    import sys, time
    from runreel.cli import main
    from runreel_server.queries.strips import StripQuery

    def forever(*_):
        print("asked", file=sys.stderr, flush=True)
        time.sleep(600)

    StripQuery.density = forever
    main()
"""


def test_questions_that_take_long_do_not_hold_its_end(tmp_path: Path) -> None:
    """Neither those that are being answered nor those that wait for a thread."""
    with up(tmp_path, command=[sys.executable, "-c", textwrap.dedent(SLOW)]) as running, ExitStack() as stack:
        run_ = python(tmp_path, STEP).split()[0]
        running.complete(run_)
        port = int(running.hub.url.rpartition(":")[2])
        for _ in range(THREADS + 1):
            asking = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            asking.sendall(f"GET /api/v1/runs/{run_}/density HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_for(lambda: running.log.count("asked") == THREADS, what="the questions to be under way")
        running.runs()  # what came before it has been heard
        took = running.stop(signal.SIGTERM)
        answer = asking.recv(1 << 16)
    assert (running.process.returncode, took < 10) == (0, True), (took, running.log)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert "Traceback" not in running.log


@pytest.mark.slow
def test_what_is_said_while_it_is_killed_and_started_again_is_not_lost(tmp_path: Path) -> None:
    """kill -9: what the broker held is gone, and its emitters send it again to the next one."""
    source = """
        import sys, runreel
        run = runreel.start("long")
        print(run.id, flush=True)
        for number, line in enumerate(sys.stdin):
            runreel.metric("n", number)
            runreel.log(line.strip())
        run.finish()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=environ(tmp_path, RUNREEL_EXIT_WAIT="60"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as step:
        assert step.stdin is not None
        assert step.stdout is not None
        number = step.stdout.readline().strip()

        def say(first: int) -> None:
            assert step.stdin is not None
            step.stdin.writelines(f"{i}\n" for i in range(first, first + 1000))
            step.stdin.flush()

        with up(tmp_path) as running:
            say(0)
            wait_for(lambda: any(one["id"] == number for one in running.runs()), 30)
            say(1000)
            running.stop(signal.SIGKILL)
        say(2000)
        with up(tmp_path) as again:
            say(3000)
            step.stdin.close()
            assert step.wait(90) == 0
            assert again.complete(number)["missing"] == []
            events = [codec.decode(line) for line in run(tmp_path, "export", number).stdout.splitlines()]
            said = sorted(value for one in data(events, "runreel.metrics") for value in one["value"])
            assert (lines(events), said) == ([str(i) for i in range(4000)], list(range(4000)))
            assert waiting(again.settings).bytes == 0


def test_what_was_said_while_nothing_ran_is_shipped_by_the_next_up(tmp_path: Path) -> None:
    number = python(tmp_path, STEP, RUNREEL_EXIT_WAIT="1").split()[0]
    assert waiting(settings_of(tmp_path)).sessions == 1
    with up(tmp_path) as running:
        state = running.complete(number)
        assert state["series"]["work"]["loss"]["count"] == 3
        wait_for(lambda: waiting(running.settings).sessions == 0)


def test_what_a_workspace_may_not_say_is_a_dead_letter_and_holds_nobody(tmp_path: Path) -> None:
    with up(tmp_path, RUNREEL_TOPIC_WORKSPACES="runreel.events=team") as running:
        python(tmp_path, STEP, RUNREEL_WORKSPACE="elsewhere")
        wait_for(lambda: (left := waiting(running.settings)).sessions + left.alive == 0)
        told = run(tmp_path, "archive", "dead", RUNREEL_STORE=running.hub.store).stdout.decode()
        assert "workspace 'elsewhere' may not be said in topic runreel.events" in told
        assert running.runs() == []
        running.complete(python(tmp_path, STEP, RUNREEL_WORKSPACE="team").split()[0])


def test_a_consumer_that_fails_ends_it_with_the_reason(tmp_path: Path) -> None:
    """Its folder is taken away: nothing goes on as if all were well."""
    with up(tmp_path, "--data", "archive") as running:
        (tmp_path / "archive").rename(tmp_path / "gone")
        (tmp_path / "archive").touch()
        run(tmp_path, "exec", "--", "true", RUNREEL_EXIT_WAIT="1")
        assert running.process.wait(30) == 2
        assert "RUNREEL_STORE" in running.log
        assert "Traceback" not in running.log


def test_its_output_is_short_and_complete(machine: Up) -> None:
    said = machine.log.splitlines()
    assert said[0] == f"runreel is up: {machine.hub.url}"
    assert said[1] == f"data: {machine.folder}/state/data"
    assert len(said) == 3


def test_nobody_but_this_machine_reaches_it_unless_told(tmp_path: Path, machine: Up) -> None:
    assert machine.hub.url.startswith("http://127.0.0.1:")
    with up(tmp_path, "--host", "0.0.0.0") as open_to_all:
        assert "everybody who reaches this machine can read every run" in open_to_all.log


def test_a_terminals_ctrl_c_is_quiet(tmp_path: Path) -> None:
    """In a group with its terminal, as people run it."""
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*COMMAND, "up", "--port", "0"], env=environ(tmp_path), stdout=said, stderr=said, start_new_session=True
        )
    wait_for(lambda: b"ends it" in (tmp_path / "said").read_bytes(), 30)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    assert (tmp_path / "said").read_text().splitlines()[-1] == "stopping"
