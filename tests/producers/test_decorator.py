"""A function as a step: sync, async, generators, async generators."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import runreel
from runreel.run import Run
from runreel.testing import Said, capture


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def run(said: Said) -> Iterator[Run]:
    with runreel.start("p") as run:
        yield run


def path() -> str | None:
    step = runreel.current_step()
    return None if step is None else step.path


def states(said: Said) -> dict[str, str]:
    return {path: step["state"] for path, step in said.state["steps"].items()}


@runreel.step
def load(number: int) -> tuple[int, str | None]:
    """Load it."""
    return number, path()


@runreel.step("numbers", unit="number")
def numbers(most: int) -> Generator[tuple[int, str | None], str, str]:
    for number in range(most):
        sent = yield number, path()
        if sent:
            runreel.log(sent)
    return "end"


@runreel.step("ticks")
async def ticks(most: int) -> AsyncIterator[str | None]:
    for _ in range(most):
        await asyncio.sleep(0)
        yield path()


def test_a_function_is_a_step(said: Said, run: Run) -> None:
    assert load(3) == (3, "load")
    assert path() is None
    assert states(said) == {"load": "SUCCEEDED"}
    assert (load.__name__, load.__doc__) == ("load", "Load it.")


def test_each_call_is_an_attempt(said: Said, run: Run) -> None:
    load(1)
    load(2)
    assert len(said.state["steps"]["load"]["attempts"]) == 2


def test_without_a_run_the_function_just_runs() -> None:
    assert load(3) == (3, None)
    assert [number for number, _ in numbers(2)] == [0, 1]


def test_name_and_parents_are_told(said: Said, run: Run) -> None:
    @runreel.step("train it", after=["load"], total=3, kind="fit")
    def train() -> None:
        pass

    train()
    step = said.state["steps"]["train it"]
    assert (step["parents"], step["total"], step["kind"]) == (["load"], 3, "fit")


def test_inside_a_step_it_is_a_step_within(said: Said, run: Run) -> None:
    with run.step("outer"):
        assert load(1) == (1, "outer/load")


def test_in_a_pool_without_bind_it_is_a_step_of_the_run(run: Run) -> None:
    with run.step("outer") as outer, ThreadPoolExecutor(1) as pool:
        assert pool.submit(load, 1).result() == (1, "load")
        assert pool.submit(outer.bind(load), 1).result() == (1, "outer/load")


def test_an_exception_fails_the_step_and_goes_on(said: Said, run: Run) -> None:
    @runreel.step
    def broken() -> None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        broken()
    assert states(said) == {"broken": "FAILED"}
    assert [level for level, _ in said.lines("broken")] == ["ERROR"]


def test_a_coroutine_function_is_a_step(said: Said, run: Run) -> None:
    @runreel.step
    async def fetch() -> str | None:
        await asyncio.sleep(0)
        return path()

    async def main() -> list[str | None]:
        return await asyncio.gather(fetch(), fetch())

    assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(main()) == ["fetch", "fetch"]
    assert states(said) == {"fetch": "SUCCEEDED"}


def test_a_generator_speaks_while_it_runs_and_not_across_a_yield(said: Said, run: Run) -> None:
    with run.step("consumer"):
        items = numbers(2)
        assert inspect.isgenerator(items)
        assert next(items) == (0, "consumer/numbers")
        assert path() == "consumer"
        assert items.send("heard") == (1, "consumer/numbers")
        assert path() == "consumer"
        with pytest.raises(StopIteration) as stopped:
            next(items)
        assert stopped.value.value == "end"
        assert path() == "consumer"
    assert said.lines("consumer/numbers") == [("INFO", "heard")]
    assert states(said)["consumer/numbers"] == "SUCCEEDED"


def test_a_generator_is_one_step_from_its_first_item_to_its_end(said: Said, run: Run) -> None:
    items = numbers(2)
    assert said.state["steps"] == {}
    next(items)
    assert states(said) == {"numbers": "RUNNING"}
    list(items)
    assert states(said) == {"numbers": "SUCCEEDED"}


def test_generators_may_be_interleaved(run: Run) -> None:
    pairs = list(zip(numbers(3), numbers(3), strict=True))
    assert [(a[0], b[0], a[1]) for a, b in pairs] == [(i, i, "numbers") for i in range(3)]
    assert path() is None


def test_a_generator_that_is_left_early_has_succeeded(said: Said, run: Run) -> None:
    items = numbers(5)
    next(items)
    items.close()
    assert states(said) == {"numbers": "SUCCEEDED"}


def test_an_exception_thrown_into_a_generator_reaches_it(said: Said, run: Run) -> None:
    @runreel.step
    def catching() -> Iterator[str]:
        with contextlib.suppress(KeyError):
            yield "first"
        yield "caught"
        yield "never"

    items = catching()
    assert next(items) == "first"
    assert items.throw(KeyError("x")) == "caught"  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="away"):
        items.throw(OSError("away"))  # type: ignore[attr-defined]
    assert states(said) == {"catching": "FAILED"}


def test_a_step_that_is_open_inside_a_generator_stays_inside(run: Run) -> None:
    @runreel.step
    def outer() -> Iterator[str | None]:
        with runreel.current_step().step("inner"):  # type: ignore[union-attr]
            yield path()
            yield path()
        yield path()

    found = []
    for item in outer():
        found.append((item, path()))
    assert found == [("outer/inner", None), ("outer/inner", None), ("outer", None)]


def test_an_async_generator_speaks_while_it_runs_and_not_across_a_yield(said: Said, run: Run) -> None:
    async def main() -> list[tuple[str | None, str | None]]:
        return [(item, path()) async for item in ticks(3)]

    assert asyncio.run(main()) == [("ticks", None)] * 3
    assert states(said) == {"ticks": "SUCCEEDED"}


def test_an_async_generator_may_be_finished_in_another_task(said: Said, run: Run) -> None:
    """The event loop closes what was left behind in a task of its own, whose context is another."""

    async def main() -> None:
        async def begin() -> AsyncIterator[str | None]:
            items = ticks(5)
            await anext(items)
            return items

        items = await asyncio.create_task(begin())  # type: ignore[arg-type]
        await asyncio.create_task(items.aclose())
        assert path() is None
        abandoned = await asyncio.create_task(begin())  # type: ignore[arg-type]
        del abandoned
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(main())
    attempts = said.state["steps"]["ticks"]["attempts"]
    assert [attempt["state"] for attempt in attempts] == ["SUCCEEDED", "SUCCEEDED"]


def test_an_async_generator_takes_what_is_sent_and_thrown(said: Said, run: Run) -> None:
    @runreel.step
    async def talk():  # type: ignore[no-untyped-def]
        heard = yield "ready"
        try:
            yield heard
        except KeyError:
            yield path()

    async def main() -> list[str | None]:
        items = talk()
        found = [await anext(items), await items.asend("hello"), await items.athrow(KeyError("x"))]
        await items.aclose()
        return found

    assert asyncio.run(main()) == ["ready", "hello", "talk"]


def test_bind_carries_coroutines_and_generators_too(run: Run) -> None:
    a = run.step("a")
    run.step("b")

    async def look() -> str | None:
        await asyncio.sleep(0)
        return path()

    def each() -> Iterator[str | None]:
        yield path()

    assert asyncio.run(a.bind(look)()) == "a"
    assert list(a.bind(each)()) == ["a"]
    assert a.open


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="directly above its def"):
        runreel.step("x")(staticmethod)
    with pytest.raises(TypeError, match="a step's name is 5"):
        runreel.step(5)  # type: ignore[call-overload]


def test_methods_may_be_steps(said: Said, run: Run) -> None:
    class Pipeline:
        @runreel.step
        def clean(self, rows: int) -> int:
            return rows + 1

    assert Pipeline().clean(1) == 2
    assert states(said) == {"clean": "SUCCEEDED"}
