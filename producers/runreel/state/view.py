"""The state as the JSON of the surface. Times are ISO 8601 in UTC by the broker's clock, durations seconds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from runreel.codec import iso
from runreel.events import Error
from runreel.state import rules
from runreel.state.growing import Growing
from runreel.state.looks import Looks
from runreel.state.records import Output, Session, Step, View
from runreel.state.registers import Register, corrected, latest
from runreel.state.rules import Attempt, Input
from runreel.state.touched import RUN, Part

_FIELDS = ("pipeline", "experiment", "owner")


def render(state: Growing, looks: Looks) -> dict[str, Any]:
    """The whole view (`RunState.view`)."""
    record = state.record
    view = _run(state, looks)
    view["steps"] = {path: _step(state, path, step, looks) for path, step in record.steps.items()}
    view["series"] = _all_series(state, looks)
    artifacts = ((key, _artifact(state, key, output, looks)) for key, output in record.outputs.items())
    view["artifacts"] = {key: artifact for key, artifact in artifacts if artifact is not None}
    view["sessions"] = {sid: _session(state, sid, session, looks) for sid, session in record.sessions.items()}
    view["views"] = {key: _visualization(state, one) for key, one in record.views.items()}
    return view


def render_part(state: Growing, part: Part, looks: Looks) -> dict[str, Any] | None:
    """One part (`RunState.view_part`)."""
    kind, key = part
    record = state.record
    if part == RUN:
        return _run(state, looks)
    if kind == "step":
        step = record.steps.get(key)
        return None if step is None else _step(state, key, step, looks)
    if kind == "artifact":
        output = record.outputs.get(key)
        return None if output is None else _artifact(state, key, output, looks)
    if kind == "session":
        session = record.sessions.get(key)
        return None if session is None else _session(state, key, session, looks)
    if kind == "view":
        asked = record.views.get(key)
        return None if asked is None else _visualization(state, asked)
    if kind == "series":
        return _series(state, key, looks)
    raise ValueError(f"part {part!r}: the kind is one of run, step, artifact, session, view, series")


def _time(when: int | None) -> str | None:
    return None if when is None else iso(when)


def _error(error: Error | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


# -- the run


def _run(state: Growing, looks: Looks) -> dict[str, Any]:
    record, index, offsets = state.record, state.index, state.record.offsets
    standing, owners = rules.run(index), rules.run_owners(index)
    ended = standing.end is not None
    words = sorted(
        record.started.items(),
        key=lambda item: (item[0] in owners, corrected(offsets, item[0], item[1][0]), item[0], item[1][1]),
        reverse=True,
    )
    fields = {name: next((value for _, word in words if (value := getattr(word[2], name))), "") for name in _FIELDS}
    # A sum over sessions, so that it costs one look at each: a run of a thousand pods has a thousand.
    losses: dict[str, int] = {}
    gaps = []
    for sid, session in sorted(record.sessions.items()):
        for reason, count in session.losses.items():
            losses[reason] = losses.get(reason, 0) + count
        known = None if state.known is None else state.known.get(sid)
        gaps += [{"session": sid, "from": first, "to": last} for first, last in rules.missing(session, known)]
    speakers = [words[0][0]] if words else record.sessions
    workspace = min((record.sessions[sid].workspace for sid in speakers), default="default")
    return {
        "id": record.run,
        "pipeline": fields["pipeline"],
        "workspace": workspace,
        "experiment": fields["experiment"],
        "owner": fields["owner"],
        "state": "STALLED" if standing.state == "RUNNING" and _run_stalled(state, looks) else standing.state,
        "started": _time(standing.started),
        "finished": None if standing.end is None else iso(standing.end.time),
        "error": None if standing.end is None else _error(standing.end.error),
        "eta": None,
        "median": looks.medians.get("run"),
        "planned": any(step.declared or step.expected for step in record.steps.values()),
        "params": _values(state, record.params, owners),
        "tags": _values(state, record.tags, owners),
        "origin": next((word[2].origin for _, word in words if word[2].origin is not None), None),
        "environment": next((word[2].environment for _, word in words if word[2].environment), {}),
        "inputs": [_input(one) for one in rules.inputs(index, record.inputs)],
        "lines": None if looks.tally is None else looks.tally.lines("", None, offsets),
        "events": record.events,
        "complete": rules.complete(index, ended, looks.stored),
        "missing": gaps,
        "losses": losses,
        "conflicts": [_conflict(key, hashes) for key, hashes in sorted(record.conflicts.items())],
        "problems": {"count": record.problem_count, "first": [_problem(*one) for one in record.problems]},
    }


def _run_stalled(state: Growing, looks: Looks) -> bool:
    """Whether the owner has stalled; of a run without one, whether all that still go on have."""
    now, index, sessions = looks.now, state.index, state.record.sessions
    if now is None:
        return False
    if index.owners:
        going = [sessions[sid] for sid in {index.process(owner)[-1] for owner in index.owners}]
    else:
        going = [one for one in sessions.values() if not rules.outsider(one) and rules.closed(one) is None]
    return bool(going) and all(rules.stalled(session, now) for session in going)


def _conflict(key: str, hashes: list[str]) -> dict[str, Any]:
    session, _, seq = key.rpartition("-")
    return {"session": session, "seq": int(seq), "hashes": hashes}


def _problem(time: int, session: str, seq: int, text: str) -> dict[str, Any]:
    return {"time": iso(time), "session": session, "seq": seq, "text": text}


def _values(state: Growing, registers: dict[str, Register[Any]], owners: Collection[str]) -> dict[str, Any]:
    if not registers:
        return {}
    return {key: rules.owners_first(state.index, register, owners) for key, register in sorted(registers.items())}


# -- steps


def _step(state: Growing, path: str, step: Step, looks: Looks) -> dict[str, Any]:
    index, offsets = state.index, state.record.offsets
    attempts = rules.attempts(index, step)
    last = attempts[-1] if attempts else None
    execution = None if last is None else step.executions[last.execution]
    used = [] if execution is None else rules.inputs(index, execution.inputs)
    total = unit = kind = None
    if execution is not None and last is not None and execution.starts:
        total, unit, kind = rules.start_fields(index, execution, last.owner, ("total", "unit", "kind"))
    declared = latest(step.declared, offsets)[1] if step.declared else None
    expected = latest(step.expected, offsets)[1] if step.expected else None
    if total is None:
        total = next((one[1] for one in (declared, expected) if one is not None and one[1] is not None), None)
    shown = [_attempt(state, one, looks) for one in attempts]
    owners = () if last is None or last.owner is None else index.process(last.owner)
    return {
        "state": shown[-1]["state"] if shown else rules.unbegun(index, step),
        "parents": rules.parents(index, path, step, last, used),
        "execution": None if last is None else last.execution,
        "attempts": shown,
        "started": shown[-1]["started"] if shown else None,
        "finished": shown[-1]["finished"] if shown else None,
        "eta": None,
        "expected": looks.medians.get("steps", {}).get(path),
        "learnt": expected is not None and declared is None and last is None,
        "kind": kind,
        "total": total,
        "unit": unit,
        "progress": _progress(state, path, last, total, unit, looks),
        "lines": None if looks.tally is None else looks.tally.lines(path, last and last.execution, offsets),
        "error": shown[-1]["error"] if shown else None,
        "heartbeat": _step_heartbeat(state, last),
        "params": _values(state, step.params, owners),
        "tags": _values(state, step.tags, owners),
        "inputs": [_input(one) for one in used],
    }


def _attempt(state: Growing, one: Attempt, looks: Looks) -> dict[str, Any]:
    shown: str = one.state
    if shown == "RUNNING" and looks.now is not None and one.owner is not None:
        session = state.record.sessions[state.index.process(one.owner)[-1]]
        shown = "STALLED" if rules.stalled(session, looks.now) else shown
    return {
        "execution": one.execution,
        "state": shown,
        "started": _time(one.started),
        "finished": None if one.end is None else iso(one.end.time),
        "error": None if one.end is None else _error(one.end.error),
        "session": one.owner,
    }


def _step_heartbeat(state: Growing, last: Attempt | None) -> str | None:
    if last is None or last.owner is None or last.end is not None:
        return None
    return _heartbeat(state, state.index.process(last.owner)[-1])


def _input(one: Input) -> dict[str, Any]:
    data = one.data
    return {
        "artifact": one.output if one.output is not None else data.id,
        "name": data.name,
        "step": data.step,
        "uri": data.uri,
        "state": "pending" if one.output is None else "resolved",
    }


def _progress(
    state: Growing, path: str, last: Attempt | None, total: Any, unit: Any, looks: Looks
) -> dict[str, Any] | None:
    if looks.tally is None:
        return None
    found = looks.tally.progress(path, None if last is None else last.execution, state.record.offsets)
    if found is None:
        return None
    return {
        "done": found.done,
        "total": total if found.total is None else found.total,
        "unit": unit if found.unit is None else found.unit,
        "message": found.message,
    }


def _series(state: Growing, path: str, looks: Looks) -> dict[str, Any] | None:
    if looks.tally is None:
        return None
    step = state.record.steps.get(path)
    execution = None if step is None else rules.last_execution(state.index, step)
    return looks.tally.series(path, execution, state.record.offsets) or None


def _all_series(state: Growing, looks: Looks) -> dict[str, Any]:
    if looks.tally is None:
        return {}
    found = ((path, _series(state, path, looks)) for path in looks.tally.paths())
    return {path: series for path, series in found if series is not None}


# -- artifacts, sessions, visualizations


def _artifact(state: Growing, key: str, output: Output, looks: Looks) -> dict[str, Any] | None:
    offsets = state.record.offsets
    when, declared = rules.declared(state.index, output)
    if when is None or declared is None:
        return None
    if key not in looks.versions:
        looks.versions.update(rules.versions(state.index, key))
    data = declared.data
    standing, outcome = "pending", None
    for name in ("stored", "incomplete", "failed"):
        if register := getattr(output, name):
            standing, outcome = name, latest(register, offsets)[1]
            break
    if outcome is None and data.state is not None:
        standing = data.state
    elif outcome is None and data.by == "reference" and data.uri is not None:
        standing = "stored"
    first = min(corrected(offsets, sid, word[0]) for sid, word in output.first.items())
    pulses = (state.record.sessions[sid].pulse for sid in output.first) if standing == "pending" else ()

    def field(name: str) -> Any:
        stored = None if outcome is None else getattr(outcome, name)
        return getattr(data, name) if stored is None else stored

    return {
        "id": key,
        "name": data.name,
        "type": data.type,
        "step": declared.step or None,
        "execution": declared.execution or None,
        "role": "output",
        "uri": field("uri"),
        "size": field("size"),
        "declared": data.size,
        "sent": max((pulse.uploads[key] for pulse in pulses if pulse and key in pulse.uploads), default=None),
        "sha256": field("sha256"),
        "media_type": data.media_type,
        "metadata": data.metadata,
        "show": data.show,
        "version": looks.versions[key],
        "created": iso(first),
        "state": standing,
        "reason": data.reason if outcome is None or outcome.failed is None else outcome.failed,
    }


def _heartbeat(state: Growing, sid: str) -> str | None:
    pulse = state.record.sessions[sid].pulse
    return None if pulse is None else iso(corrected(state.record.offsets, sid, pulse.time))


def _session(state: Growing, sid: str, session: Session, looks: Looks) -> dict[str, Any]:
    offsets = state.record.offsets
    opened = None if session.opened is None else session.opened[2]
    offset, closed, pulse = offsets.get(sid), rules.closed(session), session.pulse
    return {
        "host": "" if opened is None else opened.host,
        "pid": None if opened is None else opened.pid,
        "sdk": "" if opened is None else opened.sdk,
        "role": None if opened is None else opened.role,
        "parent": None if opened is None else opened.parent,
        "step": None if session.step is None else session.step[2],
        "one_shot": rules.one_shot(session),
        "heartbeat": _heartbeat(state, sid),
        "stalled": looks.now is not None and rules.stalled(session, looks.now),
        "said": rules.said(session),
        "stored": looks.stored.get(sid),
        "spool": None if pulse is None else pulse.spool,
        "offset": 0.0 if offset is None else offset.micros / 1_000_000,
        "opened": None if session.opened is None else iso(corrected(offsets, sid, session.opened[0])),
        "closed": None if closed is None else iso(corrected(offsets, sid, closed)),
        "how": None if closed is None else session.closed[3] if session.closed is not None else "clean",
        "losses": dict(sorted(session.losses.items())),
    }


def _visualization(state: Growing, asked: View) -> dict[str, Any]:
    offsets = state.record.offsets
    requested, made = latest(asked.requested, offsets)[1], latest(asked.finished, offsets)[1]
    return {
        "state": "PENDING" if made is None else "FAILED" if made.artifact is None else "SUCCEEDED",
        "artifacts": [] if requested is None else requested.artifacts,
        "params": {} if requested is None else requested.params,
        "artifact": None if made is None else made.artifact,
        "error": None if made is None else _error(made.error),
    }
