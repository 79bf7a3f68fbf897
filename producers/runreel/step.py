"""Step: one attempt of one step of a run."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from runreel import current, events, ids, values
from runreel.events import Error
from runreel.outcome import outcome
from runreel.speaker import Speaker

if TYPE_CHECKING:
    from runreel.run import Run

Parent: TypeAlias = "str | tuple[str, ...] | Step"
"""A step named: itself, the name of one at the same level, or the names from the outermost level on."""


class Step(Speaker):
    """One attempt (execution) of a step. Made by `run.step(...)`; ended by leaving `with`, or by `finish`.

    Attributes:
        run: the run it belongs to.
        parent: the step round it, or the run.
        name: its name, as it was given.
        path: the names from the outermost step to this one, percent-encoded, parted by `/`.
        execution: this attempt's id.
        open: whether it has not ended yet.
    """

    path: str
    execution: str

    def __init__(self, run: Run, parent: Speaker, path: str, execution: str, *, owned: bool) -> None:
        super().__init__()
        self.run, self.parent, self.path, self.execution = run, parent, path, execution
        self.name = ids.split_path(path)[-1]
        self.open = True
        self._owner = os.getpid() if owned else None
        self._before: list[Speaker | None] = []
        self._endings = itertools.count()
        current.open_steps[id(self)] = self

    def __repr__(self) -> str:
        return f"<runreel.Step {self.path} of {ids.short(self.run.id)}>"

    def __enter__(self) -> Step:
        """Make this the step that speaks in this context."""
        self._before.append(current.enter(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the step as the block ended; an exception goes on to the caller."""
        current.leave(self, self._before.pop() if self._before else None)
        self.finish(error=error)

    def finish(self, state: str | None = None, error: BaseException | Error | str | None = None) -> None:
        """End this attempt; the first call counts, a later one does nothing.

        Without `state`: SUCCEEDED, or what `error` says. An exception's traceback goes to the step's log. In a process
        that did not start the attempt, only this process's part ends.

        Raises:
            ValueError: no such state. TypeError: `error` is neither an exception nor a text.
        """
        found, said = outcome(state, error)
        if next(self._endings):  # atomic, for a signal handler may end what is just being ended
            return
        self._tell(error)
        self.open = False
        current.open_steps.pop(id(self), None)
        if self._owner == os.getpid():
            self._say(events.STEP_FINISHED, events.StepFinished(state=found, error=said))


def begin(
    above: Speaker,
    name: str,
    after: Sequence[Parent] | str | Step | None,
    total: float | None,
    unit: str | None,
    params: Mapping[str, Any] | None,
    kind: str | None,
    join: bool,
) -> Step:
    """Say that an attempt of a step begins; see `Speaker.step`."""
    run = above.run
    if above is run and run.base is not None:
        above = run.base
    path = inside(above.path, values.name("a step's name", name))
    data = events.StepStarted(
        parents=None if after is None else paths("after", after, above.path),
        total=None if total is None else values.amount("total", total),
        unit=None if unit is None else values.name("unit", unit),
        kind=None if kind is None else values.name("kind", kind),
    )
    given = values.mapping("params", params or {})
    execution = ids.joined_execution(run.id, path) if join else ids.new_execution()
    step = Step(run, above, path, execution, owned=True)
    run.voice.say(events.STEP_STARTED, data, subject=path, execution=execution)
    step.params(given)
    return step


def inside(above: str | None, name: str) -> str:
    """The path of the step `name` inside the step `above`, or of the outermost level."""
    segment = ids.encode_segment(name)
    return f"{above}/{segment}" if above else segment


def paths(field: str, named: Iterable[Parent] | str | Step, above: str | None) -> list[str]:
    """The paths of named steps; a name alone is of the level inside `above`.

    Raises:
        TypeError, ValueError: one of them names no step.
    """
    if isinstance(named, str | Step):
        named = [named]
    if not isinstance(named, Iterable):
        raise TypeError(f"{field} is {values.shown(named)}: give steps or their names in a list")
    return [path_of(field, parent, above) for parent in named]


def path_of(field: str, named: object, above: str | None) -> str:
    """The path of one named step; see `paths`."""
    if isinstance(named, Step):
        return named.path
    if isinstance(named, tuple) and named:
        return ids.join_path(values.name(field, part) for part in named)
    return inside(above, values.name(field, named))
