"""The SDK as a user's type checker sees it: `mypy --strict` passes, and the types are these. Never run."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type

import runreel
from runreel import Artifact, Run, Step, Track


def pipeline(paths: list[Path]) -> None:
    with runreel.start(
        "nyc-flights",
        experiment="delays",
        params={"rows": 336_776},
        tags={"owner": "me"},
        graph={"extract": [], "train": ["extract"], ("train", "fold-3"): []},
    ) as run:
        assert_type(run, Run)
        assert_type(run.id, str)
        assert_type(run.url, str | None)
        with run.step("extract", total=12, unit="file") as extract:
            assert_type(extract, Step)
            for path in extract.track(paths):
                assert_type(path, Path)
            extract.metric("rows", 3)
            extract.metrics({"loss": 0.5, "acc": 1}, at=3)
            extract.points("temp", at=[1, 2], value=[0.5, 1])
            extract.progress(3, total=12, message="march")
            extract.log("late file", level="WARNING")
            data = extract.output("flights", b"...", type="Dataset", metadata={"rows": 3})
            assert_type(data, Artifact)
        with run.step("train", after=[extract, "clean", ("a", "b")]) as train:
            train.input(data)
            train.input("flights")
            train.input((extract, "flights"))
            train.input("s3://bucket/key")
            with train.step("fold-3", join=True) as fold:
                assert_type(fold.environ(), dict[str, str])
            train.show("delay by hour", {"data": []}, type="Plotly")
            assert_type(data.path(), Path)
            with data.open() as file:
                assert_type(file.read(), bytes)
        run.finish("FAILED", error=ValueError("x"))


@runreel.step
def load(number: int, *, deep: bool = False) -> str:
    runreel.metric("n", number)
    return str(deep)


@runreel.step("clean", after=["load"])
async def clean(rows: list[int]) -> int:
    return len(rows)


@runreel.step(after=["clean"])
def each(most: int) -> Iterator[int]:
    yield from range(most)


@runreel.step()
async def ticks(most: int) -> AsyncIterator[int]:
    for number in range(most):
        yield number


async def users_view() -> None:
    assert_type(load(3, deep=True), str)
    assert_type(await clean([1]), int)
    for item in each(3):
        assert_type(item, int)
    async for tick in ticks(3):
        assert_type(tick, int)
    step = runreel.current_step()
    assert_type(step, Step | None)
    if step is not None:
        bound = step.bind(load)
        assert_type(bound(3), str)
    assert_type(runreel.current_run(), Run | None)
    bar: Track[int] = runreel.track(total=3)
    bar.update(2, message="two")
    assert_type(runreel.track(["a"]), Track[str])
    assert_type(runreel.join({}), Run)
    assert_type(runreel.logging_handler(logging.INFO), logging.Handler)
    load("three")  # type: ignore[arg-type]  # the decorated function keeps its own types
