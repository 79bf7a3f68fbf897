"""A function as a step, and a function carried into one: sync, async, generators, async generators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast, overload

from runreel import current, values
from runreel.run import nobody
from runreel.speaker import Speaker
from runreel.step import Parent, Step

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class _Stay:
    """One call's stay with a speaker: current while its code runs, never while it is suspended."""

    def __init__(self, speaker: Speaker | None, ends: bool) -> None:
        self._inside, self._ends = speaker, ends
        self._speaker = speaker

    def __enter__(self) -> None:
        self._outside = current.enter(self._inside) if self._speaker is not None else None

    def __exit__(self, *_: object) -> None:
        if self._speaker is not None:
            self._inside = current.enter(
                self._outside
            )  # a `with step` that is open inside comes back with the next turn

    def finish(self, error: BaseException | None = None) -> None:
        """The call is over."""
        if self._ends and isinstance(self._speaker, Step):
            self._speaker.finish(error=error)


class _Call:
    """One call: its stay begins with it, and is finished as the call ends."""

    def __init__(self, begin: Callable[[], _Stay]) -> None:
        self._stay = begin()

    def __enter__(self) -> _Stay:
        return self._stay

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stay.finish(error)


@overload
def step(fn: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(
    name: str | None = None,
    /,
    *,
    after: Sequence[Parent] | None = None,
    total: float | None = None,
    unit: str | None = None,
    params: Mapping[str, Any] | None = None,
    kind: str | None = None,
    join: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def step(
    name: Callable[..., Any] | str | None = None,
    /,
    *,
    after: Sequence[Parent] | None = None,
    total: float | None = None,
    unit: str | None = None,
    params: Mapping[str, Any] | None = None,
    kind: str | None = None,
    join: bool = False,
) -> Any:
    """Make each call of a function a step: `@runreel.step`, `@runreel.step("load", after=["extract"])`.

    For functions, coroutine functions, generators and async generators: a generator is one step from its first item
    to its end. Called inside a step, it is a step within that one; without a run, the function just runs. In a pool's
    thread there is no step to be within: carry one there with `step.bind`.

    Args:
        name: the step's name; by default the function's.
        after, total, unit, params, kind, join: as in `run.step`.

    Raises:
        TypeError: what is decorated is no function.
    """
    if callable(name):
        return step()(name)
    said = None if name is None else values.name("a step's name", name)

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(fn) or isinstance(fn, type):
            raise TypeError(f"{values.shown(fn)} is no function: put @runreel.step directly above its def")
        called = str(said or getattr(fn, "__name__", type(fn).__name__))

        def begin() -> _Stay:
            above = current.here() or current.newest_run()
            if above is None:
                return _Stay(None, ends=False)
            opened = above.step(called, after=after, total=total, unit=unit, params=params, kind=kind, join=join)
            return _Stay(opened, ends=True)

        return _wrapped(fn, begin)

    return decorate


def carried(fn: F, speaker: Speaker) -> F:
    """`fn`, with `speaker` as the one that speaks while it runs; see `Speaker.bind`.

    Raises:
        TypeError: `fn` cannot be called.
    """
    if not callable(fn):
        raise TypeError(f"bind got {values.shown(fn)}, a {type(fn).__name__}: give a function")
    return cast(F, _wrapped(fn, lambda: _Stay(speaker if speaker.run is not nobody() else None, ends=False)))


def _wrapped(fn: Callable[..., Any], begin: Callable[[], _Stay]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(fn):
        wrapper: Callable[..., Any] = _async_generator(fn, begin)
    elif inspect.isgeneratorfunction(fn):
        wrapper = _generator(fn, begin)
    elif inspect.iscoroutinefunction(fn):
        wrapper = _coroutine(fn, begin)
    else:
        wrapper = _function(fn, begin)
    return functools.wraps(fn)(wrapper)


def _function(fn: Callable[..., Any], begin: Callable[[], _Stay]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with _Call(begin) as stay, stay:
            return fn(*args, **kwargs)

    return wrapper


def _coroutine(fn: Callable[..., Any], begin: Callable[[], _Stay]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with _Call(begin) as stay, stay:
            return await fn(*args, **kwargs)

    return wrapper


def _generator(fn: Callable[..., Any], begin: Callable[[], _Stay]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with _Call(begin) as stay:
            inner = fn(*args, **kwargs)
            turn: Callable[[], Any] = functools.partial(next, inner)
            while True:
                try:
                    with stay:
                        item = turn()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield item
                except GeneratorExit:
                    with stay:
                        inner.close()
                    raise
                except BaseException as thrown:
                    turn = functools.partial(inner.throw, thrown)
                else:
                    turn = functools.partial(inner.send, sent)

    return wrapper


def _async_generator(fn: Callable[..., Any], begin: Callable[[], _Stay]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with _Call(begin) as stay:
            inner = fn(*args, **kwargs)
            turn: Callable[[], Any] = functools.partial(anext, inner)
            while True:
                try:
                    with stay:
                        item = await turn()
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                except GeneratorExit:
                    with stay:
                        await inner.aclose()
                    raise
                except BaseException as thrown:
                    turn = functools.partial(inner.athrow, thrown)
                else:
                    turn = functools.partial(inner.asend, sent)

    return wrapper
