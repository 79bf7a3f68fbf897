"""How a run's record grows by events. What it then means is `rules`'s."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Final, Self

from runreel import events as ev
from runreel.codec import payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.ids import joined_execution
from runreel.state import rules
from runreel.state.branches import Branching
from runreel.state.index import Index, wishes
from runreel.state.intervals import Intervals, add
from runreel.state.records import (
    MOST_PROBLEMS,
    Declared,
    Ended,
    Execution,
    Made,
    Output,
    Pulse,
    Record,
    Requested,
    Session,
    Step,
    View,
)
from runreel.state.registers import Offset, put_latest, put_least
from runreel.state.touched import RUN, Part, Touched

MOST_OFFSET: Final = 10 * 365 * 86_400_000_000
"""A clock offset beyond ten years is no offset but bad data."""

_MAY_END: Final = frozenset({ev.RUN_FINISHED, ev.SESSION_OPENED, ev.SESSION_CLOSED, ev.SESSION_OFFSET, ev.STEP_STARTED})
"""What may end the run, or open it again, whatever its place in its session."""

MOST_INTERVAL: Final = 86_400.0
"""Heartbeats that are further apart than a day, in seconds, are bad data."""


class Growing:
    """A record and its index, and how events make them grow.

    Args:
        record: what is remembered so far; from now on it grows here.
        known: what has come of each session by now, where only a part of it is applied; it may grow elsewhere.
    """

    def __init__(self, record: Record, known: Mapping[str, Intervals] | None = None) -> None:
        self._record, self.known = record, known
        self._index = Index.of(record)
        self._sessions = Branching(record.sessions, Session.copy)
        self._steps = Branching(record.steps, Step.copy)
        self._outputs = Branching(record.outputs, Output.copy)
        self._views = Branching(record.views, View.copy)

    def copy(self) -> Self:
        """A fold that grows on its own, and shares what neither of the two changes."""
        other = type(self).__new__(type(self))
        other._record = record = self._record.branch()
        other.known = self.known
        other._index = self._index.branch(record)
        other._sessions, other._steps = self._sessions.branch(record.sessions), self._steps.branch(record.steps)
        other._outputs, other._views = self._outputs.branch(record.outputs), self._views.branch(record.views)
        return other

    @property
    def run(self) -> str:
        """The run's id."""
        return self._record.run

    @property
    def record(self) -> Record:
        """All that is remembered, to read."""
        return self._record

    @property
    def index(self) -> Index:
        """What follows from the record and is kept at hand, to read."""
        return self._index

    def apply(self, event: Event, received: int | None = None) -> Touched:
        """Take one event in.

        Structure is folded; of streams only the seq is noted (`Tally` sums them up). A duplicate, known by session
        and seq, changes nothing. Data that are not what the type says are counted as a problem of the run; a type
        that is unknown only counts as said.

        Args:
            event: any event of this run.
            received: when the broker took it, in microseconds since 1970; None where there was no broker.

        Returns:
            The parts of the view that may have changed; empty where nothing has.

        Raises:
            ValueError: the event is of another run.
        """
        record = self._record
        if event.run != record.run:
            raise ValueError(f"event {event.id} is of run {event.run}, this is {record.run}")
        sid, seq = event.session, event.seq
        if sid is None:
            return ()
        session = self._session(event, sid, received)
        if event.type == ev.HEARTBEAT:
            if seq is not None and add(session.seen, seq):  # they need none, but one that is said is no gap
                record.events += 1
            return self._heartbeat(event, sid, session, received)
        over = self._over(event)
        if seq is None or not add(session.seen, seq):
            return ()
        record.events += 1
        touched: list[Part] = [RUN, ("session", sid)]
        if event.final and (session.final is None or seq > session.final[0]):
            session.final = (seq, event.time)
            touched += self._index.spoken(sid)
        elif seq == 0 and event.type != ev.SESSION_OPENED:  # now known to own nothing
            touched += self._index.spoken(sid)
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            try:
                touched += handler(self, event, sid, seq, session, payload(event))
            except CodecError as error:
                self._problem(event, sid, seq, str(error))
        if over is not None and over != self._over(event):
            touched += (("step", path) for path in self._index.expected)
        return touched

    def _over(self, event: Event) -> bool | None:
        """Whether the run has ended, which shows in the steps that were only expected; None where there are none, or an
        event cannot change it."""
        if not self._index.expected or (event.type not in _MAY_END and event.seq and not event.final):
            return None
        if event.type == ev.STEP_STARTED and not self._record.ends:
            return None
        return rules.run(self._index).end is not None

    def _session(self, event: Event, sid: str, received: int | None) -> Session:
        session = self._sessions.get(sid)
        if session is None:
            session = self._sessions.put(sid, Session(workspace=event.workspace))
        elif event.workspace < session.workspace:
            session.workspace = event.workspace
        if event.type == ev.SESSION_OPENED:
            # Each copy has its own receipt: the earliest counts, so this comes before duplicates are passed over.
            heard = event.time if received is None else received
            session.heard = heard if session.heard is None else min(session.heard, heard)
        return session

    def _problem(self, event: Event, sid: str, seq: int, text: str) -> None:
        record = self._record
        record.problem_count += 1
        insort(record.problems, (event.time, sid, seq, text))
        del record.problems[MOST_PROBLEMS:]

    def _heartbeat(self, event: Event, sid: str, session: Session, received: int | None) -> Touched:
        try:
            data: ev.Heartbeat = payload(event)
        except CodecError:
            return ()
        if not 0 < data.interval <= MOST_INTERVAL:
            return ()
        time = event.time
        heard = time if received is None else received
        skew = None if received is None else received - time
        pulse, before = session.pulse, dict[str, int]()
        if pulse is None:
            session.pulse = Pulse(time, data.interval, data.said, data.spool, heard, skew, data.uploads)
        else:
            before = pulse.uploads
            old = (pulse.time, pulse.said, pulse.spool, pulse.interval, sorted(before.items()))
            if (time, data.said, data.spool, data.interval, sorted(data.uploads.items())) > old:
                pulse.time, pulse.said, pulse.spool, pulse.interval = time, data.said, data.spool, data.interval
                pulse.uploads = data.uploads
            pulse.heard = max(pulse.heard, heard)
            if skew is not None and (pulse.skew is None or skew < pulse.skew):
                pulse.skew = skew
        moved = (("artifact", key) for key in {*data.uploads, *before})
        return [("session", sid), *self._index.open_steps(sid), *moved]

    def _opened(self, event: Event, sid: str, seq: int, session: Session, data: ev.SessionOpened) -> Iterable[Part]:
        if session.opened is None:
            session.opened = (event.time, seq, data)
            self._index.opened(sid, data)
        elif (event.time, seq) < session.opened[:2]:
            session.opened = (event.time, seq, data)
            self._index = Index.of(self._record)
        return self._index.spoken_by_process(sid)

    def _closed(self, event: Event, sid: str, seq: int, session: Session, data: ev.SessionClosed) -> Iterable[Part]:
        if session.closed is None or (event.time, seq) > session.closed[:2]:
            session.closed = (event.time, seq, data.last, data.how)
        return self._index.spoken_by_process(sid)

    def _offset(self, event: Event, sid: str, seq: int, session: Session, data: ev.SessionOffset) -> Iterable[Part]:
        take_offset(self._record.offsets, event, data)
        for key in self._index.contested:
            self._index.produces(key, self._record.outputs[key])
        # Versions and inputs follow the order of stamps, which an offset changes: this is rare, so all are looked at.
        artifacts = (("artifact", key) for key in self._record.outputs)
        spoken = {*self._index.spoken_by_process(data.session)}
        series = (("series", key) for kind, key in spoken if kind == "step")
        return {("session", data.session), *spoken, *series, *artifacts, *self._index.all_readers()}

    def _run_started(self, event: Event, sid: str, seq: int, session: Session, data: ev.RunStarted) -> Iterable[Part]:
        put_latest(self._record.started, sid, event.time, seq, data)
        put_least(self._record.first, sid, event.time, seq, None)
        return ()

    def _run_finished(self, event: Event, sid: str, seq: int, session: Session, data: ev.RunFinished) -> Iterable[Part]:
        put_latest(self._record.ends, sid, event.time, seq, Ended(_ended(data.state), data.error))
        return ()

    def _graph(self, event: Event, sid: str, seq: int, session: Session, data: ev.Graph) -> Iterable[Part]:
        for path, declared in data.steps.items():
            step = self._step(path)
            register = step.expected if data.expected else step.declared
            put_latest(register, sid, event.time, seq, (declared.parents, declared.total))
            if data.expected:
                self._index.expected.add(path)
            yield self._index.speaks(sid, ("step", path))

    def _params(self, event: Event, sid: str, seq: int, session: Session, data: dict[str, Any]) -> Iterable[Part]:
        where: Record | Step = self._record if event.subject is None else self._step(event.subject)
        values = where.params if event.type == ev.PARAMS else where.tags
        for key, value in data.items():
            put_latest(values.setdefault(key, {}), sid, event.time, seq, value)
        return () if event.subject is None else (self._index.speaks(sid, ("step", event.subject)),)

    def _step_started(self, event: Event, sid: str, seq: int, session: Session, data: ev.StepStarted) -> Iterable[Part]:
        path, key, execution = self._execution(event)
        put_least(execution.starts, sid, event.time, seq, data)
        self._index.begins(sid, path, key)
        put_least(self._record.began, sid, event.time, seq, None)
        put_latest(self._record.going, sid, event.time, seq, None)
        if session.step is None or (event.time, seq) > session.step[:2]:
            session.step = (event.time, seq, path)
        return (self._index.speaks(sid, ("step", path)), ("series", path))

    def _step_finished(
        self, event: Event, sid: str, seq: int, session: Session, data: ev.StepFinished
    ) -> Iterable[Part]:
        ended = Ended(_ended(data.state), data.error)
        path, key, execution = self._execution(event)
        put_latest(execution.ends, sid, event.time, seq, ended)
        self._index.ends(sid, path, key)
        return (self._index.speaks(sid, ("step", path)), ("series", path))

    def _artifact(self, event: Event, sid: str, seq: int, session: Session, data: ev.Artifact) -> Iterable[Part]:
        if data.role == "input":
            return self._input(event, sid, seq, data)
        path = event.subject or ""
        key = data.id or f"{sid}-{seq}"
        output = self._outputs.get(key) or self._outputs.put(key, Output())
        touched = [*self._kin(key)]
        put_latest(output.said, sid, event.time, seq, Declared(path, event.execution or "", data))
        put_least(output.first, sid, event.time, seq, None)
        self._index.produces(key, output)
        self._index.speaks(sid, ("artifact", key))
        if path:
            self._step(path)
            touched.append(self._index.speaks(sid, ("step", path)))
        touched += self._kin(key)
        return touched

    def _kin(self, key: str) -> Iterable[Part]:
        """Where an output shows: in itself, in its later versions (their number follows from it), in its readers."""
        return chain(self._index.later_versions(key), self._index.readers(key))

    def _input(self, event: Event, sid: str, seq: int, data: ev.Artifact) -> Iterable[Part]:
        said = (event.time, seq, data)
        if event.subject is None:
            self._record.inputs[f"{sid}-{seq}"] = said
            self._index.wants(wishes(data), RUN)
            return ()
        path, _, execution = self._execution(event)
        execution.inputs[f"{sid}-{seq}"] = said
        part = self._index.speaks(sid, ("step", path))
        self._index.wants(wishes(data), part)
        return (part,)

    def _stored(self, event: Event, sid: str, seq: int, session: Session, data: ev.ArtifactStored) -> Iterable[Part]:
        output = self._outputs.get(data.id) or self._outputs.put(data.id, Output())
        outcome = output.incomplete if data.incomplete else output.failed if data.failed is not None else output.stored
        put_latest(outcome, sid, event.time, seq, data)
        self._index.produces(data.id, output)
        return [("artifact", data.id), *self._index.readers(data.id)]

    def _loss(self, event: Event, sid: str, seq: int, session: Session, data: dict[str, int]) -> Iterable[Part]:
        if any(count < 0 for count in data.values()):
            raise CodecError(f"data of {event.type}: a count is negative")
        for reason, count in data.items():
            if count:
                session.losses[reason] = session.losses.get(reason, 0) + count
        return ()

    def _conflict(self, event: Event, sid: str, seq: int, session: Session, data: ev.Conflict) -> Iterable[Part]:
        key = f"{data.session}-{data.seq}"
        self._record.conflicts[key] = sorted({*self._record.conflicts.get(key, ()), *data.hashes})
        return ()

    def _view_requested(
        self, event: Event, sid: str, seq: int, session: Session, data: ev.ViewRequested
    ) -> Iterable[Part]:
        asked = self._views.get(data.view) or self._views.put(data.view, View())
        put_latest(asked.requested, sid, event.time, seq, Requested(data.artifacts, data.params))
        return (self._index.speaks(sid, ("view", data.view)),)

    def _view_finished(
        self, event: Event, sid: str, seq: int, session: Session, data: ev.ViewFinished
    ) -> Iterable[Part]:
        asked = self._views.get(data.view) or self._views.put(data.view, View())
        put_latest(asked.finished, sid, event.time, seq, Made(data.artifact, data.error))
        return (self._index.speaks(sid, ("view", data.view)),)

    def _step(self, path: str) -> Step:
        return self._steps.get(path) or self._steps.put(path, Step())

    def _execution(self, event: Event) -> tuple[str, str, Execution]:
        """The step and the execution that an event speaks of; without an execution, the one that all join."""
        path = event.subject
        if path is None:
            raise CodecError(f"{event.type} has no subject: say the step's path")
        executions = self._step(path).executions
        key = event.execution or joined_execution(event.run, path)
        found = executions.get(key)
        if found is None:
            found = executions[key] = Execution()
        return path, key, found


def take_offset(offsets: dict[str, Offset], event: Event, data: ev.SessionOffset) -> None:
    """Let an offset that was said later replace an earlier one of the same session.

    Raises:
        CodecError: the offset is beyond ten years.
    """
    if abs(data.offset) > MOST_OFFSET:
        raise CodecError(f"data of {event.type}: offset {data.offset} is beyond ten years")
    new = Offset(event.time, event.session or "", event.seq or 0, data.offset)
    old = offsets.get(data.session)
    if old is None or (new.time, new.session, new.seq) > (old.time, old.session, old.seq):
        offsets[data.session] = new


def _ended(state: ev.State) -> ev.State:
    if state not in ev.ENDED:
        raise CodecError(f"state {state} is no end: say one of {', '.join(sorted(ev.ENDED))}")
    return state


_HANDLERS: dict[str, Callable[[Growing, Event, str, int, Session, Any], Iterable[Part]]] = {
    ev.SESSION_OPENED: Growing._opened,
    ev.SESSION_CLOSED: Growing._closed,
    ev.SESSION_OFFSET: Growing._offset,
    ev.RUN_STARTED: Growing._run_started,
    ev.RUN_FINISHED: Growing._run_finished,
    ev.GRAPH: Growing._graph,
    ev.PARAMS: Growing._params,
    ev.TAGS: Growing._params,
    ev.STEP_STARTED: Growing._step_started,
    ev.STEP_FINISHED: Growing._step_finished,
    ev.ARTIFACT: Growing._artifact,
    ev.ARTIFACT_STORED: Growing._stored,
    ev.LOSS: Growing._loss,
    ev.CONFLICT: Growing._conflict,
    ev.VIEW_REQUESTED: Growing._view_requested,
    ev.VIEW_FINISHED: Growing._view_finished,
}
