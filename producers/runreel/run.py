"""Run: one run of a pipeline, and `start`, which makes or joins it."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

from runreel import current, ending, events, ids, pods, values
from runreel.artifacts import Artifact
from runreel.events import Error
from runreel.outcome import outcome
from runreel.servers import server
from runreel.settings import Settings
from runreel.speaker import Speaker, forget_series
from runreel.step import Parent, Step, path_of, paths
from runreel.surroundings import (
    EXECUTION,
    PARENT_SESSION,
    RUN,
    STEP,
    Identity,
    is_safe,
    surroundings,
)
from runreel.voice import SILENCE, Voice

GRAPH_STEPS: Final = 1000  # steps that one event declares; a larger graph takes several

_log = logging.getLogger("runreel")
_made: dict[str, int] = {}  # run -> the process that made its id


class Run(Speaker):
    """One run of a pipeline. Made by `runreel.start`; ended by leaving `with`, or by `finish`.

    Attributes:
        id: the run's id; people see and type its last eight digits.
        pipeline: the pipeline's name; empty in a process that joined by `runreel.join`.
        workspace: the workspace it belongs to.
        open: whether it has not ended yet, here.
        base: the step that this process was started inside (`RUNREEL_STEP`), or None.
        joined: what `runreel.join` was given; None for a run that was started.
    """

    parent: None
    path: None
    execution: None

    def __init__(
        self,
        run: str,
        settings: Settings,
        workspace: str,
        *,
        pipeline: str = "",
        voice: Voice = SILENCE,
        ends: bool = False,
        given: bool = False,
    ) -> None:
        super().__init__()
        self.id, self.pipeline, self.workspace, self.settings = run, pipeline, workspace, settings
        self.run, self.parent, self.path, self.execution = self, None, None, None
        self.base: Step | None = None
        self.joined: Identity | None = None
        self.open = True
        self.outputs: dict[tuple[str | None, str], Artifact] = {}
        """The newest output of this process by (step's path, name), and by (None, name) of any step."""
        self.shelf = surroundings().shelf
        self.entered = False
        self.process = os.getpid()
        self._ends, self._given = ends, given
        self._voice_in_force, self._heard_in = voice, self.process
        self._before: list[Speaker | None] = []
        self._endings = itertools.count()
        self._failure_before = ending.uncaught()

    def __repr__(self) -> str:
        return f"<runreel.Run {self.pipeline} {ids.short(self.id)}>"

    def __enter__(self) -> Run:
        """Make this the run that this context speaks in."""
        self.entered = True
        self._before.append(current.enter(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run as the block ended; an exception goes on to the caller."""
        current.leave(self, self._before.pop() if self._before else None)
        self.finish(error=error)

    @property
    def voice(self) -> Voice:
        """What carries this process's words. A session notices a fork itself; a child's end is watched here."""
        process = os.getpid()
        if self._heard_in != process:
            self._heard_in = process
            ending.watch()
        return self._voice_in_force

    @property
    def url(self) -> str | None:
        """The address of the run's page; None where no server is known (`RUNREEL_URL`, or `runreel up` here)."""
        address = server(self.settings)
        return f"{address}/runs/{self.id}" if address and self.id else None

    def finish(self, state: str | None = None, error: BaseException | Error | str | None = None) -> None:
        """End the run, with all its steps that are still open here; the first call counts, a later one does nothing.

        Without `state`: SUCCEEDED, or what `error` says. Waits for delivery, at most RUNREEL_EXIT_WAIT seconds; what is
        left is on disk and shipped later. A process that joined by its environment ends its own part alone; one that
        gave `start` an id ends the run only where it names the `state`.

        Raises:
            ValueError: no such state. TypeError: `error` is neither an exception nor a text.
        """
        self.end(state, error)

    def end(
        self,
        state: str | None = None,
        error: BaseException | Error | str | None = None,
        timeout: float | None = None,
    ) -> None:
        """`finish`, with at most `timeout` seconds for delivery."""
        found, said = outcome(state, error)
        if next(self._endings):  # atomic, for a signal handler may end what is just being ended
            return
        for step in reversed(list(current.open_steps.values())):
            if step.run is self:
                step.finish(found, error)
        self._tell(error)
        finished = events.RunFinished(state=found, error=said)
        if self.process != os.getpid():
            pass  # a forked child leaves the run to its parent
        elif self._ends:
            self._say(events.RUN_FINISHED, finished)
        elif self._given and state is not None:
            self._end_from_outside(finished, timeout)
        self.open = False
        current.open_runs.pop(id(self), None)
        voice, self._voice_in_force = self._voice_in_force, SILENCE
        forget_series(self)
        voice.close(timeout)
        ending.unwatch()

    def _end_from_outside(self, finished: events.RunFinished, timeout: float | None) -> None:
        """End a run that no process owns: a one-shot session may, a member may not."""
        if self.voice is SILENCE:
            return
        from runreel.session import Session

        last = Session(
            self.settings,
            run=self.id,
            workspace=self.workspace,
            source=_source(self.workspace, self.pipeline),
            role="member",
            transport=surroundings().transport(),
            one_shot=True,
        )
        last.say(events.RUN_FINISHED, finished, final=True)
        last.close(timeout)

    def failure(self) -> BaseException | None:
        """The exception that ended the program, or a notebook's cell, since this run began."""
        now = ending.uncaught()
        return None if now is self._failure_before else now

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was said is delivered; answers whether it is. `timeout` in seconds, None: no end."""
        return self.voice.flush(timeout)

    def identity(self, speaker: Speaker) -> dict[str, str]:
        """The variables of `environ()`, for a process that speaks as `speaker`."""
        if not self.voice.id:
            return {}
        variables = {RUN: self.id, PARENT_SESSION: self.voice.id}
        if self.workspace != self.settings.workspace:
            variables["RUNREEL_WORKSPACE"] = self.workspace
        if speaker is self and self.base is not None:
            speaker = self.base
        if speaker.path is not None and speaker.execution is not None:
            variables |= {STEP: speaker.path, EXECUTION: speaker.execution}
        return variables

    def stand_in(self, identity: Identity) -> None:
        """Be inside the step that `identity` names: it speaks wherever no other step does."""
        if identity.step is None:
            return
        # Without an execution, nobody else says that this step began: all who were given its path make it together.
        execution = identity.execution or ids.joined_execution(self.id, identity.step)
        self.base = Step(self, self, identity.step, execution, owned=identity.execution is None)
        if identity.execution is None:
            self.voice.say(events.STEP_STARTED, events.StepStarted(), subject=identity.step, execution=execution)


def start(
    pipeline: str,
    *,
    experiment: str = "",
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    graph: Mapping[Any, Iterable[Parent]] | None = None,  # keys are text or tuples; a Mapping's keys are invariant
    workspace: str | None = None,
    id: str | None = None,  # noqa: A002  # the field's word
    owner: str | None = None,
) -> Run:
    """Start a run, or join the one that `RUNREEL_RUN_ID` names or that this process has joined, and make it the current
    one.

    Use it with `with`, or `finish` it; at the latest the end of the program does. In a notebook, a new `start` ends the
    last run.

    Args:
        pipeline: the pipeline's name.
        experiment: what the run is part of.
        params: what it was given, names to values.
        tags: by what it is to be found, names to values.
        graph: the steps to come, each with its parents: `{"extract": [], "train": ["extract"]}`.
        workspace: whose it is; by default RUNREEL_WORKSPACE.
        id: an id that was made elsewhere (by a scheduler), for the run that nobody's process owns: leaving `with`
            ends this process's part; `run.finish("SUCCEEDED")`, with a state, ends the run.
        owner: the person or team; by default who runs the process.

    Raises:
        TypeError, ValueError: an argument is wrong.
        SettingError: a setting is wrong.
    """
    pipeline = values.name("pipeline", pipeline)
    said_params, said_tags = values.mapping("params", params or {}), values.mapping("tags", tags or {})
    if not isinstance(experiment, str):
        raise TypeError(f"experiment is {values.shown(experiment)}: give text")
    if id is not None and not (isinstance(id, str) and is_safe(id)):
        raise ValueError(f"id is {values.shown(id)}: give letters, digits, . _ - (128 at most), or nothing")
    around = surroundings()
    settings = around.settings()
    alone = settings.disabled or id is not None
    identity = Identity() if alone else _from_outside(Identity.read(around.environ))
    if identity.run is None and not alone:
        identity = _joined()
    declared = _graph(graph, identity.step)
    _end_the_notebooks_last()
    joined = identity.run is not None
    given = id is not None or (joined and identity.session is None)
    own = id is None and not joined
    number = id or identity.run or ids.new_run()
    if own:
        _made[number] = os.getpid()
    run = open_run(number, settings, workspace, pipeline, identity.session, owner=own, given=id is not None)
    began = events.RunStarted(pipeline=pipeline, experiment=values.clean(experiment), owner=owner or "", given=given)
    if settings.environment and not settings.disabled:
        from runreel import environment

        began.environment = environment.describe()
        began.owner = owner or environment.user()
    run.voice.say(events.RUN_STARTED, began)
    run.stand_in(identity)
    run.params(said_params)
    run.tags(said_tags)
    for first in range(0, len(declared), GRAPH_STEPS):
        run.voice.say(events.GRAPH, events.Graph(steps=dict(declared[first : first + GRAPH_STEPS])))
    return run


def open_run(
    number: str,
    settings: Settings,
    workspace: str | None,
    pipeline: str,
    parent: str | None,
    *,
    owner: bool = False,
    given: bool = False,
) -> Run:
    """A run with a session of its own in this process, watched until it ends.

    Raises:
        SettingError: the spool's folder cannot be used.
    """
    whose = settings.workspace if workspace is None else values.name("workspace", workspace)
    if not is_safe(whose):
        raise ValueError(f"workspace is {values.shown(whose)}: give letters, digits, . _ - (128 at most)")
    voice: Voice = SILENCE
    if not settings.disabled:
        pods.warn(settings, surroundings().environ)
        from runreel.session import Session

        source = _source(whose, pipeline)
        role: events.Role = "owner" if owner else "member"
        transport = surroundings().transport()
        voice = Session(
            settings, run=number, workspace=whose, source=source, role=role, parent=parent, transport=transport
        )
    run = Run(number, settings, whose, pipeline=pipeline, voice=voice, ends=owner, given=given)
    current.open_runs[id(run)] = run
    ending.watch(terminated=settings.signals and not settings.disabled)
    return run


def _source(workspace: str, pipeline: str) -> str:
    """The `source` of this run's events: a uri reference, as CloudEvents has it."""
    return "/" + "/".join(quote(part, safe="") for part in (workspace, pipeline) if part)


def _from_outside(identity: Identity) -> Identity:
    """An identity, unless this very process made its run: a user may have put it into the environment."""
    return Identity() if identity.run is not None and _made.get(identity.run) == os.getpid() else identity


def _joined() -> Identity:
    """What this process, a pool's worker, has joined; nothing where it has not."""
    opened = list(current.open_runs.values())  # another thread may start a run meanwhile
    open_here = (run for run in reversed(opened) if run.process == os.getpid())
    return next((run.joined for run in open_here if run.joined is not None), Identity())


def _graph(graph: object, above: str | None) -> list[tuple[str, events.GraphStep]]:
    if graph is None:
        return []
    if not isinstance(graph, Mapping):
        raise TypeError(f"graph is {values.shown(graph)}: give a mapping of steps to their parents")
    return [
        (path_of("a step in graph", step, above), events.GraphStep(parents=paths("parents in graph", parents, above)))
        for step, parents in graph.items()
    ]


def _end_the_notebooks_last() -> None:
    if not ending.notebook():
        return
    for run in list(current.open_runs.values()):
        if not run.entered and run.process == os.getpid():
            _log.warning("the last run, %s (%s), is ended by a new start", run.pipeline, ids.short(run.id))
            run.finish(error=run.failure())


@cache
def nobody() -> Run:
    """Who speaks where there is no run: nothing happens, so that a library may be instrumented."""
    settings = Settings(
        environ={"RUNREEL_DISABLED": "1"}, folder="/nonexistent"
    )  # a broken runreel.toml is no library's
    return Run("", settings, "")
