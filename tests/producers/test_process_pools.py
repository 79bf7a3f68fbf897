"""Pools of processes: their workers speak in the run, and inside the step, that they have joined."""

from __future__ import annotations

from pathlib import Path

import pytest

from speaking import run


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_multiprocessing_joins(tmp_path: Path, method: str) -> None:
    source = f"""
        import multiprocessing, runreel

        def work(number):
            runreel.metric("n", number)
            runreel.log(f"line {{number}}")
            with runreel.current_step().step(f"part-{{number}}"):
                pass
            return runreel.current_step().path

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with runreel.start("p") as run, run.step("train") as train:
                pool = context.Pool(2, initializer=runreel.join, initargs=(train.environ(),))
                print(set(pool.map(work, range(8))))
                pool.close()
                pool.join()
    """
    program = run(tmp_path, source)
    assert program.out == "{'train'}\n", program.err
    state = program.state()
    assert len(state["steps"]) == 9
    assert {step["state"] for step in state["steps"].values()} == {"SUCCEEDED"}
    assert state["series"]["train"]["n"]["count"] == 8
    assert sorted(program.lines("train")) == [f"line {i}" for i in range(8)]
    members = [session for session in state["sessions"].values() if session["role"] == "member"]
    assert 1 <= len(members) <= 2
    assert all(session["how"] == "clean" for session in state["sessions"].values())


def test_workers_of_an_executor_join(tmp_path: Path) -> None:
    source = """
        import multiprocessing, runreel
        from concurrent.futures import ProcessPoolExecutor

        def work(number):
            with runreel.current_run().step("fit", join=True) as fit:
                fit.metric("n", number, at=number)
                return fit.path

        if __name__ == "__main__":
            with runreel.start("p") as run, run.step("fit", join=True):
                spawn = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(2, spawn, initializer=runreel.join, initargs=(run.environ(),)) as pool:
                    print(set(pool.map(work, range(6))))
    """
    program = run(tmp_path, source)
    assert program.out == "{'fit'}\n", program.err
    step = program.state()["steps"]["fit"]
    assert len(step["attempts"]) == 1
    assert program.state()["series"]["fit"]["n"]["count"] == 6


def test_in_a_worker_that_joined_start_joins_too(tmp_path: Path) -> None:
    """As in a process that has the run in its environment."""
    source = """
        import multiprocessing, runreel
        from concurrent.futures import ProcessPoolExecutor

        def work(number):
            with runreel.start("p") as run, run.step(f"part {number}"):
                return run.id

        if __name__ == "__main__":
            with runreel.start("p") as run, run.step("fit") as fit:
                spawn = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(2, spawn, initializer=runreel.join, initargs=(fit.environ(),)) as pool:
                    print(set(pool.map(work, range(3))) == {run.id})
    """
    program = run(tmp_path, source)
    assert program.out == "True\n", program.err
    state = program.state()
    assert state["state"] == "SUCCEEDED"
    assert {path: step["state"] for path, step in state["steps"].items()} == dict.fromkeys(
        ("fit", "fit/part 0", "fit/part 1", "fit/part 2"), "SUCCEEDED"
    )
