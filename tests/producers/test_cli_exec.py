"""`runreel exec`: any command as a step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from commands import COMMAND, data, environ, lines, run, start, told
from runreel.cli.exec import outcome
from runreel.settings import Settings
from runreel.spool import waiting
from runreel.state import fold
from support import ended, wait_for

CONSOLE = {"RUNREEL_TRANSPORT": "console"}

#: Makes standard input the terminal of a new session, then becomes the command: done in a process of its own, as what
#: runs between fork and exec of a process with threads may crash.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def python(source: str) -> list[str]:
    """A command that runs this program."""
    return ["exec", "--step", "work", "--", sys.executable, "-c", textwrap.dedent(source)]


def test_output_is_shown_and_told_and_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    done = run(tmp_path, *python("""
        import sys
        print("out"); print("err", file=sys.stderr); sys.exit(3)
    """), **CONSOLE)  # fmt: skip
    events = told(done.stderr)
    assert (done.returncode, done.stdout) == (3, b"out\n")
    assert b"\nerr\n" in b"\n" + done.stderr
    assert (lines(events, "stdout"), lines(events, "stderr")) == (["out"], ["err"])
    state = fold(events).view()
    assert (state["state"], state["steps"]["work"]["state"]) == ("FAILED", "FAILED")
    assert state["steps"]["work"]["error"]["message"] == "exit code 3"
    assert state["missing"] == []


def test_a_command_that_succeeds_ends_its_run(tmp_path: Path) -> None:
    done = run(tmp_path, "exec", "--pipeline", "nightly", "--experiment", "e", "--", "true", **CONSOLE)
    state = fold(told(done.stderr)).view()
    assert done.returncode == 0
    assert (state["pipeline"], state["experiment"], state["state"]) == ("nightly", "e", "SUCCEEDED")
    assert state["steps"]["true"]["state"] == "SUCCEEDED"


def test_it_joins_the_run_of_its_environment(tmp_path: Path) -> None:
    done = run(tmp_path, "exec", "--step", "b", "--after", "a", "--", "true", RUNREEL_RUN_ID="given-1", **CONSOLE)
    events = told(done.stderr)
    assert {event.run for event in events} == {"given-1"}
    assert data(events, "runreel.step.started")[0]["parents"] == ["a"]
    assert data(events, "runreel.run.finished") == []


def test_a_command_that_is_not_there_is_127(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("no program")
    for command, code in (("/nowhere/at-all", 127), ("./plain", 126)):
        done = run(tmp_path, "exec", "--", command, **CONSOLE)
        state = fold(told(done.stderr)).view()
        assert done.returncode == code
        assert f"runreel exec: {command}: ".encode() in done.stderr
        assert state["state"] == "FAILED"
        assert command in state["steps"][os.path.basename(command)]["error"]["message"]


def test_children_find_the_identity_and_their_steps_lie_inside(tmp_path: Path) -> None:
    done = run(tmp_path, *python("""
        import runreel
        with runreel.start("ignored"), runreel.current_run().step("inner") as step:
            step.metric("x", 1)
    """), **CONSOLE)  # fmt: skip
    events = told(done.stderr)
    assert len({event.run for event in events}) == 1
    state = fold(events).view()
    assert state["steps"]["work/inner"]["state"] == "SUCCEEDED"
    assert (state["pipeline"], state["state"]) == (os.path.basename(sys.executable), "SUCCEEDED")


def test_binary_output_survives_in_terminal_and_log(tmp_path: Path) -> None:
    done = run(tmp_path, *python("import sys; sys.stdout.buffer.write(b'caf\\xe9 \\x00\\\\\\n\\xff')"), **CONSOLE)
    assert done.stdout == b"caf\xe9 \x00\\\n\xff"
    said = data(told(done.stderr), "runreel.logs")
    assert [text for one in said for text in one["text"]] == ["caf\\xe9 \x00\\\\", "\\xff"]
    assert all(one["escaped"] for one in said)


def test_a_progress_bar_is_told_as_lines_that_overwrite_each_other(tmp_path: Path) -> None:
    done = run(tmp_path, *python("""
        import sys
        for i in range(3):
            sys.stderr.write(f"\\r{i} of 3"); sys.stderr.flush()
        print("\\rdone", file=sys.stderr)
    """), **CONSOLE)  # fmt: skip
    assert lines(told(done.stderr), "stderr") == ["0 of 3\r", "1 of 3\r", "2 of 3\r", "done"]


def test_a_terminal_is_given_where_one_is_asked_for(tmp_path: Path) -> None:
    for options, expected in ([], "False 80"), (["--pty"], "True 80"):
        command = python(
            "import os, sys; print(sys.stdout.isatty(), os.get_terminal_size(1).columns if sys.stdout.isatty() else 80)"
        )
        done = run(tmp_path, "exec", *options, *command[1:], **CONSOLE, PYTHONWARNINGS="always::ResourceWarning")
        assert lines(told(done.stderr)) == [expected]
        assert b"ResourceWarning" not in done.stderr, "what it was read from is closed"
        assert done.stdout.split() == expected.encode().split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on_and_makes_it_canceled(tmp_path: Path, number: signal.Signals) -> None:
    """SIGINT too, where it comes from no terminal: the child would not get it otherwise."""
    ready = tmp_path / "ready"
    before = signal.signal(number, signal.SIG_DFL)  # what is ignored here, as under nohup, would be so in the child
    try:
        process = start(tmp_path, *python(f"""
            import pathlib, signal, time
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            pathlib.Path({str(ready)!r}).touch()
            time.sleep(60)
        """), **CONSOLE)  # fmt: skip
    finally:
        signal.signal(number, before)
    wait_for(ready.exists)
    process.send_signal(number)
    _, stderr = ended(process)
    state = fold(told(stderr)).view()
    assert process.returncode == 128 + number
    assert (state["state"], state["steps"]["work"]["state"]) == ("CANCELED", "CANCELED")
    assert state["steps"]["work"]["error"]["message"] == f"{number.name} was sent to it"


def test_ctrl_c_in_a_terminal_reaches_the_command_once(tmp_path: Path) -> None:
    """The terminal gives it to both; it is not passed on once more."""
    ours, theirs = os.openpty()
    counted = tmp_path / "counted"
    command = python(f"""
        import pathlib, signal, sys, time
        counted, count = pathlib.Path({str(counted)!r}), 0
        def count_one(*_):
            global count
            count += 1
            counted.write_text(str(count))
        signal.signal(signal.SIGINT, count_one)
        signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
        counted.write_text("0")
        while True:
            time.sleep(0.05)  # not pause(): one that begins just after the signal came waits for ever
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, *COMMAND, *command],
        env=environ(tmp_path, **CONSOLE),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for(lambda: counted.exists() and counted.read_text() == "0")
        os.write(ours, b"\x03")
        wait_for(lambda: counted.read_text() == "1")
        process.send_signal(signal.SIGUSR1)
        _, stderr = ended(process)
    finally:
        os.close(ours)
        os.close(theirs)
    assert counted.read_text() == "1"
    assert fold(told(stderr)).view()["state"] == "SUCCEEDED"


def test_a_command_that_ends_well_on_a_signal_has_succeeded(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    process = start(tmp_path, *python(f"""
        import pathlib, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        pathlib.Path({str(ready)!r}).touch()
        while True:
            time.sleep(0.05)  # not pause(): one that begins just after the signal came waits for ever
    """), **CONSOLE)  # fmt: skip
    wait_for(ready.exists)
    process.terminate()
    _, stderr = ended(process)
    assert process.returncode == 0
    assert fold(told(stderr)).view()["state"] == "SUCCEEDED"


def test_a_command_that_a_signal_ended_has_failed(tmp_path: Path) -> None:
    done = run(tmp_path, "exec", "--", "sh", "-c", "kill -9 $$", **CONSOLE)
    assert done.returncode == 137
    assert fold(told(done.stderr)).view()["steps"]["sh"]["error"]["message"] == "ended by SIGKILL"


@pytest.mark.parametrize(
    ("code", "asked", "state"),
    [(0, None, "SUCCEEDED"), (0, 15, "SUCCEEDED"), (1, None, "FAILED"), (1, 2, "CANCELED"), (-9, None, "FAILED")],
)
def test_the_outcome_follows_from_code_and_signal(code: int, asked: int | None, state: str) -> None:
    assert outcome(code, asked)[0] == state


def test_what_a_killed_child_said_is_shipped(tmp_path: Path) -> None:
    """Its spool is found on this machine, whoever's child it was."""
    done = run(tmp_path, "exec", "--", "sh", "-c", f"{sys.executable} -c \"$0\"; true", textwrap.dedent("""
        import os, runreel
        run = runreel.start("ignored")
        runreel.metric("x", 42)
        os.kill(os.getpid(), 9)
    """), **CONSOLE)  # fmt: skip
    state = fold(told(done.stderr)).view()
    assert any(one["value"] == [42] for one in data(told(done.stderr), "runreel.metrics"))
    assert {session["closed"] for session in state["sessions"].values()} - {None}
    assert waiting(Settings(environ=environ(tmp_path), folder=tmp_path)).sessions == 0


def test_a_daemon_that_keeps_the_output_open_does_not_hold_it(tmp_path: Path) -> None:
    """The command has ended: what it left in the background is left alone after a while without output."""
    pid = tmp_path / "pid"
    try:
        done = run(tmp_path, "exec", "--", "sh", "-c", f"echo now; sleep 60 & echo $! > {pid}", timeout=30, **CONSOLE)
        assert lines(told(done.stderr)) == ["now"]
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_command_whose_reader_goes_ends_as_it_would_alone(tmp_path: Path) -> None:
    command = [*COMMAND, "exec", "--step", "work", "--", "yes"]
    ours = {**environ(tmp_path), **CONSOLE}
    with subprocess.Popen(command, cwd=tmp_path, env=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read(4) == b"y\ny\n"
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGPIPE
    events = told(errors)
    step = fold(events).view()["steps"]["work"]
    assert (step["state"], step["error"]["message"]) == ("FAILED", "ended by SIGPIPE")
    assert len(lines(events, "stdout")) > 2


def test_what_is_disabled_runs_and_says_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "exec", "--", "sh", "-c", "echo $RUNREEL_RUN_ID; exit 4", RUNREEL_DISABLED="1", **CONSOLE)
    assert (done.returncode, done.stdout, told(done.stderr)) == (4, b"\n", [])


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """Under nohup the child is to outlive the terminal."""
    command = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", sys.executable, "-m", "runreel", "exec", "--"]
    child = [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"]
    done = subprocess.run(
        [*command, *child], env=environ(tmp_path, **CONSOLE), capture_output=True, timeout=60, check=False
    )
    assert done.stdout == b"True\n"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_100_mb_of_output_pass_whole(tmp_path: Path) -> None:
    """Every byte is shown, every line is in the spool, whatever the delivery does."""
    source = "import sys\nfor i in range(1_000_000): sys.stdout.write(f'{i:099d}\\n')"
    done: Any = run(tmp_path, *python(source), timeout=280, RUNREEL_TRANSPORT="null", RUNREEL_SPOOL_LIMIT="2 GiB")
    assert done.returncode == 0
    assert done.stdout == b"".join(b"%099d\n" % i for i in range(1_000_000))
