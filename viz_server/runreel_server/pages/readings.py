"""What a run's state says to a reader: the head's read-outs and a line for each step. Pure.

`static/js/readings.js` derives the same in the browser when the state changes; one table of cases tests both.
"""

from __future__ import annotations

from typing import Any

from runreel_server.pages import text

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
ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"})
_GOOD = frozenset({"SUCCEEDED", "CACHED"})


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
    done = sum(task.get("state") in ENDED for task in tasks)
    total = max(len(tasks), int(step.get("total") or 0)) if tasks else 0
    share = None
    if progress.get("total"):
        share = min(1.0, progress.get("done", 0) / progress["total"])
    elif total:
        share = sum(map(_fraction, tasks)) / total
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
        "left": "" if left is None else f"≈ {text.span(left)} left",
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


def head_reading(state: Json, readings: dict[str, Json], now: int, past: bool = False) -> Json:
    """The read-outs of a run: what it is, done, elapsed, left, wrong and record, each as text.

    Args:
        state: the run's state, at the moment `now`.
        readings: `step_readings` of it.
        now: that moment, in microseconds.
        past: whether that moment is not the present.
    """
    steps = state.get("steps") or {}
    run_state = state.get("state") or "PENDING"
    ended = run_state in ENDED
    top = [path for path in steps if "/" not in path]
    wanted = [path for path in top if steps[path].get("state") != "SKIPPED"]
    good = sum(steps[path].get("state") in _GOOD for path in wanted)
    below = leaves(steps)
    tasks = sum(len(below.get(path, ())) or 1 for path in top)
    elapsed = seconds(state.get("started"), text.micros(state.get("finished")) if ended else now)
    left = None if ended else seconds_left(state.get("eta"), now)
    share = _share(run_state, steps, wanted, readings, elapsed, left)
    return {
        "state": run_state,
        "word": WORDS.get(run_state, run_state.title()),
        "share": share,
        "percent": text.percent(share),
        "steps": f"{good} of {text.plural(len(wanted), 'step')}" if wanted else "no step yet",
        "tasks": text.plural(len(top), "step") + (f", {text.plural(tasks, 'task')}" if tasks > len(top) else ""),
        "elapsed": text.span(elapsed),
        "median": f"median {text.span(state['median'])}" if state.get("median") else "",
        "left": text.NOTHING if left is None else f"≈ {text.span(left)}",
        "ends": ends(state, left),
        "wrong": wrong(state, readings, now),
        "record": record(state, past),
    }


def ends(state: Json, left: float | None) -> str:
    """When the run ends or ended, in words."""
    if state.get("finished"):
        return f"ended {text.clock(text.micros(state['finished']))}"
    return "" if left is None else f"ends about {text.clock(text.micros(state.get('eta')))}"


def wrong(state: Json, readings: dict[str, Json], now: int) -> Json:
    """What failed or is silent: `state`, `text`, `note`, and the `step` where it began."""
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
        note = said if stalled else f"{text.step_name(first)}: {text.name(error)}" if error else text.step_name(first)
        return {"state": "FAILED", "text": f"{text.count(len(failed))} failed", "note": note, "step": first}
    if state.get("state") == "FAILED":
        error = state.get("error") or {}
        return {"state": "FAILED", "text": "the run", "note": text.name(error.get("type") or ""), "step": None}
    if stalled:
        note = f"silent {_silence(silent)}" if silent else text.step_name(stalled[0])
        return {"state": "STALLED", "text": f"{len(stalled)} stalled", "note": note, "step": stalled[0]}
    return {"state": "", "text": "nothing", "note": retried, "step": None}


def record(state: Json, past: bool) -> Json:
    """The proof: `state`, `text`, `note` on whether all that was said is here."""
    missing = state.get("missing") or []
    events = text.count(state.get("events") or 0)
    if missing:
        number = sum(gap["to"] - gap["from"] + 1 for gap in missing)
        gap = missing[0]
        session = (state.get("sessions") or {}).get(gap["session"]) or {}
        whence = text.step_name(session["step"]) if session.get("step") else session.get("host") or gap["session"][:8]
        numbers = (
            f"{text.count(gap['from'])} to {text.count(gap['to'])}" if gap["to"] > gap["from"] else f"{gap['from']:,}"
        )
        more = f", {len(missing) - 1} more" if len(missing) > 1 else ""
        return {"state": "STALLED", "text": f"{text.count(number)} missing", "note": f"from {whence}, {numbers}{more}"}
    lost = sum((state.get("losses") or {}).values())
    if lost:
        reasons = ", ".join(text.name(reason) for reason in state["losses"])
        return {"state": "STALLED", "text": f"{text.count(lost)} dropped", "note": reasons}
    if past:
        return {"state": "SUCCEEDED", "text": "no gap", "note": f"first {events} events"}
    if state.get("complete"):
        return {"state": "SUCCEEDED", "text": "complete", "note": f"{events} of {events} events"}
    return {"state": "SUCCEEDED", "text": "no gap", "note": f"{events} events"}


def _share(run: str, steps: Json, wanted: list[str], readings: dict[str, Json], elapsed: Any, left: Any) -> float:
    if run in _GOOD:
        return 1.0
    if elapsed is not None and left is not None and elapsed + left > 0:
        return float(min(0.994, elapsed / (elapsed + left)))
    if not wanted:
        return 0.0
    done = sum(1.0 if steps[path].get("state") in _GOOD else readings[path]["share"] or 0.0 for path in wanted)
    return float(done / len(wanted))


def _fraction(task: Json) -> float:
    progress = task.get("progress") or {}
    if task.get("state") in ENDED:
        return 1.0
    return float(min(1.0, (progress.get("done") or 0) / progress["total"])) if progress.get("total") else 0.0


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
