"""How a process ends, and what is said of it: SIGTERM, Ctrl-C, exit codes, the interpreter's end. Real processes."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from runreel import events
from speaking import Program, run

WAITING = """
    import signal, time, runreel
    {before}
    with runreel.start("p") as run, run.step("train") as step:
        step.log("working")
        print("ready", flush=True)
        while True:
            time.sleep(0.05)  # not pause(): one that begins just after the signal came waits for ever
"""


def states(program: Program) -> tuple[str, Any]:
    state = program.state()
    return state["state"], {path: step["state"] for path, step in state["steps"].items()}


def test_sigterm_is_canceled_and_stays_the_exit_status(tmp_path: Path) -> None:
    program = Program(tmp_path, WAITING.format(before=""))
    program.says("ready")
    program.process.send_signal(signal.SIGTERM)
    assert program.end().code == -signal.SIGTERM
    assert states(program) == ("CANCELED", {"train": "CANCELED"})
    assert program.state()["error"]["type"] == "SIGTERM"
    assert [closed.how for closed in program.data(events.SESSION_CLOSED)] == ["clean"]
    assert program.lines("train") == ["working"]


def test_a_hosts_own_handler_is_left_alone(tmp_path: Path) -> None:
    before = "signal.signal(signal.SIGTERM, lambda *_: exit(7))"
    program = Program(tmp_path, WAITING.format(before=before))
    program.says("ready")
    program.process.send_signal(signal.SIGTERM)
    assert program.end().code == 7
    assert states(program) == ("FAILED", {"train": "FAILED"})


def test_signals_may_be_turned_off(tmp_path: Path) -> None:
    source = """
        import signal, runreel
        with runreel.start("p"):
            print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
    """
    assert run(tmp_path, source, {"RUNREEL_SIGNALS": "0"}).out == "True\n"


def test_the_disposition_is_the_default_again_after_the_last_run(tmp_path: Path) -> None:
    source = """
        import signal, runreel
        held = lambda: signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        with runreel.start("outer"):
            with runreel.start("inner"):
                print(held())
            print(held())
        print(held())
    """
    assert run(tmp_path, source).out == "True\nTrue\nFalse\n"


def test_outside_the_main_thread_no_handler_is_set(tmp_path: Path) -> None:
    source = """
        import signal, threading, runreel
        def work():
            with runreel.start("p"):
                print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    program = run(tmp_path, source)
    assert program.out == "True\n"
    assert program.state()["state"] == "SUCCEEDED"


def test_ctrl_c_is_canceled(tmp_path: Path) -> None:
    program = Program(tmp_path, WAITING.format(before=""))
    program.says("ready")
    program.process.send_signal(signal.SIGINT)
    assert program.end().code == -signal.SIGINT
    assert states(program) == ("CANCELED", {"train": "CANCELED"})


@pytest.mark.parametrize(
    ("last", "code", "state"),
    [
        ("pass", 0, "SUCCEEDED"),
        ("sys.exit()", 0, "SUCCEEDED"),
        ("sys.exit(3)", 3, "FAILED"),
        ("sys.exit('no rows')", 1, "FAILED"),
        ("raise ValueError('broken')", 1, "FAILED"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "CANCELED"),
    ],
)
def test_leaving_with_says_how(tmp_path: Path, last: str, code: int, state: str) -> None:
    source = f"""
        import sys, runreel
        with runreel.start("p") as run, run.step("s"):
            {last}
    """
    program = run(tmp_path, source)
    assert program.code == code
    assert states(program) == (state, {"s": state})


@pytest.mark.parametrize(
    ("last", "code", "state"),
    [
        ("", 0, "SUCCEEDED"),
        ("raise ValueError('broken')", 1, "FAILED"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "CANCELED"),
    ],
)
def test_the_end_of_the_program_ends_what_was_not_finished(tmp_path: Path, last: str, code: int, state: str) -> None:
    source = f"""
        import runreel
        run = runreel.start("p")
        step = run.step("s")
        {last}
    """
    program = run(tmp_path, source)
    assert program.code == code
    assert states(program) == (state, {"s": state})
    assert any("ValueError: broken" in line for line in program.lines("s")) == (state == "FAILED")


def test_os_exit_leaves_an_owner_that_said_nothing(tmp_path: Path) -> None:
    """What it said is delivered all the same: by the next one on this machine."""
    source = """
        import os, runreel
        run = runreel.start("p")
        run.log("last words")
        os._exit(9)
    """
    program = run(tmp_path, source)
    assert program.code == 9
    next_one = run_next(tmp_path)
    assert next_one.err == ""
    told = {event.run: event for event in next_one.events}
    assert len(told) == 2
    dead = [event for event in next_one.events if event.source == "/default/p"]
    assert dead[-1].type == events.SESSION_CLOSED


def run_next(folder: Path) -> Program:
    """The next program on this machine, which ships what the last one left."""
    return run(
        folder,
        """
        import runreel
        with runreel.start("next") as run:
            run.flush(30)
        """,
    )


def test_an_exception_in_a_thread_is_that_threads(tmp_path: Path) -> None:
    source = """
        import threading, runreel
        with runreel.start("p") as run:
            def work():
                with run.step("thread"):
                    raise OSError("away")
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    """
    program = run(tmp_path, source)
    assert states(program) == ("SUCCEEDED", {"thread": "FAILED"})


def test_a_daemon_thread_that_speaks_to_the_end_does_no_harm(tmp_path: Path) -> None:
    source = """
        import itertools, threading, runreel
        run = runreel.start("p")
        step = run.step("s")
        started = threading.Event()
        def work():
            for number in itertools.count():
                step.metric("n", number)
                step.log("line")
                started.set()
        threading.Thread(target=work, daemon=True).start()
        started.wait()
    """
    program = run(tmp_path, source)
    assert (program.code, program.err) == (0, "")
    assert states(program) == ("SUCCEEDED", {"s": "SUCCEEDED"})


def test_a_second_sigterm_while_the_last_words_are_said_changes_nothing(tmp_path: Path) -> None:
    source = """
        import os, signal, time, runreel
        from runreel import events
        from runreel.session import Session
        close = Session.close
        def closing(self, *args, **kwargs):
            os.kill(os.getpid(), signal.SIGTERM)
            return close(self, *args, **kwargs)
        Session.close = closing
        with runreel.start("p") as run, run.step("train"):
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                time.sleep(0.05)
    """
    program = run(tmp_path, source)
    assert program.code == -signal.SIGTERM
    assert states(program) == ("CANCELED", {"train": "CANCELED"})
