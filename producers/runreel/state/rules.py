"""Who owns what, and what state it is in: the rules of the contract, as functions of what is known. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from runreel.events import Artifact, Error, State
from runreel.state.index import Entry, Index, stamp_of, wishes
from runreel.state.intervals import Intervals, gaps, union
from runreel.state.records import Declared, Ended, Execution, Output, Session, Step
from runreel.state.registers import Register, Said, Stamp, corrected, latest, least, stamp

T = TypeVar("T")

DIED = Error(message="its process died")
"""Why something failed whose owner's session closed without a word on it."""

STALL_INTERVALS = 4
STALL_SECONDS = 20.0
"""A session stalls when it was not heard for four of its heartbeats' intervals, and for 20 s at least."""

FIRST_HEARTBEAT_SECONDS = 5.0
"""The interval that holds before the first heartbeat has told it."""


# -- sessions


def one_shot(session: Session) -> bool:
    """Whether a session owns nothing: it began without `session.opened`. Learnt when seq 0 or the final event is."""
    return session.opened is None and (session.final is not None or (bool(session.seen) and session.seen[0] == 0))


def outsider(session: Session) -> bool:
    """Whether a session may end what nobody else ends: services and one-shot ones."""
    return one_shot(session) or (session.opened is not None and session.opened[2].role == "service")


def closed(session: Session) -> int | None:
    """When a session said its last event, by its own clock; None while it may go on."""
    if session.closed is not None:
        return session.closed[0]
    if session.final is not None:
        return session.final[1]
    return None


def last_seq(session: Session) -> int:
    """The last seq that a session is known to have said; -1 where it said none."""
    known = session.seen[-1] if session.seen else -1
    if session.closed is not None:
        known = max(known, session.closed[2])
    return known


def said(session: Session) -> int:
    """The last seq that a session says it has said: heartbeats tell it before the events come."""
    return max(last_seq(session), session.pulse.said if session.pulse is not None else -1)


def missing(session: Session, known: Intervals | None = None) -> list[tuple[int, int]]:
    """The ranges of seqs, both ends inclusive, that have not come.

    Args:
        session: as far as it is looked at.
        known: what has come of it by now, where that is a part: what is said later is not missing, because the order of
            seqs is not that of times.
    """
    seen, last = session.seen, last_seq(session)
    if len(seen) == 2 and seen[0] == 0 and seen[1] == last:  # nearly always
        return []
    return list(gaps(seen if known is None else union(seen, known), last))


def stalls(session: Session) -> int | None:
    """The moment, by the broker's clock, after which a session counts as stalled if nothing more is heard of it.

    None where it never does: it is closed, one-shot, or has given no sign of life.
    """
    if closed(session) is not None or one_shot(session):
        return None
    pulse = session.pulse
    heard = session.heard if pulse is None else max(pulse.heard, session.heard or pulse.heard)
    if heard is None:
        return None
    interval = FIRST_HEARTBEAT_SECONDS if pulse is None else pulse.interval
    return heard + int(max(STALL_INTERVALS * interval, STALL_SECONDS) * 1_000_000)


def stalled(session: Session, now: int) -> bool:
    """Whether a session gave signs of life and has stopped without closing, at `now` by the broker's clock."""
    moment = stalls(session)
    return moment is not None and now > moment


# -- ends


class End(NamedTuple):
    """How something ended: when (by the broker's clock), in what state, why."""

    time: int
    state: State
    error: Error | None


def _end(found: tuple[Stamp, Ended] | tuple[None, None]) -> End | None:
    when, ended = found
    return None if when is None or ended is None else End(when[0], ended.state, ended.error)


def _outside(index: Index, ends: Register[Ended]) -> tuple[Stamp, Ended] | tuple[None, None]:
    sessions = index.record.sessions
    return latest(ends, index.record.offsets, {sid for sid in ends if outsider(sessions[sid])})


def _death(index: Index, owners: Iterable[str]) -> End | None:
    """The end of a process: its last session closed and nothing was said of what it owned."""
    record, times = index.record, []
    for owner in owners:
        last = index.process(owner)[-1]
        session = record.sessions.get(last)
        at = None if session is None else closed(session)
        if at is None:
            return None
        times.append(corrected(record.offsets, last, at))
    return End(max(times), "FAILED", DIED) if times else None


# -- executions and steps


class Attempt(NamedTuple):
    """One execution of a step, seen from outside."""

    execution: str
    owner: str | None
    """The session that owns it: None where a one-shot session began it, or none is known to have."""
    started: int | None
    end: End | None

    @property
    def state(self) -> State:
        """RUNNING until it ends: state moves forward only."""
        return "RUNNING" if self.end is None else self.end.state


def attempt(index: Index, key: str, execution: Execution) -> Attempt:
    """An execution with its owner and its end.

    The session of the least `started` owns it, unless that is a one-shot one; then anyone may end it. The owner's
    word stands; where it has none, a service's or a one-shot session's counts; else the owner's death.
    """
    record = index.record
    began = least(execution.starts, record.offsets)
    owner = None if began is None or one_shot(record.sessions[began[1]]) else began[1]
    if owner is None:
        end = _end(latest(execution.ends, record.offsets))
    else:
        process = index.process(owner)
        end = (
            (execution.ends and _end(latest(execution.ends, record.offsets, process)))
            or (execution.ends and _end(_outside(index, execution.ends)))
            or _death(index, (owner,))
        )
    return Attempt(key, owner, None if began is None else began[0], end or None)


def attempts(index: Index, step: Step) -> list[Attempt]:
    """A step's attempts, ordered by (start, execution). What has neither begun nor ended is none yet."""
    found = [attempt(index, key, one) for key, one in step.executions.items() if one.starts or one.ends]
    if len(found) > 1:
        found.sort(key=lambda one: (_begin(one), one.execution))
    return found


def last_execution(index: Index, step: Step) -> str | None:
    """The execution of a step's last attempt; None where it has none."""
    if len(step.executions) == 1:  # nearly always
        return next((key for key, one in step.executions.items() if one.starts or one.ends), None)
    return next((one.execution for one in reversed(attempts(index, step))), None)


def _begin(one: Attempt) -> int:
    if one.started is not None:
        return one.started
    return 0 if one.end is None else one.end.time


def owners_first(index: Index, register: Register[T], owners: Collection[str]) -> T | None:
    """The value in force: the owners' where they have one, else the one with the greatest stamp."""
    offsets = index.record.offsets
    if len(register) > 1 and owners:
        when, value = latest(register, offsets, owners)
        if when is not None:
            return value
    return latest(register, offsets)[1]


def start_fields(index: Index, execution: Execution, owner: str | None, fields: Sequence[str]) -> list[Any]:
    """Fields of `step.started`: the owner's where it says them, else of the latest that does."""
    if len(execution.starts) == 1:  # nearly always
        (word,) = execution.starts.values()
        return [getattr(word[2], field) for field in fields]
    offsets = index.record.offsets
    ranked = sorted(execution.starts.items(), key=lambda item: (item[0] == owner, stamp(offsets, *item)), reverse=True)
    said = [word[2] for _, word in ranked]
    return [next((value for one in said if (value := getattr(one, field)) is not None), None) for field in fields]


def parents(index: Index, path: str, step: Step, last: Attempt | None, used: Iterable[Input]) -> list[str]:
    """A step's parents: as it says, else as a graph declares, else the producers of its inputs, else as expected."""
    if last is not None:
        (own,) = start_fields(index, step.executions[last.execution], last.owner, ("parents",))
        if isinstance(own, list):
            return [one for one in own if one != path]
    declared = latest(step.declared, index.record.offsets)[1] if step.declared else None
    if declared is not None:
        return declared[0]
    made = {producer(index, one.output) for one in used if one.output is not None}
    derived = sorted(one for one in made if one and not _related(one, path))
    if derived:
        return derived
    expected = latest(step.expected, index.record.offsets)[1]
    return [] if expected is None else expected[0]


def standing(index: Index, path: str, step: Step) -> tuple[State, list[str]]:
    """A step's state and its parents: what a graph shows of it."""
    last = next(reversed(attempts(index, step)), None)
    if last is None:
        return unbegun(index, step), parents(index, path, step, None, ())
    used = inputs(index, step.executions[last.execution].inputs)
    return last.state, parents(index, path, step, last, used)


def guessed(index: Index, step: Step) -> bool:
    """Whether only a service expects a step, by an earlier run: this run has neither declared nor begun it."""
    if not step.expected or step.declared or any(one.starts or one.ends for one in step.executions.values()):
        return False
    return all(one_shot(index.record.sessions[sid]) for sid in step.expected)


def unbegun(index: Index, step: Step) -> State:
    """The state of a step without an attempt: one that was only guessed is passed over once the run has ended."""
    return "SKIPPED" if guessed(index, step) and run(index).end is not None else "PENDING"


def _related(one: str, other: str) -> bool:
    """Whether one path is the other or lies within it: a step is no parent of what it is made of."""
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


# -- artifacts


def declared(index: Index, output: Output) -> tuple[Stamp, Declared] | tuple[None, None]:
    """An output's declaration in force."""
    return latest(output.said, index.record.offsets)


def producer(index: Index, output: str) -> str | None:
    """The path of the step that made an output; empty for the run itself."""
    _, found = declared(index, index.record.outputs[output])
    return None if found is None else found.step


class Input(NamedTuple):
    """Something that is used: what was said of it, and the id of the output that is meant, None while it is pending."""

    data: Artifact
    output: str | None


def inputs(index: Index, words: Mapping[str, Said[Artifact]]) -> list[Input]:
    """What an execution, or the run, uses, in order of stamps.

    Of several outputs of a name the last one before the input is meant, or the first where none came before.
    """
    if not words:
        return []
    stamped = [(stamp(index.record.offsets, event.rpartition("-")[0], word), word[2]) for event, word in words.items()]
    if len(stamped) > 1:
        stamped.sort(key=lambda one: one[0])
    return [Input(data, _meant(index, index.found(wishes(data)), when)) for when, data in stamped]


def _meant(index: Index, named: Sequence[Entry], when: Stamp) -> str | None:
    if not named:
        return None
    if index.record.offsets:
        named = sorted(named, key=lambda entry: (_in_force(index, entry), entry[3]))
        at = bisect_right(named, when, key=lambda entry: _in_force(index, entry))
    else:
        at = bisect_right(named, when, key=stamp_of)
    return named[max(at - 1, 0)][3]


def _in_force(index: Index, entry: Entry) -> Stamp:
    if not index.record.offsets:
        return stamp_of(entry)
    return corrected(index.record.offsets, entry[1], entry[0]), entry[1], entry[2]


def versions(index: Index, key: str) -> dict[str, int]:
    """The versions of all outputs that share an output's step and name: counted from 1 by first declaration."""
    group = index.found(index.version_group(key))
    order = sorted(group, key=lambda entry: (_in_force(index, entry), entry[3])) if index.record.offsets else group
    return {entry[3]: number for number, entry in enumerate(order, 1)}


# -- the run


class Run(NamedTuple):
    """A run's own standing."""

    state: State
    started: int | None
    end: End | None


def run_owners(index: Index) -> frozenset[str]:
    """The sessions of the processes that own the run."""
    return frozenset(one for owner in index.owners for one in index.process(owner))


def run(index: Index) -> Run:
    """The run's state: the owner's end stands; others' end holds until a later `step.started`; else the owner's death.

    Only services and one-shot sessions may end a run that they do not own: members never do.
    """
    record = index.record
    began = least(record.first, record.offsets) or least(record.began, record.offsets)
    end = None
    if index.owners:
        end = _end(latest(record.ends, record.offsets, run_owners(index)))
    if end is None and record.ends:
        when, ended = _outside(index, record.ends)
        if when is not None and not any(stamp(record.offsets, *item) > when for item in record.going.items()):
            end = _end((when, ended))  # type: ignore[arg-type]
    if end is None and index.owners:
        end = _death(index, index.owners)
    started = None if began is None else began[0]
    return Run("PENDING" if started is None and end is None else "RUNNING" if end is None else end.state, started, end)


def complete(index: Index, ended: bool, stored: Mapping[str, int]) -> bool:
    """Whether all of the run is in the archive: it has ended, nothing was lost, every known session is closed and
    stored up to its last seq without a gap."""
    return ended and all(
        closed(session) is not None
        and not session.losses
        and not missing(session)
        and stored.get(sid, -1) >= last_seq(session)
        for sid, session in index.record.sessions.items()
    )
