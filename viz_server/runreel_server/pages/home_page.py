"""What the templates of home and of the list of runs show, from summaries."""

from __future__ import annotations

from typing import Any

from runreel import ids
from runreel_server.pages import text
from runreel_server.pages.readings import ENDED, seconds, seconds_left

Json = dict[str, Any]

STRIP_WIDTH, STRIP_HEIGHT = 360, 30


def running_row(summary: Json, now: int) -> Json:
    """A run that is under way: how far, how long, what is wrong, and its Gantt to the expected end."""
    elapsed, left = seconds(summary.get("started"), now), seconds_left(summary.get("eta"), now)
    steps = summary.get("steps") or {}
    total = steps.get("total") or 0
    good = sum(steps.get(state) or 0 for state in ("SUCCEEDED", "CACHED"))
    share = elapsed / (elapsed + left) if elapsed and left is not None else good / total if total else 0.0
    failed = steps.get("FAILED") or 0
    silent = silence(summary, now)
    flags = [
        f"{text.count(failed)} failed" if failed else "",
        f"stalled, silent {text.span(silent)}" if silent is not None else "",
    ]
    return {
        **_common(summary, now),
        "percent": text.percent(min(share, 0.994)),
        "elapsed": text.span(elapsed),
        "left": text.NOTHING if left is None else f"≈ {text.span(left)}",
        "wrong": ", ".join(flag for flag in flags if flag),
        "wrong_state": "FAILED" if failed else "STALLED",
        "strip": strip(summary, now),
    }


def failed_row(summary: Json, now: int) -> Json:
    """A run that failed: the step, its last error line, and a link to the moment."""
    failing = summary.get("failing") or {}
    error = summary.get("error") or {}
    taken = seconds(summary.get("started"), text.micros(summary.get("finished")))
    moment = text.micros(summary.get("finished"))
    named = ": ".join(part for part in (error.get("type"), error.get("message")) if part)
    line = failing.get("line") or ""
    # a traceback's point is its last line, and a summary may have cut that off: then the run's own error says it
    said = named or line.rstrip().rpartition("\n")[2] if line.startswith("Traceback") else line or named
    common = _common(summary, now)
    return {
        **common,
        "step": text.step_name(failing["step"]) if failing.get("step") else "",
        "message": text.name(said or "no error was said"),
        "where": ", ".join(
            [*common["where"], text.day(text.micros(summary.get("finished")), now), f"after {text.span(taken)}"]
        ),
        "moment": f"{common['href']}?at={text.iso(moment)}" if moment else common["href"],
    }


def ended_row(summary: Json, now: int) -> Json:
    """One row of the table of runs."""
    taken = seconds(summary.get("started"), text.micros(summary.get("finished")) or now)
    recent = (summary.get("recent") or [])[-18:]
    missing = summary.get("missing") or 0
    return {
        **_common(summary, now),
        "started": text.day(text.micros(summary.get("started")), now),
        "took": text.span(taken),
        "recent": bars(recent, 4, 3, 14),
        "events": f"{text.count(missing)} missing" if missing else text.count(summary.get("events")),
        "missing": missing,
        "artifacts": text.count(summary.get("artifacts") or 0),
        "owner": text.name(summary.get("owner") or ""),
    }


def experiment_row(one: Json) -> Json:
    """One experiment in the margin: its name, its last runs as bars, how many runs it has."""
    return {
        "name": text.name(one.get("name") or ""),
        "raw": one.get("name") or "",
        "recent": bars((one.get("recent") or [])[-24:], 3, 2, 12),
        "runs": text.count(one.get("runs")),
    }


def silence(summary: Json, now: int) -> float | None:
    """Seconds since a stalled run was last heard; None where it has not stalled: lists derive that, by its `stalls`."""
    stalls = text.micros(summary.get("stalls"))
    if stalls is None or now < stalls:
        return None
    return seconds(summary.get("heard"), now) or (now - stalls) / text.MICRO


def strip(summary: Json, now: int) -> list[tuple[str, str]]:
    """A small Gantt: for each state one SVG path in a box of `STRIP_WIDTH` x `STRIP_HEIGHT`, then the edge at now."""
    start = text.micros(summary.get("started"))
    if start is None:
        return []
    end = max(text.micros(summary.get("eta")) or now, now, start + 1)
    given = [one for one in summary.get("bars") or [] if text.micros(one.get("started")) is not None]
    given = [one for one in given if "/" not in one["step"]] or given
    given.sort(key=lambda one: text.micros(one["started"]) or 0)
    row = STRIP_HEIGHT / max(5, len(given))
    scale = STRIP_WIDTH / (end - start)
    paths: dict[str, str] = {}
    for index, one in enumerate(given):
        left = ((text.micros(one["started"]) or start) - start) * scale
        right = max(left + 1.5, ((text.micros(one.get("finished")) or now) - start) * scale)
        top = index * row
        state = one.get("state") or "RUNNING"
        paths[state] = paths.get(state, "") + f"M{left:.1f} {top:.1f}H{right:.1f}v{max(1.5, row - 1):.1f}H{left:.1f}z"
    return [*paths.items(), ("edge", f"M{(now - start) * scale:.1f} 0v{STRIP_HEIGHT}")]


def bars(recent: list[Json], pitch: int, width: int, height: int) -> list[tuple[str, str]]:
    """The last runs as bars: the height is the duration, a failed one has full height; one SVG path a state."""
    longest = max((one.get("duration") or 0 for one in recent), default=0) or 1
    paths: dict[str, str] = {}
    for index, one in enumerate(recent):
        state = one.get("state") or "PENDING"
        share = 1.0 if state == "FAILED" else 0.25 + 0.6 * (one.get("duration") or 0) / longest
        top, x = height * (1 - share), index * pitch
        paths[state] = paths.get(state, "") + f"M{x} {height}h{width}V{top:.1f}h-{width}z"
    return list(paths.items())


def headline(running: list[Json], failed: list[Json], answer: Json) -> Json:
    """The counts at the top of home."""
    today = answer.get("today") or {}
    return {
        "running": len(running),
        "failed": today.get("FAILED", len(failed)),
        "succeeded": today.get("SUCCEEDED"),
    }


def _common(summary: Json, now: int) -> Json:
    run, state = summary["id"], summary.get("state") or "PENDING"
    return {
        "id": run,
        "short": ids.short(run),
        "href": f"/runs/{run}",
        "pipeline": text.name(summary.get("pipeline") or "run"),
        "experiment": text.name(summary.get("experiment") or ""),
        "state": state,
        "ended": state in ENDED,
        "where": [text.name(one) for one in (summary.get("experiment"), summary.get("owner")) if one],
        "since": text.clock(text.micros(summary.get("started"))),
    }
