"""Other processes of a run: forked, spawned, in pools, started with an environment. Real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from runreel import events, ids
from speaking import Program, run

RUN = str(uuid.UUID("0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11"))


def roles(program: Program) -> list[str]:
    return sorted(opened.role for opened in program.data(events.SESSION_OPENED))


def last(program: Program, step: str, name: str) -> Any:
    return program.state()["series"][step][name]["last"]


def test_the_sdk_never_writes_the_environment(tmp_path: Path) -> None:
    source = """
        import os, runreel
        before = dict(os.environ)
        with runreel.start("p") as run, run.step("s") as step:
            step.environ()
            runreel.join(step.environ())
            print(dict(os.environ) == before)
        print(dict(os.environ) == before)
    """
    assert run(tmp_path, source).out == "True\nTrue\n"


CHILD = """
import runreel
with runreel.start("other name") as run:
    print(runreel.current_step().path, run.base.open)
    runreel.metric("rows", 5)
    with run.step("part") as part:
        print(part.path, flush=True)
        {last}
"""


def with_child(scope: str, last: str) -> str:
    """A program that starts another one with the environment of `run` or of `load`."""
    return f"""
        import os, subprocess, sys, runreel
        with runreel.start("p") as run, run.step("load") as load:
            environ = {{**os.environ, **{scope}.environ()}}
            subprocess.run([sys.executable, "-c", {CHILD.format(last=last)!r}], env=environ)
            print(run.open)
    """


def test_a_child_given_the_environment_of_a_step_is_inside_it(tmp_path: Path) -> None:
    program = run(tmp_path, with_child("load", "pass"))
    assert program.out == "load True\nload/part\nTrue\n", program.err
    state = program.state()
    assert {path: len(step["attempts"]) for path, step in state["steps"].items()} == {"load": 1, "load/part": 1}
    assert (state["state"], state["pipeline"]) == ("SUCCEEDED", "p")
    assert last(program, "load", "rows") == 5
    assert roles(program) == ["member", "owner"]
    parents = {opened.role: opened.parent for opened in program.data(events.SESSION_OPENED)}
    owner = next(event.session for event in program.events if event.type == events.RUN_FINISHED)
    assert parents == {"owner": None, "member": owner}


def test_a_child_that_fails_fails_its_own_step_alone(tmp_path: Path) -> None:
    program = run(tmp_path, with_child("load", "raise OSError('away')"))
    state = program.state()
    assert state["state"] == "SUCCEEDED"
    assert {path: step["state"] for path, step in state["steps"].items()} == {
        "load": "SUCCEEDED",
        "load/part": "FAILED",
    }


def test_pods_given_an_id_from_outside_own_nothing(tmp_path: Path) -> None:
    source = """
        import runreel
        with runreel.start("nyc", params={"a": 1}) as run, run.step("part"):
            pass
    """
    program = run(tmp_path, source, {"RUNREEL_RUN_ID": RUN})
    state = program.state()
    assert (state["id"], state["pipeline"], state["state"]) == (RUN, "nyc", "RUNNING")
    assert state["steps"]["part"]["state"] == "SUCCEEDED"
    assert [started.given for started in program.data(events.RUN_STARTED)] == [True]


def test_pods_given_a_step_make_it_together(tmp_path: Path) -> None:
    source = """
        import runreel
        with runreel.start("nyc") as run:
            print(runreel.current_step().path)
            runreel.metric("loss", 1)
    """
    program = run(tmp_path, source, {"RUNREEL_RUN_ID": RUN, "RUNREEL_STEP": "train/fold 1"})
    assert program.out == "train/fold 1\n"
    step = program.state()["steps"]["train/fold 1"]
    assert (step["execution"], step["state"]) == (ids.joined_execution(RUN, "train/fold 1"), "SUCCEEDED")


def test_a_run_id_that_is_none_is_a_wrong_setting(tmp_path: Path) -> None:
    program = run(tmp_path, "import runreel\nrunreel.start('p')", {"RUNREEL_RUN_ID": "a/b"})
    assert program.code == 1
    assert program.err.splitlines()[-1].startswith("runreel.errors.SettingError: RUNREEL_RUN_ID='a/b':")


def test_start_joins_only_an_id_that_came_from_outside(tmp_path: Path) -> None:
    """A user may put a run's identity into this very process's environment, for its children."""
    source = """
        import os, runreel
        with runreel.start("one") as one:
            os.environ.update(one.environ())
        with runreel.start("two") as two:
            print(one.id != two.id)
    """
    program = run(tmp_path, source)
    assert program.out == "True\n"
    assert roles(program) == ["owner", "owner"]


def test_a_forked_child_goes_on_in_the_step_as_a_member(tmp_path: Path) -> None:
    source = """
        import os, runreel
        with runreel.start("p") as run, run.step("s") as step:
            step.metric("n", 1)
            pid = os.fork()
            if not pid:
                step.metric("n", 2)
                step.log("from the child")
                with step.step("child"):
                    pass
                raise SystemExit(0)  # leaves both blocks, in the child
            os.waitpid(pid, 0)
            step.metric("n", 3)
            print(step.open, run.open)
    """
    program = run(tmp_path, source)
    assert program.out == "True True\n", program.err
    state = program.state()
    assert state["state"] == "SUCCEEDED"
    assert {path: step["state"] for path, step in state["steps"].items()} == {"s": "SUCCEEDED", "s/child": "SUCCEEDED"}
    assert state["series"]["s"]["n"]["count"] == 3
    assert program.lines("s") == ["from the child"]
    assert roles(program) == ["member", "owner"]
    assert len(program.data(events.RUN_FINISHED)) == 1
    assert all(session["closed"] for session in state["sessions"].values())


def test_a_forked_child_that_says_nothing_has_no_session(tmp_path: Path) -> None:
    source = """
        import os, runreel
        with runreel.start("p") as run, run.step("s") as step:
            pid = os.fork()
            if not pid:
                raise SystemExit(0)
            os.waitpid(pid, 0)
    """
    assert roles(run(tmp_path, source)) == ["owner"]


def test_a_forked_child_with_eight_threads_writing(tmp_path: Path) -> None:
    source = """
        import os, threading, runreel
        with runreel.start("p") as run, run.step("s") as step:
            stop = threading.Event()
            def work(name):
                while not stop.is_set():
                    step.metric(name, 1)
            threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(8)]
            for thread in threads:
                thread.start()
            children = []
            for number in range(10):
                pid = os.fork()
                if not pid:
                    step.metric("child", number)
                    os._exit(0 if run.flush(30) else 1)
                children.append(pid)
            codes = [os.waitpid(pid, 0)[1] for pid in children]
            stop.set()
            for thread in threads:
                thread.join()
            print(codes)
    """
    program = run(tmp_path, source)
    assert program.out == f"{[0] * 10}\n", program.err
    assert program.state()["series"]["s"]["child"]["count"] == 10


def test_a_process_of_multiprocessing_that_fails_says_so(tmp_path: Path) -> None:
    """It leaves by os._exit, so no exit function of Python's comes."""
    source = """
        import multiprocessing, runreel

        def work(environ):
            run = runreel.join(environ)
            step = run.step("part")
            raise OSError("away")

        if __name__ == "__main__":
            with runreel.start("p") as run:
                process = multiprocessing.get_context("spawn").Process(target=work, args=(run.environ(),))
                process.start()
                process.join()
    """
    program = run(tmp_path, source)
    state = program.state()
    assert (state["state"], state["steps"]["part"]["state"]) == ("SUCCEEDED", "FAILED")
    assert state["steps"]["part"]["error"]["message"] == "away"


def test_a_terminated_worker_is_canceled_with_what_it_did(tmp_path: Path) -> None:
    source = """
        import multiprocessing, time, runreel

        def work(environ, ready):
            with runreel.join(environ).step("part"):
                ready.set()
                while True:
                    time.sleep(0.05)  # not pause(): one that begins just after the signal came waits for ever

        if __name__ == "__main__":
            spawn = multiprocessing.get_context("spawn")
            with runreel.start("p") as run:
                ready = spawn.Event()
                process = spawn.Process(target=work, args=(run.environ(), ready))
                process.start()
                ready.wait()
                process.terminate()
                process.join()
                print(process.exitcode)
    """
    program = run(tmp_path, source)
    assert program.out == "-15\n"
    state = program.state()
    assert (state["state"], state["steps"]["part"]["state"]) == ("SUCCEEDED", "CANCELED")


def test_a_worker_that_is_killed_loses_nothing_that_it_said(tmp_path: Path) -> None:
    source = """
        import multiprocessing, os, runreel

        def work(environ):
            step = runreel.join(environ).step("part")
            for number in range(1000):
                step.metric("n", number)
            os._exit(9)

        if __name__ == "__main__":
            with runreel.start("p") as run:
                process = multiprocessing.get_context("spawn").Process(target=work, args=(run.environ(),))
                process.start()
                process.join()
                print(run.flush(30))
    """
    program = run(tmp_path, source)
    assert program.out == "True\n"
    state = program.state()
    assert state["series"]["part"]["n"]["count"] == 1000
    assert state["steps"]["part"]["state"] == "FAILED"
    assert state["missing"] == []


def test_with_nothing_configured_and_nothing_running_a_step_works(tmp_path: Path) -> None:
    """Its events wait in the spool, one line says so, and the next one that reaches somebody ships them."""
    source = """
        import runreel
        with runreel.start("p") as run, run.step("s") as step:
            for number in step.track(range(100)):
                step.metric("n", number)
            print(run.url)
    """
    program = run(tmp_path, source, {"RUNREEL_TRANSPORT": ""})
    assert (program.code, program.out) == (0, "None\n")
    (line,) = program.err.splitlines()
    assert "RUNREEL_KAFKA" in line
    assert "runreel sync" in line
    assert program.events == []
    environ = {**os.environ, "RUNREEL_STATE_DIR": str(tmp_path / "state"), "RUNREEL_TRANSPORT": "console"}
    with (tmp_path / "stderr").open("ab") as err:
        subprocess.run([sys.executable, "-m", "runreel", "sync"], env=environ, stdout=err, stderr=err, check=True)
    state = program.state()
    assert state["series"]["s"]["n"]["count"] == 100
    assert state["state"] == "SUCCEEDED"
    assert state["missing"] == []


def test_join_without_a_run_says_nothing(tmp_path: Path) -> None:
    source = """
        import runreel
        run = runreel.join({})
        with run.step("s") as step:
            step.metric("n", 1)
        print(run.environ(), runreel.current_run())
    """
    program = run(tmp_path, source)
    assert program.out == "{} None\n", program.err
    assert program.events == []


def test_joining_twice_is_joining_once(tmp_path: Path) -> None:
    source = """
        import runreel
        with runreel.start("p") as run, run.step("s") as step:
            print(runreel.join(run.environ()) is run)
    """
    program = run(tmp_path, source)
    assert program.out == "True\n"
    assert roles(program) == ["owner"]


def test_a_workspace_of_an_argument_reaches_the_child(tmp_path: Path) -> None:
    source = """
        import os, subprocess, sys, runreel
        child = "import runreel; runreel.start('p').step('part').finish()"
        with runreel.start("p", workspace="team") as run:
            subprocess.run([sys.executable, "-c", child], env={**os.environ, **run.environ()}, check=True)
    """
    program = run(tmp_path, source)
    assert {event.workspace for event in program.events} == {"team"}
