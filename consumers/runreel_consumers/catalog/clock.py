"""What needs a clock: events that the catalog says, never branches in the fold. Pure: the time is given.

A service's event follows from the log alone: its session from what it says and the position of its cause, its time from
when the broker received that cause. So whoever says it again after a crash says a duplicate.
"""

from __future__ import annotations

from typing import Any, Final

from runreel.codec import encode_data
from runreel.events import CONFLICT, RUN_FINISHED, SESSION_OFFSET, Conflict, Error, Event, RunFinished, SessionOffset
from runreel.ids import derived_session
from runreel.state import rules
from runreel_consumers.archive.positions import Position
from runreel_consumers.catalog.live import Live

GRACE_DECLARED: Final = 60.0
"""Seconds after the last word before a run that nobody owns ends, if it has declared its steps."""

GRACE: Final = 900.0
"""The same without a declared graph: more steps may come."""

STALLED_FOR_GOOD: Final = 86_400.0
"""Seconds without a sign of life after which a run counts as failed."""

OFFSET: Final = 2_000_000
"""The least clock offset, and the least change of it, that is said: microseconds."""

SOURCE: Final = "/runreel/catalog"
_SECOND: Final = 1_000_000


def service_event(
    type_: str, data: Any, *, run: str, workspace: str, subject: str, outcome: str, cause: Position | None, time: int
) -> Event:
    """A service's event: one-shot, its session derived from what it says and from the position of its cause; None: from
    what it says alone."""
    session = derived_session(type_, run, subject, outcome, str(cause or ""))
    return Event(
        type=type_,
        run=run,
        time=time,
        id=f"{session}-0",
        source=SOURCE,
        workspace=workspace,
        session=session,
        seq=0,
        final=True,
        data=encode_data(data),
    )


def decide(live: Live, now: int) -> Event | None:
    """The end of a run that nobody will say, if it is time for it.

    Args:
        live: the run.
        now: microseconds since 1970.
    """
    if now < live.heard + int(GRACE_DECLARED * _SECOND) or rules.run(live.state.index).end is not None:
        return None
    grace = _grace(live)
    if grace is not None and now >= live.heard + int(grace * _SECOND):
        lasts = [rules.attempts(live.state.index, step) for step in live.state.record.steps.values()]
        failed = any(attempts and attempts[-1].state == "FAILED" for attempts in lasts)
        return _ends(live, RunFinished(state="FAILED" if failed else "SUCCEEDED"), grace)
    if now >= live.heard + int(STALLED_FOR_GOOD * _SECOND) and _stalled(live, now):
        error = Error(type="Stalled", message=f"no sign of life for {STALLED_FOR_GOOD / 3600:.0f} hours")
        return _ends(live, RunFinished(state="FAILED", error=error), STALLED_FOR_GOOD)
    return None


def offsets(live: Live, session: str, cause: Position, received: int) -> Event | None:
    """A session's clock offset, when a heartbeat has shown that it is large or has moved.

    Args:
        live: the run, the heartbeat in it.
        session: the session.
        cause: the heartbeat's position.
        received: when the broker received it, microseconds since 1970.
    """
    found = live.state.record.sessions.get(session)
    if found is None or found.pulse is None or found.pulse.skew is None:
        return None
    skew = found.pulse.skew
    said = live.state.record.offsets.get(session)
    if abs(skew - (0 if said is None else said.micros)) <= OFFSET:
        return None
    return service_event(
        SESSION_OFFSET,
        SessionOffset(session=session, offset=skew),
        run=live.run,
        workspace=live.view()["workspace"],
        subject=session,
        outcome=str(skew),
        cause=cause,
        time=received,
    )


def conflict(
    run: str, workspace: str, session: str, seq: int, hashes: tuple[str, str], cause: Position, received: int
) -> Event:
    """One (session, seq) stands in the archive with two contents.

    Args:
        run: the run.
        workspace: its workspace.
        session: the session.
        seq: its seq.
        hashes: SHA-256 of both, in hex.
        cause: the position of the later one.
        received: when the broker received that.
    """
    said = Conflict(session=session, seq=seq, hashes=sorted(hashes))
    return service_event(
        CONFLICT,
        said,
        run=run,
        workspace=workspace,
        subject=f"{session}-{seq}",
        outcome=" ".join(said.hashes),
        cause=cause,
        time=received,
    )


def _ends(live: Live, said: RunFinished, grace: float) -> Event:
    return service_event(
        RUN_FINISHED,
        said,
        run=live.run,
        workspace=live.view()["workspace"],
        subject="",
        outcome=said.state,
        cause=live.position,
        time=live.heard + int(grace * _SECOND),
    )


def _grace(live: Live) -> float | None:
    """Seconds of grace for a run that nobody owns and in which all has ended; None for any other."""
    record, index = live.state.record, live.state.index
    if index.owners or not record.steps:
        return None
    if any(not rules.one_shot(one) and rules.closed(one) is None for one in record.sessions.values()):
        return None
    declared = False
    for step in record.steps.values():
        declared = declared or bool(step.declared)
        attempts = rules.attempts(index, step)
        if not attempts:
            if step.declared:
                return None
        elif attempts[-1].end is None:
            return None
    return GRACE_DECLARED if declared else GRACE


def _stalled(live: Live, now: int) -> bool:
    going = [
        one for one in live.state.record.sessions.values() if not rules.outsider(one) and rules.closed(one) is None
    ]
    return bool(going) and all(rules.stalled(one, now) for one in going)
