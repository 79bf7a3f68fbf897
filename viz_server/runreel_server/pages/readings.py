"""What a run's state says to a reader: the head's read-outs and a line for each step. Pure.

`static/js/core/readings.js` derives the same in the browser when the state changes; one table of cases tests both.
"""

from __future__ import annotations

from typing import Any

from runreel_server.graph.eta import MOST
from runreel_server.pages import text
from runreel_server.pages.done import GOOD, STOPPED, fraction, share_done, unplanned, wanted, way

Json = dict[str, Any]

WORDS = {
    "PENDING": "Waiting",
    "RUNNING": "Running",
    "SUCCEEDED": "Succeeded",
    "FAILED": "Failed",
    "SKIPPED": "Skipped",
    "CACHED": "Cached",
    "CANCELED": "Canceled",
    "STALLED": "Stalled",
    "PAUSED": "Paused",
    "CANCELING": "Canceling",
}
SIGNS = {"SUCCEEDED": "✓", "CACHED": "✓", "FAILED": "✕", "CANCELED": "⊘", "CANCELING": "⊘", "SKIPPED": "⊘"}
ICONS = {**dict.fromkeys(SIGNS, "canceled"), "SUCCEEDED": "succeeded", "CACHED": "succeeded", "FAILED": "failed"}
ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"})
MOST_GAPS = 20
"""Of how many gaps the record says all."""
MOST_DARK = 3
"""Of how many steps whose time nobody knows the names are said."""
UNPLANNED = "Nothing tells whether more steps come: none were declared, and no earlier run is known"


def seconds(start: Any, end: int | None) -> float | None:
    """Seconds from the time `start` to `end` in microseconds; None where either is absent."""
    begun = text.micros(start)
    return None if begun is None or end is None else (end - begun) / text.MICRO


def leaves(steps: Json) -> dict[str, list[str]]:
    """For each step that has others below it, the paths of those below that have none themselves."""
    parents = {path.rpartition("/")[0] for path in steps}
    below: dict[str, list[str]] = {}
    for path in steps:
        if path in parents:
            continue
        above = path.rpartition("/")[0]
        while above:
            below.setdefault(above, []).append(path)
            above = above.rpartition("/")[0]
    return below


def outermost(steps: Json) -> list[str]:
    """The paths that lie in no other step, whether or not a path above them is one."""

    def inside(path: str) -> bool:
        above = path.rpartition("/")[0]
        while above and above not in steps:
            above = above.rpartition("/")[0]
        return bool(above)

    return [path for path in steps if not inside(path)]


def step_reading(step: Json, now: int, below: list[Json] | None = None) -> Json:
    """One step in a few words: `state`, `share` done (of 1, or None), `read`, and its tasks counted in `note`.

    Args:
        step: the state's entry.
        now: the moment that the state is looked at, in microseconds.
        below: the entries of its tasks, where it has any.
    """
    state = step.get("state") or "PENDING"
    progress = step.get("progress") or {}
    tasks = below or []
    counts = {one: sum(task.get("state") == one for task in tasks) for one in ("FAILED", "STALLED")}
    done = sum(task.get("state") in ENDED - STOPPED for task in tasks)
    total = max(len(tasks), int(step.get("total") or 0)) if tasks else 0
    share = None
    if progress.get("total"):
        share = min(MOST if state == "RUNNING" else 1.0, progress.get("done", 0) / progress["total"])
    elif total:
        share = sum(map(fraction, tasks)) / total
    left = None if state != "RUNNING" or not step.get("eta") else seconds_left(step["eta"], now)
    if state == "RUNNING":
        taken = seconds(step.get("started"), now)
        read = text.percent(share) if share is not None else text.span(taken)
    elif state == "STALLED":
        silent = seconds(step.get("heartbeat"), now)
        read = "stalled" if silent is None else f"silent {_silence(silent)}"
    elif state == "PENDING":
        read = f"≈ {text.span(step['expected'])}" if step.get("expected") else ""
    elif state in {"SKIPPED", "CACHED"}:
        read = WORDS[state].lower()
    else:
        read = text.span(seconds(step.get("started"), text.micros(step.get("finished"))))
    if state == "RUNNING" and progress.get("total"):
        note = f"{text.value(progress.get('done', 0))} of {text.value(progress['total'])}"
        note += f" {text.name(progress['unit'])}" if progress.get("unit") else ""
    else:
        note = f"{text.count(done)} of {text.count(total)}" if total else ""
    return {
        "state": state,
        "share": share,
        "read": read,
        "left": "" if left is None else f"{text.guess(left)} left",
        "note": note,
        "failed": counts["FAILED"],
        "stalled": counts["STALLED"],
        "tasks": total,
    }


def seconds_left(eta: Any, now: int) -> float | None:
    """Seconds from `now` to the expected end, none below zero; None where there is no expectation."""
    end = text.micros(eta)
    return None if end is None else max(0.0, (end - now) / text.MICRO)


def step_readings(state: Json, now: int) -> dict[str, Json]:
    """`step_reading` of every step of a run's state."""
    steps = state.get("steps") or {}
    below = leaves(steps)
    return {path: step_reading(step, now, [steps[one] for one in below.get(path, [])]) for path, step in steps.items()}


def head_reading(
    state: Json, readings: dict[str, Json], now: int, past: bool = False, today: int | None = None
) -> Json:
    """The read-outs of a run: what it is, done, elapsed, left, wrong and record, each as text; a tab's title and icon.

    Args:
        state: the run's state, at the moment `now`.
        readings: `step_readings` of it.
        now: that moment, in microseconds.
        past: whether that moment is not the present.
        today: the present; without it `now`.
    """
    steps = state.get("steps") or {}
    run_state = state.get("state") or "PENDING"
    ended = run_state in ENDED
    top = outermost(steps)
    work = wanted(steps, top)
    good = sum(steps[path].get("state") in GOOD for path in work)
    below = leaves(steps)
    tasks = sum(len(below.get(path, ())) or 1 for path in top)
    elapsed = seconds(state.get("started"), text.micros(state.get("finished")) if ended else now)
    more = not ended and unplanned(state)
    left = None if ended or more or run_state == "STALLED" else seconds_left(state.get("eta"), now)
    pieces = way(steps, work, readings, now, left=left, elapsed=elapsed, more=more)
    share = None if more else share_done(run_state, pieces)
    percent = text.NOTHING if share is None else text.percent(share)
    word, trouble = WORDS.get(run_state, run_state.title()), wrong(state, readings, now)
    going = {"FAILED": "wrong", "STALLED": "stalled"}.get(trouble["state"], "running")
    return {
        "state": run_state,
        "word": word,
        "tab": f"{SIGNS.get(run_state, '…')} {word.lower()}"
        if run_state != "RUNNING"
        else "running"
        if more
        else percent,
        "icon": going if run_state == "RUNNING" else ICONS.get(run_state, "waiting"),
        "share": share,
        "way": pieces,
        "percent": percent,
        "steps": f"{text.count(good)} of {text.plural(len(work), 'step')}{' so far' if more else ''}"
        if work
        else "no step yet",
        "planned": UNPLANNED if more else "",
        "tasks": text.plural(len(top), "step") + (f", {text.plural(tasks, 'task')}" if tasks > len(top) else ""),
        "elapsed": text.span(elapsed),
        "median": f"median {text.span(state['median'])}" if state.get("median") else "",
        "left": text.NOTHING if left is None else text.guess(left),
        **ends(state, left, top, now, now if today is None else today),
        "wrong": trouble,
        "record": record(state, past),
    }


def ends(state: Json, left: float | None, top: list[str], now: int, today: int) -> Json:
    """When the run ends or ended, in words: `ends`; where nothing tells, what is known, and in full `why` no more is.

    Args:
        state: the run's state.
        left: seconds to its expected end, or None.
        top: the outermost steps.
        now: in microseconds.
        today: the present, whose day need not be said.
    """
    steps = state.get("steps") or {}
    if state.get("finished") or left is not None or state.get("state") != "RUNNING":
        ended, eta = text.micros(state.get("finished")), text.micros(state.get("eta"))
        end = ended or (None if left is None else eta)
        if end is None:
            return {"ends": "", "why": ""}
        word, at = "ended" if ended else "ends about", text.moment(end, today if ended else now)
        short = f"{word.partition(' ')[0]} {at[: -len(':22')]}" if "," in at else f"{word} {at}"  # a day takes room
        return {"ends": short, "why": f"{word} {at} ({text.utc(end)})"}
    going = {path: seconds_left(steps[path].get("eta"), now) for path in top if steps[path].get("state") == "RUNNING"}
    told = {path: end for path, end in going.items() if end is not None}
    last = max(told, key=lambda path: told[path], default=None)
    dark = [
        text.step_name(path)
        for path in top
        if path not in told and steps[path].get("state") not in ENDED and not steps[path].get("expected")
    ]
    more = f" and {text.count(len(dark) - MOST_DARK)} more" if len(dark) > MOST_DARK else ""
    names = f"{', '.join(dark[:MOST_DARK])}{more}"
    if dark:
        why = f"No earlier run tells how long these take: {names}"
    else:
        why = UNPLANNED if unplanned(state) else "No step tells how long the run takes"
    said = "no earlier run to tell" if last is None else f"{text.step_name(last)} {text.guess(told[last])} left"
    return {"ends": said, "why": f"{said}. {why}" if last else why}


def wrong(state: Json, readings: dict[str, Json], now: int) -> Json:
    """What failed or is silent: `state`, `text`, `note`, the `step` where it began or the `artifact` that is not there;
    `whole` says in full what the note has no room for."""
    steps = state.get("steps") or {}
    found = {
        kind: _deepest([path for path, one in readings.items() if one["state"] == kind])
        for kind in ("FAILED", "STALLED")
    }
    failed, stalled = found["FAILED"], found["STALLED"]
    retries = sum(
        len(step.get("attempts") or ()) > 1 and readings[path]["state"] != "FAILED" for path, step in steps.items()
    )
    silent = max((seconds(steps[path].get("heartbeat"), now) or 0.0 for path in stalled), default=0.0)
    said = f"{len(stalled)} stalled, silent {_silence(silent)}" if silent else f"{len(stalled)} stalled"
    retried = f"{text.count(retries)} {'retry' if retries == 1 else 'retries'}, mended" if retries else ""
    if failed:
        first = min(failed, key=lambda path: text.micros(steps[path].get("finished")) or now)
        error = (steps[first].get("error") or {}).get("type") or ""
        short = [first.rpartition("/")[2], error.rpartition(".")[2]]  # the rest has no room
        note, whole = (
            f"{text.step_name(path)}: {text.name(kind)}" if kind else text.step_name(path)
            for path, kind in (short, (first, error))
        )
        told = {"note": said, "whole": f"{whole}; {said}"} if stalled else {"note": note, "whole": whole}
        return {"state": "FAILED", "text": f"{text.count(len(failed))} failed", "step": first, **told}
    if state.get("state") == "FAILED":
        error = state.get("error") or {}
        return {"state": "FAILED", "text": "the run", "note": text.name(error.get("type") or ""), "step": None}
    if stalled:
        note = f"silent {_silence(silent)}" if silent else text.step_name(stalled[0])
        return {"state": "STALLED", "text": f"{len(stalled)} stalled", "note": note, "step": stalled[0]}
    if state.get("state") == "STALLED":
        since = _since_any(state, now)
        note = f"silent {_silence(since)}" if since is not None else ""
        return {"state": "STALLED", "text": "the run", "note": note, "step": None}
    broken = [one for one in (state.get("artifacts") or {}).values() if one.get("state") in {"failed", "incomplete"}]
    if broken:
        first = min(broken, key=lambda one: str(one.get("created") or ""))
        note = f"{first['state']}: {text.name(first.get('name') or first['id'])}"
        whole = f"{note}, {text.param(first['reason'])}" if first.get("reason") else note
        said = text.plural(len(broken), "artifact")
        return {"state": "FAILED", "text": said, "note": note, "whole": whole, "step": None, "artifact": first["id"]}
    return {"state": "", "text": "nothing", "note": retried, "step": None}


def _since_any(state: Json, now: int) -> float | None:
    """Seconds since any session that is open gave a sign of life."""
    open_ = [one for one in (state.get("sessions") or {}).values() if not one.get("closed")]
    return min((sign for one in open_ if (sign := seconds(one.get("heartbeat"), now)) is not None), default=None)


def record(state: Json, past: bool) -> Json:
    """The proof: `state`, `text`, `note` and, in full, `whole` on whether all that was said is here."""
    missing = state.get("missing") or []
    sessions = state.get("sessions") or {}
    events = int(state.get("events") or 0)
    said = max(events, sum(one["said"] + 1 for one in sessions.values() if one.get("said") is not None))
    here = f"{text.count(events)} of {text.count(said)} events"
    whole = f"{here}, {text.plural(len(sessions), 'session')}"
    if missing:
        number = sum(gap["to"] - gap["from"] + 1 for gap in missing)
        whence = [_whence(gap, sessions) for gap in missing[:MOST_GAPS]]
        more = f", {text.count(len(missing) - 1)} more" if len(missing) > 1 else ""
        rest = f"; and {text.count(len(missing) - MOST_GAPS)} more" if len(missing) > MOST_GAPS else ""
        return {
            "state": "STALLED",
            "text": f"{text.count(number)} missing",
            "note": f"from {whence[0]}{more}; {here}",
            "whole": f"{whole}; missing from {'; from '.join(whence)}{rest}",
        }
    lost = sum((state.get("losses") or {}).values())
    if lost:
        reasons = ", ".join(text.name(reason) for reason in state["losses"])
        dropped = f"{text.count(lost)} dropped"
        return {"state": "STALLED", "text": dropped, "note": reasons, "whole": f"{whole}; {dropped}: {reasons}"}
    if past:
        first = f"first {text.count(events)} events"
        return {"state": "SUCCEEDED", "text": "no gap", "note": first, "whole": first}
    return {
        "state": "SUCCEEDED",
        "text": "complete" if state.get("complete") else "no gap",
        "note": whole,
        "whole": whole,
    }


def _whence(gap: Json, sessions: Json) -> str:
    """Of whom events are missing, and which."""
    session = sessions.get(gap["session"]) or {}
    host = session.get("host") or gap["session"][:8]
    who = text.step_name(session["step"]) if session.get("step") else text.name(host)
    first, last = text.count(gap["from"]), text.count(gap["to"])
    return f"{who}, {first} to {last}" if gap["to"] > gap["from"] else f"{who}, {first}"


def _deepest(paths: list[str]) -> list[str]:
    above: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent:
            above.add(parent)
            parent = parent.rpartition("/")[0]
    return [path for path in paths if path not in above]


def _silence(silent: float) -> str:
    return f"{int(silent)} s" if silent < 100 else text.span(silent)
