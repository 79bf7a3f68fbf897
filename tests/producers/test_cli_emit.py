"""`runreel emit`: a run told by a shell script."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from commands import COMMAND, data, environ, lines, run, told
from runreel.events import Event
from runreel.state import fold
from support import wait_for

CONSOLE = {"RUNREEL_TRANSPORT": "console"}
GIVEN = {"RUNREEL_RUN_ID": "given-1", **CONSOLE}


def script(folder: Path, text: str) -> tuple[str, list[Event]]:
    """What a shell script printed, and what it said."""
    done = subprocess.run(
        ["sh", "-euc", text],
        env=environ(folder, **CONSOLE),
        cwd=folder,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(), told(done.stderr)


def test_a_whole_run_from_a_script(tmp_path: Path) -> None:
    _, events = script(tmp_path, """
        eval "$(runreel emit start nightly --experiment e --param n=3 --tag team=a --graph load --graph train:load)"
        eval "$(runreel emit step load --total 3 --unit file)"
        runreel emit progress 2 --message half
        runreel emit metric rows 5021
        runreel emit metric loss --at 7 -- -1.5
        runreel emit log "it's done"
        printf 'a\\nb\\n' | runreel emit log --level warning
        eval "$(runreel emit finish --this-step)"
        runreel emit finish
    """)  # fmt: skip
    state = fold(events).view()
    assert (state["pipeline"], state["experiment"], state["state"]) == ("nightly", "e", "SUCCEEDED")
    assert (state["params"], state["tags"]) == ({"n": 3}, {"team": "a"})
    assert state["steps"]["load"]["state"] == "SUCCEEDED"
    assert state["steps"]["train"]["parents"] == ["load"]
    assert data(events, "runreel.progress")[0]["done"] == [2]
    said = {one["name"]: (one.get("at"), one["value"]) for one in data(events, "runreel.metrics")}
    assert said == {"rows": (None, [5021]), "loss": ([7], [-1.5])}
    assert sorted(lines(events)) == ["a", "b", "it's done"]
    assert state["missing"] == []
    assert all(session["closed"] for session in state["sessions"].values())


def test_steps_of_one_shell_follow_each_other_and_nest(tmp_path: Path) -> None:
    out, events = script(tmp_path, """
        eval "$(runreel emit start p)"
        eval "$(runreel emit step 'a b')"
        eval "$(runreel emit step in/ner)"
        eval "$(runreel emit finish --this-step)"
        eval "$(runreel emit finish --this-step --state FAILED --error 'disk full')"
        eval "$(runreel emit step c --after 'a b')"
        echo "$RUNREEL_STEP"
        eval "$(runreel emit finish --this-step)"
        env | grep -c RUNREEL_STEP || true
    """)  # fmt: skip
    steps = fold(events).view()["steps"]
    assert {path: step["state"] for path, step in steps.items()} == {
        "a b": "FAILED", "a b/in%2Fner": "SUCCEEDED", "c": "SUCCEEDED",
    }  # fmt: skip
    assert steps["a b"]["error"]["message"] == "disk full"
    assert steps["c"]["parents"] == ["a b"]
    assert out.split() == ["c", "0"]


def test_an_id_from_outside_is_kept(tmp_path: Path) -> None:
    done = run(tmp_path, "emit", "start", "p", **GIVEN)
    assert done.stdout == b"export RUNREEL_RUN_ID=given-1\n"
    assert data(told(done.stderr), "runreel.run.started")[0]["given"] is True


def test_text_that_is_no_utf_8_survives(tmp_path: Path) -> None:
    done = run(tmp_path, "emit", "log", stdin=b"caf\xe9\r\nend", **GIVEN)
    events = told(done.stderr)
    assert lines(events) == ["caf\\xe9", "end"]
    assert data(events, "runreel.session.closed")


def test_a_log_that_is_piped_in_is_told_as_it_comes(tmp_path: Path) -> None:
    """`tail -f x | runreel emit log` has no end."""
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, "emit", "log"], env=environ(tmp_path, **GIVEN), stdin=subprocess.PIPE, stderr=stderr
        )
    assert process.stdin is not None
    process.stdin.write(b"first\n")
    process.stdin.flush()
    wait_for(lambda: lines(told(said.read_bytes())) == ["first"])
    process.stdin.close()
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("progress", "many"), "'many' is not a valid float"),
        (("metric", "loss", "low"), "'low' is not a valid float"),
        (("log", "x", "--level", "loud"), "level is 'LOUD'"),
        (("start", "p", "--param", "x"), "write KEY=VALUE"),
        (("step", ""), "is empty"),
        (("finish", "--this-step"), "--this-step needs RUNREEL_STEP and RUNREEL_EXECUTION"),
        (("finish", "--state", "DONE"), "'DONE' is not one of"),
        (("artifact", "nowhere"), "'nowhere' does not exist"),
    ],
)
def test_a_wrong_argument_is_one_clear_message(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, "emit", *arguments, **GIVEN)
    assert done.returncode == 2
    assert said.lower() in done.stderr.decode().lower()
    assert b"Traceback" not in done.stderr


def test_a_run_id_that_is_none_is_told(tmp_path: Path) -> None:
    missing = run(tmp_path, "emit", "progress", "1", **CONSOLE)
    assert (missing.returncode, b"RUNREEL_RUN_ID" in missing.stderr) == (2, True)
    wrong = run(tmp_path, "emit", "progress", "1", **{**GIVEN, "RUNREEL_RUN_ID": "../x"})
    assert (wrong.returncode, wrong.stderr.count(b"\n")) == (2, 1)
    assert b"RUNREEL_RUN_ID='../x': give the id of a run" in wrong.stderr


def test_nobody_listens_and_the_script_goes_on(tmp_path: Path) -> None:
    """What was said is on disk, and one line says where."""
    done = run(tmp_path, "emit", "metric", "x", "1", RUNREEL_RUN_ID="given-1", RUNREEL_EXIT_WAIT="1")
    assert done.returncode == 0
    assert b"runreel sync" in done.stderr
    shipped = run(tmp_path, "sync", **CONSOLE)
    assert (shipped.returncode, shipped.stdout) == (0, b"1 of 1 spools shipped, 0 bytes wait\n")
    assert data(told(shipped.stderr), "runreel.metrics")[0]["value"] == [1]
    assert told(shipped.stderr)[-1].final


def test_what_is_disabled_says_nothing_and_breaks_no_script(tmp_path: Path) -> None:
    off = {**CONSOLE, "RUNREEL_DISABLED": "1"}
    started = run(tmp_path, "emit", "start", "p", **off)
    assert started.stdout.startswith(b"export RUNREEL_RUN_ID=")
    (tmp_path / "x.csv").write_text("a\n")
    for arguments in (("metric", "x", "1"), ("log", "x"), ("log",), ("artifact", "x.csv"), ("finish",)):
        done = run(tmp_path, "emit", *arguments, stdin=b"line\n", RUNREEL_RUN_ID="given-1", **off)
        assert (done.returncode, done.stderr) == (0, b"")
