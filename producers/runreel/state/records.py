"""What the fold remembers. Plain data: how they grow is `run`'s business, what they mean is `rules`'s.

None of them is tracked by the garbage collector: they are many, and a tree of plain data has no cycles.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from runreel.events import Artifact, ArtifactStored, Error, RunStarted, SessionOpened, State, StepStarted
from runreel.state.intervals import Intervals
from runreel.state.registers import Offset, Register, Said

FORMAT = 1
"""The format of `RunState.to_bytes`. Other formats are not read: a keyframe is a cache, made anew from the events."""

MOST_PROBLEMS = 20
"""How many problems are kept with their text; all are counted."""


class Ended(msgspec.Struct, omit_defaults=True, gc=False):
    """A word that something ended."""

    state: State
    error: Error | None = None


class Pulse(msgspec.Struct, omit_defaults=True, gc=False):
    """A session's signs of life.

    `time`, `interval`, `said`, `spool`, `uploads` are the latest heartbeat's. `heard` is the latest receipt of one;
    `skew` the least (receipt - time): the clock offset, as far as this shows it. All times in microseconds.
    """

    time: int
    interval: float
    said: int
    spool: int
    heard: int
    skew: int | None = None
    uploads: dict[str, int] = msgspec.field(default_factory=dict)


class Session(msgspec.Struct, omit_defaults=True, gc=False):
    """A session: what came of it, and what it said of itself."""

    workspace: str
    seen: Intervals = msgspec.field(default_factory=list)
    opened: Said[SessionOpened] | None = None
    heard: int | None = None
    """The earliest receipt of its `session.opened`."""
    closed: tuple[int, int, int, str] | None = None
    """(time, seq, last seq, how) of its `session.closed`."""
    final: tuple[int, int] | None = None
    """(seq, time) of the last event marked final."""
    pulse: Pulse | None = None
    step: Said[str] | None = None
    """The step that it started last."""
    losses: dict[str, int] = msgspec.field(default_factory=dict)

    def copy(self) -> Session:
        """A session that grows on its own."""
        return replace(
            self,
            seen=self.seen.copy(),
            pulse=None if self.pulse is None else replace(self.pulse),
            losses=self.losses.copy(),
        )


class Execution(msgspec.Struct, omit_defaults=True, gc=False):
    """One attempt of a step: who said that it began (each session's first word), and that it ended (the last)."""

    starts: Register[StepStarted] = msgspec.field(default_factory=dict)
    ends: Register[Ended] = msgspec.field(default_factory=dict)
    inputs: dict[str, Said[Artifact]] = msgspec.field(default_factory=dict)
    """What it uses, by the id of the event that says so: `<session>-<seq>`."""

    def copy(self) -> Execution:
        """An execution that grows on its own."""
        return Execution(self.starts.copy(), self.ends.copy(), self.inputs.copy())


class Step(msgspec.Struct, omit_defaults=True, gc=False):
    """A step: its attempts by execution, what graphs declare of it, its params and tags."""

    executions: dict[str, Execution] = msgspec.field(default_factory=dict)
    declared: Register[tuple[list[str], float | None]] = msgspec.field(default_factory=dict)
    expected: Register[tuple[list[str], float | None]] = msgspec.field(default_factory=dict)
    params: dict[str, Register[Any]] = msgspec.field(default_factory=dict)
    tags: dict[str, Register[Any]] = msgspec.field(default_factory=dict)

    def copy(self) -> Step:
        """A step that grows on its own."""
        return Step(
            {key: execution.copy() for key, execution in self.executions.items()},
            self.declared.copy(),
            self.expected.copy(),
            _copied(self.params),
            _copied(self.tags),
        )


class Declared(msgspec.Struct, gc=False):
    """An output as it was declared: the step's path and the execution (empty for the run itself), and the data."""

    step: str
    execution: str
    data: Artifact


class Output(msgspec.Struct, omit_defaults=True, gc=False):
    """An artifact that the run makes: its declaration, when it was first declared, what became of its bytes."""

    said: Register[Declared] = msgspec.field(default_factory=dict)
    first: Register[None] = msgspec.field(default_factory=dict)
    stored: Register[ArtifactStored] = msgspec.field(default_factory=dict)
    incomplete: Register[ArtifactStored] = msgspec.field(default_factory=dict)
    failed: Register[ArtifactStored] = msgspec.field(default_factory=dict)

    def copy(self) -> Output:
        """An output that grows on its own."""
        return Output(
            self.said.copy(), self.first.copy(), self.stored.copy(), self.incomplete.copy(), self.failed.copy()
        )


class Requested(msgspec.Struct, omit_defaults=True, gc=False):
    """What a visualization is asked to show."""

    artifacts: list[str]
    params: dict[str, Any]


class Made(msgspec.Struct, omit_defaults=True, gc=False):
    """What became of a visualization."""

    artifact: str | None = None
    error: Error | None = None


class View(msgspec.Struct, omit_defaults=True, gc=False):
    """A visualization: who asked for it, and what became of it."""

    requested: Register[Requested] = msgspec.field(default_factory=dict)
    finished: Register[Made] = msgspec.field(default_factory=dict)

    def copy(self) -> View:
        """A visualization that grows on its own."""
        return View(self.requested.copy(), self.finished.copy())


class Record(msgspec.Struct, omit_defaults=True, gc=False):
    """All that the fold of one run remembers."""

    run: str
    sessions: dict[str, Session] = msgspec.field(default_factory=dict)
    started: Register[RunStarted] = msgspec.field(default_factory=dict)
    first: Register[None] = msgspec.field(default_factory=dict)
    """Each session's first `run.started`."""
    ends: Register[Ended] = msgspec.field(default_factory=dict)
    began: Register[None] = msgspec.field(default_factory=dict)
    """Each session's first `step.started`: where the run began if nobody said so."""
    going: Register[None] = msgspec.field(default_factory=dict)
    """Each session's last `step.started`: what opens a run again that others have ended."""
    params: dict[str, Register[Any]] = msgspec.field(default_factory=dict)
    tags: dict[str, Register[Any]] = msgspec.field(default_factory=dict)
    inputs: dict[str, Said[Artifact]] = msgspec.field(default_factory=dict)
    """What the run itself uses, by the id of the event that says so."""
    steps: dict[str, Step] = msgspec.field(default_factory=dict)
    outputs: dict[str, Output] = msgspec.field(default_factory=dict)
    views: dict[str, View] = msgspec.field(default_factory=dict)
    offsets: dict[str, Offset] = msgspec.field(default_factory=dict)
    conflicts: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Hashes, sorted, by `<session>-<seq>`."""
    problems: list[tuple[int, str, int, str]] = msgspec.field(default_factory=list)
    """(time, session, seq, text) of the earliest, sorted."""
    problem_count: int = 0
    events: int = 0

    def branch(self) -> Record:
        """A record with the same sessions, steps, outputs and views (`branches.Branching`); the rest on its own."""
        own = (
            "sessions", "started", "first", "ends", "began", "going", "inputs", "steps", "outputs", "views", "offsets",
            "conflicts", "problems",
        )  # fmt: skip
        fields = {name: getattr(self, name).copy() for name in own}
        return replace(self, params=_copied(self.params), tags=_copied(self.tags), **fields)


def _copied(values: dict[str, Register[Any]]) -> dict[str, Register[Any]]:
    return {key: register.copy() for key, register in values.items()}
