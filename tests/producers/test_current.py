"""Which step speaks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import runreel
from runreel.run import Run
from runreel.step import Step
from runreel.testing import Said, capture


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def run(said: Said) -> Iterator[Run]:
    with runreel.start("p") as run:
        yield run


def elsewhere() -> Step | None:
    """Who speaks in a thread that has no step of its own."""
    found: list[Step | None] = []
    thread = threading.Thread(target=lambda: found.append(runreel.current_step()))
    thread.start()
    thread.join()
    return found[0]


def test_without_a_run_nothing_happens() -> None:
    """A library may be instrumented whether or not anybody listens."""
    assert runreel.current_run() is None
    assert runreel.current_step() is None
    runreel.metric("loss", 1.0)
    runreel.metrics({"acc": 1})
    runreel.points("p", value=[1])
    runreel.progress(1)
    runreel.log("line")
    runreel.params(x=1)
    runreel.tags(x=1)
    assert runreel.output("data", b"x").name == "data"
    assert runreel.show("data", "x").name == "data"
    assert runreel.input("data").name == "data"
    assert list(runreel.track([1, 2])) == [1, 2]


def test_the_contexts_step_speaks(said: Said, run: Run) -> None:
    with run.step("a") as a:
        runreel.metric("x", 1)
        with a.step("b"):
            runreel.metric("x", 2)
        runreel.metric("x", 3)
    runreel.metric("x", 4)
    assert said.points("a", "x") == [(None, 1), (None, 3)]
    assert said.points("a/b", "x") == [(None, 2)]
    assert said.points(None, "x") == [(None, 4)]


def test_current_step_is_none_in_the_run_itself(run: Run) -> None:
    assert runreel.current_run() is run
    assert runreel.current_step() is None


def test_in_a_pools_thread_the_only_open_step_speaks(run: Run) -> None:
    with run.step("a") as a:
        assert elsewhere() is a


def test_in_a_pools_thread_the_innermost_of_nested_steps_speaks(run: Run) -> None:
    with run.step("a") as a, a.step("b") as b:
        assert elsewhere() is b


def test_in_a_pools_thread_with_several_open_steps_the_run_speaks(said: Said, run: Run) -> None:
    a, b = run.step("a"), run.step("b")
    assert elsewhere() is None
    thread = threading.Thread(target=runreel.metric, args=("x", 1))
    thread.start()
    thread.join()
    assert said.points(None, "x") == [(None, 1)]
    b.finish()
    assert elsewhere() is a


def test_bind_carries_a_step_into_a_pool(said: Said, run: Run) -> None:
    steps = [run.step(f"s{i}") for i in range(20)]

    def work(number: int) -> str:
        """Doc."""
        runreel.metric("x", number)
        return "done"

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(step.bind(work), number) for number, step in enumerate(steps)]
        assert [answer.result() for answer in answers] == ["done"] * 20
    assert all(said.points(f"s{i}", "x") == [(None, i)] for i in range(20))
    assert (steps[0].bind(work).__name__, steps[0].bind(work).__doc__) == ("work", "Doc.")


def test_bind_leaves_the_thread_as_it_was(run: Run) -> None:
    a, b = run.step("a"), run.step("b")
    with a:
        assert b.bind(runreel.current_step)() is b
        assert runreel.current_step() is a


def test_tasks_keep_their_own_steps(said: Said, run: Run) -> None:
    async def work(number: int) -> None:
        with run.step(f"s{number}"):
            await asyncio.sleep(0)
            runreel.metric("x", number)
            await asyncio.sleep(0)
            runreel.metric("x", -number)

    async def main() -> None:
        await asyncio.gather(*(work(i) for i in range(50)))

    asyncio.run(main())
    assert all(said.points(f"s{i}", "x") == [(None, i), (None, -i)] for i in range(50))


def test_a_task_that_outlives_its_step_speaks_for_what_lies_round_it(run: Run) -> None:
    async def main() -> Step | None:
        with run.step("a") as a:
            over = asyncio.Event()

            async def late() -> Step | None:
                await over.wait()
                return runreel.current_step()

            with a.step("b"):
                task = asyncio.create_task(late())
                await asyncio.sleep(0)
            over.set()
            found = await task
            assert found is a
            return found

    assert asyncio.run(main()) is not None


def test_a_canceled_task_is_a_canceled_step(said: Said, run: Run) -> None:
    async def main() -> None:
        async def forever() -> None:
            with run.step("a"):
                await asyncio.Event().wait()

        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert said.state["steps"]["a"]["state"] == "CANCELED"


def test_two_runs_in_two_threads_do_not_mix() -> None:
    with capture() as said:
        ready = threading.Barrier(2)

        def work(name: str) -> None:
            with runreel.start(name) as run, run.step("s"):
                ready.wait()
                current = runreel.current_run()
                assert current is run
                runreel.log(name)
                ready.wait()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, ["one", "two"]))
        lines = {event.run: None for event in said.events if event.subject == "s"}
        assert len(lines) == 2
        assert sorted(text for _, text in said.lines("s")) == ["one", "two"]


def test_leaving_a_run_gives_the_one_round_it_back() -> None:
    with capture(), runreel.start("outer") as outer:
        with runreel.start("inner") as inner:
            assert runreel.current_run() is inner
        assert runreel.current_run() is outer
    assert runreel.current_run() is None
