"""A program that leaves by SystemExit with a run that nobody finished. Real processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from speaking import run

by_hand = pytest.mark.skipif(sys.version_info < (3, 12), reason="told from Python 3.12 on (sys.monitoring)")


@pytest.mark.parametrize(
    ("last", "code", "state", "told"),
    [
        ("sys.exit()", 0, "SUCCEEDED", None),
        ("sys.exit(0)", 0, "SUCCEEDED", None),
        ("sys.exit(3)", 3, "FAILED", "exit code 3"),
        ("sys.exit('no rows')", 1, "FAILED", "no rows"),
        ("exit(4)", 4, "FAILED", "exit code 4"),
        ("quit(code=5)", 5, "FAILED", "exit code 5"),
        ("argparse.ArgumentParser().parse_args(['--none'])", 2, "FAILED", "exit code 2"),
        pytest.param("raise SystemExit(3)", 3, "FAILED", "exit code 3", marks=by_hand),
        pytest.param("early(3)", 3, "FAILED", "exit code 3", marks=by_hand),
    ],
)
def test_the_exit_code_ends_what_was_not_finished(
    tmp_path: Path, last: str, code: int, state: str, told: str | None
) -> None:
    source = f"""
        import argparse, sys
        from sys import exit as early
        import runreel
        run = runreel.start("p")
        step = run.step("s")
        {last}
    """
    program = run(tmp_path, source)
    assert program.code == code
    found = program.state()
    assert (found["state"], found["steps"]["s"]["state"]) == (state, state)
    assert (found["error"] or {}).get("message") == told


@pytest.mark.parametrize(("answer", "state"), [("None", "SUCCEEDED"), ("0", "SUCCEEDED"), ("3", "FAILED")])
def test_sys_exit_that_was_looked_up_before_the_run_began(tmp_path: Path, answer: str, state: str) -> None:
    source = f"""
        import sys, runreel
        def main():
            runreel.start("p")
            return {answer}
        if __name__ == "__main__":
            sys.exit(main())
    """
    assert run(tmp_path, source).state()["state"] == state


@pytest.mark.parametrize("last", ["", "raise ValueError('broken')"])
def test_an_exit_that_was_caught_does_not_count(tmp_path: Path, last: str) -> None:
    source = f"""
        import sys, threading, runreel
        runreel.start("p")
        def leave(code):
            try:
                sys.exit(code)
            except SystemExit:
                pass
        leave(3)
        thread = threading.Thread(target=sys.exit, args=(4,))
        thread.start()
        thread.join()
        try:
            sys.exit(5)
        except SystemExit:
            print("goes on")
        {last}
    """
    program = run(tmp_path, source)
    assert program.out == "goes on\n"
    error = program.state()["error"]
    assert (error and error["message"]) == ("broken" if last else None)


@pytest.mark.parametrize(
    "left",
    [
        "try:\n            sys.exit(3)\n        finally:\n            print('bye')",
        "try:\n            sys.exit(3)\n        except SystemExit:\n            print('bye')\n            raise",
    ],
)
def test_an_exit_that_passes_through_handlers_counts(tmp_path: Path, left: str) -> None:
    source = f"""
        import sys, runreel
        runreel.start("p")
        {left}
    """
    program = run(tmp_path, source)
    assert (program.code, program.out) == (3, "bye\n")
    assert program.state()["error"]["message"] == "exit code 3"


def test_what_was_there_comes_back_and_others_may_wrap_it_too(tmp_path: Path) -> None:
    source = """
        import sys
        plain = sys.exit
        import runreel
        runreel.start("first").finish()
        print(sys.exit is plain)
        run = runreel.start("second")
        ours, heard = sys.exit, []
        def theirs(code=None):
            heard.append(code)
            ours(code)
        sys.exit = theirs
        run.finish()
        print(sys.exit is theirs)
        runreel.start("third")
        try:
            sys.exit(3)
        except SystemExit as left:
            print(left.code, heard)
    """
    assert run(tmp_path, source).out == "True\nTrue\n3 [3]\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is there from Python 3.12 on")
def test_other_tools_keep_their_place(tmp_path: Path) -> None:
    source = """
        import sys, runreel
        for place in range(6):
            if sys.monitoring.get_tool(place) is None:
                sys.monitoring.use_tool_id(place, "theirs")
        runreel.start("p")
        print({sys.monitoring.get_tool(place) for place in range(6)})
        sys.exit(3)
    """
    program = run(tmp_path, source)
    assert program.out == "{'theirs'}\n"
    assert program.state()["error"]["message"] == "exit code 3"
