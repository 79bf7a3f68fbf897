"""The contract: what an event is, and what each type of event says.

An event is a CloudEvents 1.0 envelope (https://github.com/cloudevents/spec) round one of the `data` types below.
Times inside `data` are integers: microseconds since 1970, UTC. `codec` turns events to bytes and back.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

State = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"]
Role = Literal["owner", "member", "service"]
Number = int | float | str | None  # as it stands in JSON: the non-finite ones are strings, None is "no value"
Micros = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=(1 << 62) - 1)]
"""Microseconds since 1970: half of what 64 bits hold, so that a clock's offset may be added and a column holds it."""

ENDED: frozenset[str] = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"})

SESSION_OPENED = "runreel.session.opened"
SESSION_CLOSED = "runreel.session.closed"
SESSION_OFFSET = "runreel.session.offset"
HEARTBEAT = "runreel.heartbeat"
RUN_STARTED = "runreel.run.started"
RUN_FINISHED = "runreel.run.finished"
GRAPH = "runreel.graph"
PARAMS = "runreel.params"
TAGS = "runreel.tags"
STEP_STARTED = "runreel.step.started"
STEP_FINISHED = "runreel.step.finished"
PROGRESS = "runreel.progress"
METRICS = "runreel.metrics"
LOGS = "runreel.logs"
ARTIFACT = "runreel.artifact"
ARTIFACT_STORED = "runreel.artifact.stored"
LOSS = "runreel.loss"
CONFLICT = "runreel.conflict"
VIEW_REQUESTED = "runreel.view.requested"
VIEW_FINISHED = "runreel.view.finished"

STREAMS: frozenset[str] = frozenset({PROGRESS, METRICS, LOGS})
"""The types whose data are columns: never held in the folded state, cut row by row."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event, its `data` still as the bytes that were said (`codec.payload` reads them).

    `time` is microseconds since 1970. `session` and `seq` are None only in what may lack them: a heartbeat has no
    seq, an event posted over HTTP may have neither. `extra` holds the envelope's attributes that runreel does not know.
    """

    type: str
    run: str
    time: int
    id: str
    source: str
    workspace: str = "default"
    session: str | None = None
    seq: int | None = None
    subject: str | None = None
    execution: str | None = None
    final: bool = False
    data: bytes = b"{}"
    extra: dict[str, Any] | None = None


class _Data(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """The base of all data: unknown fields are ignored, what is at its default is not said.

    Not tracked by the garbage collector: JSON has no cycles, and a server holds very many.
    """


class Error(_Data):
    """Why something failed: the exception's type, message and traceback."""

    type: str = ""
    message: str = ""
    traceback: str = ""


class SessionOpened(_Data):
    """The first event (seq 0) of every session but one-shot ones."""

    role: Role
    parent: str | None = None
    host: str = ""
    pid: int = 0
    sdk: str = ""
    continues: str | None = None
    """The session that this one goes on with in the same process (before seq 2^31): it owns what that one owned."""


class SessionClosed(_Data):
    """A session's last word: its last seq and how it ended."""

    last: int
    how: Literal["clean", "recovered", "killed"] = "clean"


class SessionOffset(_Data):
    """A session's clock offset in microseconds: the least (broker's receipt - time) over its heartbeats."""

    session: str
    offset: Micros


class Heartbeat(_Data):
    """A sign of life: the interval in seconds to the next one, the last seq said, the bytes that wait in the spool.

    `uploads`: artifacts whose bytes are under way, and how many have been taken.
    """

    interval: float
    said: int = -1
    spool: int = 0
    uploads: dict[str, int] = msgspec.field(default_factory=dict)


class RunStarted(_Data):
    """A run began. `origin` names the run that this one replays."""

    pipeline: str = ""
    experiment: str = ""
    owner: str = ""
    environment: dict[str, Any] = msgspec.field(default_factory=dict)
    origin: dict[str, Any] | None = None
    given: bool = False
    """Whether the run's id came from outside, so that no process owns the run."""


class RunFinished(_Data):
    """A run ended."""

    state: State
    error: Error | None = None


class GraphStep(_Data):
    """A declared step: the paths of its parents, and how many units it will do, where that is known."""

    parents: list[str] = msgspec.field(default_factory=list)
    total: float | None = None


class Graph(_Data):
    """Steps by path, before they run. `expected`: learnt from an earlier run rather than declared."""

    steps: dict[str, GraphStep]
    expected: bool = False


class StepStarted(_Data):
    """An attempt of a step began. `parents` None: they are derived from its inputs."""

    parents: list[str] | None = None
    total: float | None = None
    unit: str | None = None
    kind: str | None = None


class StepFinished(_Data):
    """An attempt of a step ended."""

    state: State
    error: Error | None = None


class Progress(_Data):
    """How far a step is, in columns: `done[i]` units at `time[i]`."""

    time: list[Micros]
    done: list[float]
    total: float | None = None
    unit: str | None = None
    message: str | None = None


class Metrics(_Data):
    """Points of one series in columns. `at` None: the index counts within the session."""

    name: str
    time: list[Micros]
    value: list[Number]
    at: list[Number] | None = None


class Logs(_Data):
    """Lines of one step in columns.

    `escaped`: the texts hold bytes that are not UTF-8 as `\\xNN`, a backslash doubled.
    `more`: the last text goes on in this session's next event of the same step and stream.
    """

    time: list[Micros]
    level: list[str]
    text: list[str]
    stream: Literal["stdout", "stderr", "log"] = "log"
    escaped: bool = False
    more: bool = False


class Artifact(_Data):
    """An input or an output of an execution.

    An output has an id of its own. An input names what it uses by `id`, by (`step`, `name`) or by `uri`.
    `by` says how the bytes travel; `state` is `failed`, with a `reason`, where there are none to come.
    """

    name: str = ""
    id: str | None = None
    type: str = "Artifact"
    role: Literal["input", "output"] = "output"
    step: str | None = None
    uri: str | None = None
    size: int | None = None
    sha256: str | None = None
    media_type: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    by: Literal["chunks", "claim", "reference"] = "reference"
    show: bool = False
    state: Literal["failed"] | None = None
    reason: str | None = None


class ArtifactStored(_Data):
    """An artifact's bytes are in the store and verified, or why not.

    `incomplete`: its end never came; `uri` and `size` are of what there is.
    """

    id: str
    uri: str | None = None
    size: int | None = None
    sha256: str | None = None
    failed: str | None = None
    incomplete: bool = False


class Conflict(_Data):
    """One (session, seq) was said with two contents; both hashes (SHA-256, hex), the lesser one counts."""

    session: str
    seq: int
    hashes: list[str]


class ViewRequested(_Data):
    """Somebody asks for a visualization of artifacts."""

    view: str
    artifacts: list[str] = msgspec.field(default_factory=list)
    params: dict[str, Any] = msgspec.field(default_factory=dict)


class ViewFinished(_Data):
    """A visualization is an artifact now, or why not."""

    view: str
    artifact: str | None = None
    error: Error | None = None


DATA: dict[str, Any] = {
    SESSION_OPENED: SessionOpened,
    SESSION_CLOSED: SessionClosed,
    SESSION_OFFSET: SessionOffset,
    HEARTBEAT: Heartbeat,
    RUN_STARTED: RunStarted,
    RUN_FINISHED: RunFinished,
    GRAPH: Graph,
    PARAMS: dict[str, Any],
    TAGS: dict[str, Any],
    STEP_STARTED: StepStarted,
    STEP_FINISHED: StepFinished,
    PROGRESS: Progress,
    METRICS: Metrics,
    LOGS: Logs,
    ARTIFACT: Artifact,
    ARTIFACT_STORED: ArtifactStored,
    LOSS: dict[str, int],
    CONFLICT: Conflict,
    VIEW_REQUESTED: ViewRequested,
    VIEW_FINISHED: ViewFinished,
}
"""What each type's `data` is. Params and tags: key -> value; a loss: reason -> count."""
