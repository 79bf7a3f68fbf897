"""What the template of home shows beside the list: what runs, what failed, the experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from runreel import traces
from runreel_server.graph.eta import MOST
from runreel_server.pages import list_page, text
from runreel_server.pages.done import share_done, unplanned, wanted, way
from runreel_server.pages.readings import outermost, seconds, seconds_left, step_readings

Json = dict[str, Any]

STRIP_WIDTH, STRIP_HEIGHT = 360, 30

_ROUND = (10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400)
FAILED_SHOWN = 5
"""Failures that home shows at a time; the browser shows the first ones that its reader has not seen."""


def running_rows(summaries: Sequence[Json], now: int) -> list[Json]:
    """The rows of the runs that are under way: wrong ones first, then the newest."""
    rows = [running_row(one, now) for one in sorted(summaries, key=lambda one: str(one["id"]), reverse=True)]
    return sorted(rows, key=lambda row: not row["wrong"])


def running_row(summary: Json, now: int) -> Json:
    """A run that is under way: how far, how long, what is wrong, and its Gantt to the expected end."""
    more = unplanned(summary)
    if more:  # when what is known of it ends is not when it ends
        summary = {**summary, "eta": None}
    elapsed, left = seconds(summary.get("started"), now), seconds_left(summary.get("eta"), now)
    median = summary.get("median")
    failed = (summary.get("steps") or {}).get("FAILED") or 0
    silent = silence(summary, now)
    flags = [
        f"{text.plural(failed, 'step')} failed" if failed else "",
        f"stalled, silent {text.span(silent)}" if silent is not None else "",
    ]
    return {
        **list_page.common(summary, now),
        "percent": text.NOTHING if more else text.percent(_share(summary, elapsed, left, now)),
        "elapsed": text.span(elapsed),
        "started": summary.get("started") or "",
        "left": text.NOTHING if left is None else text.guess(left),
        "eta": summary.get("eta") or "",
        "left_note": "left" if left is not None else f"took {text.span(median)} before" if median else "no earlier run",
        "wrong": ", ".join(flag for flag in flags if flag),
        "wrong_state": "FAILED" if failed else "STALLED",
        "strip": strip(summary, now),
    }


def _share(summary: Json, elapsed: float | None, left: float | None, now: int) -> float:
    """What the run's own page says is done, as far as a summary has it: steps' own progress it has not."""
    counts, bars = summary.get("steps") or {}, summary.get("bars") or []
    total = counts.get("total") or 0
    if total > len(bars):
        good = sum(counts.get(state) or 0 for state in ("SUCCEEDED", "CACHED"))
        passed = elapsed / (elapsed + left) if elapsed and left is not None else 1.0
        return min(MOST, passed, good / total)
    steps = {one["step"]: one for one in bars}
    readings = step_readings({"steps": steps}, now)
    pieces = way(steps, wanted(steps, outermost(steps)), readings, now, left=left, elapsed=elapsed)
    return share_done("RUNNING", pieces)


def failed_row(summary: Json, now: int) -> Json:
    """A run that failed: the step, its last error line, and a link to the moment."""
    failing = summary.get("failing") or {}
    error = summary.get("error") or {}
    taken = seconds(summary.get("started"), text.micros(summary.get("finished")))
    moment = text.micros(failing.get("finished") or summary.get("finished"))
    named = ": ".join(part for part in (error.get("type"), (error.get("message") or "").partition("\n")[0]) if part)
    line = failing.get("line") or ""
    # a summary may have cut off a traceback's point: then the run's own error says it
    said = named or traces.point(line) if traces.begins(line) else line or named
    shown = list_page.common(summary, now)
    href = shown["href"]
    return {
        **shown,
        "step": text.step_name(failing["step"]) if failing.get("step") else "",
        "message": text.param(said or "no error was said"),
        "when": list_page.moment(summary.get("finished"), now),
        "after": f"after {text.span(taken)}",
        "moment": f"{href}?at={text.iso(moment)}" if moment else href,
    }


def experiment_row(one: Json) -> Json:
    """One experiment in the margin: its name, its last runs as bars, how many runs it has."""
    name = one.get("name") or ""
    return {
        "name": text.name(name),
        "href": f"/runs?{urlencode({'experiment': name})}" if text.fits(name) else None,
        "recent": list_page.bars((one.get("recent") or [])[-24:], 3, 2, 12),
        "says": list_page.told((one.get("recent") or [])[-24:]),
        "runs": text.count(one.get("runs")),
    }


def silence(summary: Json, now: int) -> float | None:
    """Seconds since a stalled run was last heard; None where it has not stalled: lists derive that, by its `stalls`."""
    stalls = text.micros(summary.get("stalls"))
    if stalls is None or now < stalls:
        return None
    return seconds(summary.get("heard"), now) or (now - stalls) / text.MICRO


def strip(summary: Json, now: int) -> list[tuple[str, str]]:
    """A small Gantt: for each state one SVG path in a box of `STRIP_WIDTH` x `STRIP_HEIGHT`, then the edge at now.

    It goes to the expected end. A run that takes longer than the ones before it has a mark, `usual`, where those ended;
    one that has none before it leaves room to grow, up to a round span, so that its bars do not shrink at every draw.
    """
    start = text.micros(summary.get("started"))
    if start is None:
        return []
    usual = start + round(summary["median"] * text.MICRO) if summary.get("median") else None
    end = max(text.micros(summary.get("eta")) or now, now, start + 1)
    if usual is None and end <= max(now, start + 1):
        end = start + _round_span((now - start) / text.MICRO) * text.MICRO
    given = [one for one in summary.get("bars") or [] if text.micros(one.get("started")) is not None]
    given = [one for one in given if "/" not in one["step"]] or given
    given.sort(key=lambda one: text.micros(one["started"]) or 0)
    row = STRIP_HEIGHT / max(5, len(given))
    scale = STRIP_WIDTH / (end - start)
    stalled = silence(summary, now) is not None
    paths: dict[str, str] = {}
    for index, one in enumerate(given):
        left = ((text.micros(one["started"]) or start) - start) * scale
        right = max(left + 1.5, ((text.micros(one.get("finished")) or now) - start) * scale)
        top = index * row
        state = one.get("state") or "RUNNING"
        state = "STALLED" if stalled and state == "RUNNING" else state
        paths[state] = paths.get(state, "") + f"M{left:.1f} {top:.1f}H{right:.1f}v{max(1.5, row - 1):.1f}H{left:.1f}z"
    marks = {"usual": usual if usual is not None and usual < now else None, "edge": now}
    lines = {name: f"M{(at - start) * scale:.1f} 0v{STRIP_HEIGHT}" for name, at in marks.items() if at is not None}
    return [*paths.items(), *lines.items()]


def _round_span(elapsed: float) -> int:
    """The least round span, in seconds, that is longer than what has passed."""
    day = _ROUND[-1]
    return next((span for span in _ROUND if span > elapsed), day * (int(elapsed / day) + 1))


def headline(running: int, today: Json) -> Json:
    """The counts at the top of home."""
    return {
        "running": running,
        "runs": text.count(running),
        "failed": today.get("FAILED") or 0,
        "succeeded": today.get("SUCCEEDED") or 0,
    }
