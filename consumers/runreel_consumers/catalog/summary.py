"""A run's bounded summary: the same size whatever the run's."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any, Final

from runreel import traces
from runreel.codec import iso
from runreel.state import rules
from runreel_consumers.catalog.live import Live

MOST_BARS: Final = 40
MOST_METRICS: Final = 50
MOST_VALUES: Final = 50
MOST_LINKS: Final = 50
LONGEST: Final = 500
"""Bounds: bars of steps, last values of metrics, params or tags, links to other runs, characters of a text."""

_LOOKED_AT: Final = 2_000  # outputs, for those that lie elsewhere

_FAILED: Final = ("FAILED",)
_PASSED_ON: Final = (
    "id", "pipeline", "workspace", "experiment", "owner", "state", "started", "finished", "origin", "events",
    "complete", "planned",
)  # fmt: skip


def summary(live: Live) -> dict[str, Any]:
    """What lists show of a run, in the names of the surface; a function of its events alone.

    `stalls` is when it counts as STALLED if nothing more is heard: lists derive that, because it needs a clock.
    `steps` counts by state, `bars` are at most 40 steps, `metrics` the last values of at most 50 series,
    `failing` the step that failed first, with its last error line and when it ended. `links` lead to other runs:
    `uses`, [id or uri, step] of what no step of this run has made; `refers`, [uri, artifact] of what lies elsewhere.
    """
    view = live.view()
    bars = sorted(live.briefs.items(), key=_bar_order)[:MOST_BARS]
    return {
        **{name: view[name] for name in _PASSED_ON},
        "error": view["error"] and {"type": view["error"]["type"], "message": view["error"]["message"][:LONGEST]},
        "params": _bounded(view["params"]),
        "tags": _bounded(view["tags"]),
        "steps": {"total": len(live.briefs), **Counter(brief.state for brief in live.briefs.values())},
        "bars": [_bar(live, path) for path, _ in bars],
        "metrics": _metrics(live),
        "failing": _failing(live),
        "artifacts": len(live.state.record.outputs),
        "links": _links(live),
        "sessions": len(live.state.record.sessions),
        "missing": sum(gap["to"] - gap["from"] + 1 for gap in view["missing"]),
        "losses": view["losses"],
        "conflicts": len(view["conflicts"]),
        "heard": iso(live.heard),
        "stalls": _stalls(live, ended=view["finished"] is not None),
        "position": str(live.position),
    }


def _bar(live: Live, path: str) -> dict[str, Any]:
    """A step's bar; with its progress while it goes on and says how much there is to do, with what it needs if skipped:
    that tells whether it was passed over, or came to nothing because another failed."""
    brief = live.briefs[path]
    bar = {"step": path, "state": brief.state, "started": brief.started, "finished": brief.finished}
    step = live.state.view_part(("step", path), tally=live.tally) if brief.state in {"RUNNING", "SKIPPED"} else None
    progress = (step or {}).get("progress") or {}
    if step and brief.state == "SKIPPED":
        return bar | {"parents": step["parents"]}
    return bar | ({"progress": {name: progress[name] for name in ("done", "total")}} if progress.get("total") else {})


def _bar_order(item: tuple[str, Any]) -> tuple[int, str, str]:
    path, brief = item
    return (path.count("/"), brief.started or "~", path)


def _bounded(values: dict[str, Any]) -> dict[str, Any]:
    kept = list(values.items())[:MOST_VALUES]
    return {key[:LONGEST]: value if _small(value) else str(value)[:LONGEST] for key, value in kept}


def _small(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST)


def _metrics(live: Live) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(live.tally.paths()):
        series = live.state.view_part(("series", path), tally=live.tally) or {}
        for name, one in sorted(series.items()):
            if len(found) == MOST_METRICS:
                return found
            found[f"{path}:{name}"] = one["last"]
    return found


def _failing(live: Live) -> dict[str, Any] | None:
    failed = [(brief.finished or "", path) for path, brief in live.briefs.items() if brief.state in _FAILED]
    if not failed:
        return None
    path = min(failed)[1]
    step = live.state.view_part(("step", path), tally=live.tally) or {}
    line = (step.get("lines") or {}).get("error") or live.briefs[path].error or ""
    line = traces.point(line) if traces.begins(line) else line  # it stands near the end, which cutting would take
    return {"step": path, "line": line[:LONGEST], "finished": live.briefs[path].finished}


def _links(live: Live) -> dict[str, list[list[str]]]:
    uses = islice(live.state.index.foreign(), MOST_LINKS)
    outputs = islice(live.state.record.outputs.items(), _LOOKED_AT)
    said = ((key, next(iter(one.said.values()))[2]) for key, one in outputs if one.said)
    refers = ([declared.data.uri, key] for key, declared in said if declared is not None and declared.data.uri)
    return {
        "uses": [[what, path] for what, (_, path) in uses if len(what) <= LONGEST],
        "refers": [one for one in islice(refers, MOST_LINKS) if len(one[0]) <= LONGEST],
    }


def _stalls(live: Live, *, ended: bool) -> str | None:
    """When the run counts as stalled: when the last of the sessions that go on does (`RunState.view` has the rule)."""
    if ended:
        return None
    index, sessions = live.state.index, live.state.record.sessions
    if index.owners:
        going = [sessions[sid] for sid in {index.process(owner)[-1] for owner in index.owners} if sid in sessions]
    else:
        going = [one for one in sessions.values() if not rules.outsider(one) and rules.closed(one) is None]
    moments = [moment for one in going if (moment := rules.stalls(one)) is not None]
    return iso(max(moments)) if moments and len(moments) == len(going) else None
