"""What the run page's template shows, from a run's state and its laid-out graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from runreel import ids
from runreel_server.pages import text
from runreel_server.pages.done import STOPPED
from runreel_server.pages.nodes import (
    Tasks,
    by_start,
    columns,
    edge_path,
    edge_state,
    lane_says,
    node_readings,
    standing,
)
from runreel_server.pages.readings import ENDED, head_reading, step_readings

Json = dict[str, Any]

TALL = 60  # pixels: so high a node has room for its counts
SHORTEST = 0.01  # seconds that the timeline's width stands for, at least
LANES = 60  # rows that the server renders; the modules keep those that are in view
TAGS, PARAMS = 4, 5  # that the head shows
CHARTS = 48  # charts that the server renders, as `charts.js` keeps at first; the modules add more near the end
COMING = "on its way"
_ICONS = {
    "HTML": "HTML",
    "Metrics": "Metrics",
    "ClassificationMetrics": "Matrix",
    "SlicedClassificationMetrics": "Matrix",
    "Image": "Image",
    "Plotly": "Metrics",
    "Markdown": "Markdown",
    "Model": "Model",
}
_SHORT = {"ClassificationMetrics": "Classification", "SlicedClassificationMetrics": "Classification"}
_CARDS = frozenset(_ICONS) - {"Model"} | {"Table"}


def run_context(present: Json, shown: Json, graph: Json, at: int | None, now: int) -> Json:
    """The template's variables.

    Args:
        present: the run's state now.
        shown: its state at the moment that is looked at; `present` itself where that is now.
        graph: the laid-out graph.
        at: that moment in microseconds, or None for now.
        now: the present, in microseconds.
    """
    moment = at if at is not None else now
    ended = present.get("state") in ENDED
    readings = step_readings(shown, moment)
    head = head_reading(shown, readings, moment, past=at is not None, today=now)
    live = head if at is None else head_reading(present, step_readings(present, now), now)
    of_nodes = node_readings(graph, shown, moment)
    laid = {one["id"]: one for one in graph.get("nodes") or ()}
    start = text.micros(present.get("started")) or moment
    end = (text.micros(present.get("finished")) if ended else None) or max(now, start)
    run = present.get("id") or ""
    then = f"?at={text.iso(at)}" if at is not None else ""
    known, tasks = (Tasks(state.get("steps") or {}) for state in (present, shown))
    return {
        "run": {
            "id": run,
            "short": ids.short(run),
            "href": f"/runs/{run}",
            "pipeline": present.get("pipeline") or "",
            "about": about(shown, lambda time: text.moment(time, now)),
            "about_utc": about(shown, text.utc),
            "ended": ended,
        },
        "at": at,
        "crumbs": [
            (present.get("workspace") or "default", "/"),
            *(
                [(group, f"/runs?experiment={quote(group)}" if text.fits(group) else None)]
                if (group := present.get("experiment"))
                else []
            ),
            (present.get("pipeline") or ids.short(run), None),
        ],
        "head": head,
        "leads": f"/artifacts/{broken}{then}" if (broken := head["wrong"].get("artifact")) else "",
        "title": f"{live['tab']} · {text.name(present.get('pipeline') or 'run')}",
        "tab_icon": f"icon/{live['icon']}.svg",
        "facts": facts(shown),
        "way": way(head["way"]),
        "graph": {
            "width": graph.get("width", 0),
            "height": graph.get("height", 0),
            "edges": [edge(one, of_nodes) for one in graph.get("edges") or ()],
        },
        "nodes": [node(one, of_nodes[name]) for name, one in laid.items()],
        "lanes": [lane(one, known, tasks, of_nodes, start, end) for one in by_start(graph, present)[:LANES]],
        "charts": charts(shown),
        "series": sum(map(len, (shown.get("series") or {}).values())),
        "artifacts": artifacts(shown, at),
        "span": transport(start, end, at, ended, now),
    }


def about(state: Json, when: Callable[[int | None], str]) -> str:
    """ "started 09:04:05 by etl on etl-02, commit 4f1c2ad": what is known of it; `when` says the time."""
    environment = state.get("environment") or {}
    owner = state.get("owner") or environment.get("user")
    parts = [
        f"started {when(text.micros(state['started']))}" if state.get("started") else "not started",
        f"by {text.name(owner)}" if owner else "",
        f"on {text.name(environment['host'])}" if environment.get("host") else "",
    ]
    said = " ".join(part for part in parts if part)
    commit = environment.get("commit")
    origin = (state.get("origin") or {}).get("run")
    return (
        said
        + (f", commit {text.name(commit)[:7]}" if commit else "")
        + (f", replay of {ids.short(origin)}" if origin else "")
    )


def facts(state: Json) -> Json:
    """The first tags and parameters for the head, as pairs of texts."""
    tags, params = state.get("tags") or {}, state.get("params") or {}
    shown = {"tags": list(tags.items())[:TAGS], "params": list(params.items())[:PARAMS]}
    return {kind: [(text.name(key), text.param(given)) for key, given in pairs] for kind, pairs in shown.items()}


def way(pieces: list[Json]) -> list[Json]:
    """The head's `way` as it is drawn: each as wide as its weight, and filled as far as it is done, or failed."""
    return [
        {
            **one,
            "path": text.key(one["path"]),
            "weight": round(one["weight"], 6),
            "percent": 100.0 if one["state"] in STOPPED else round(one["share"] * 100, 1),
        }
        for one in columns(pieces)
    ]


def label(laid: Json) -> str:
    """A node's name as people read it."""
    return text.name(laid.get("label") or text.step_name(laid["path"].rpartition("/")[2]))


def short_labels(graph: Json) -> Json:
    """The graph with no more of each node's label than is shown: the rest stands in its path."""
    nodes = [{**one, "label": one["label"][: text.LONGEST + 1]} for one in graph.get("nodes") or ()]
    return {**graph, "nodes": nodes}


def node(laid: Json, reading: Json) -> Json:
    """A node of the graph with what is known of its step."""
    return {
        **{key: laid[key] for key in ("x", "y", "w", "h")},
        "path": text.key(laid["id"]),
        "label": label(laid),
        "tall": laid["h"] >= TALL,
        "opens": bool(laid.get("folded")),
        "percent": round((reading["share"] or 0.0) * 100, 1),
        **{key: reading[key] for key in ("state", "read", "note", "left")},
    }


def edge(laid: Json, readings: dict[str, Json]) -> Json:
    """An edge of the graph as an SVG path."""
    return {
        "from": text.key(laid["from"]),
        "to": text.key(laid["to"]),
        "state": edge_state(laid, readings),
        "d": edge_path(laid["points"]),
    }


def lane(laid: Json, known: Tasks, then: Tasks, readings: dict[str, Json], start: int, end: int) -> Json:
    """One row of the timeline; `s` and `e` are seconds since the run's start. Of a step of tasks it has the extent, as
    the ground on which the modules draw these.

    Args:
        laid: the node of the graph.
        known: the tasks as they are now, which have the bars.
        then: as they were at the moment that is looked at, which is what the lane says.
        readings: of the nodes at that moment.
        start: of the run, in microseconds.
        end: where what goes on ends.
    """
    step, tasks = standing(laid, known)
    reading = readings[laid["id"]]
    bars = []
    for attempt in step.get("attempts") or [step]:
        begun = text.micros(attempt.get("started"))
        if begun is not None:
            stop = text.micros(attempt.get("finished")) or end
            state = attempt.get("state") or "RUNNING"
            bars.append({"state": state, "s": _since(begun, start), "e": _since(stop, start)})
    read = " · ".join(part for part in (reading["read"], reading["left"]) if part)
    return {
        "path": text.key(laid["id"]),
        "label": label(laid),
        "state": reading["state"],
        "read": read,
        "says": lane_says(standing(laid, then)[0], reading),
        "bars": bars,
        "ground": bool(tasks),
    }


def charts(state: Json) -> list[Json]:
    """The first small multiples, without their lines: the modules draw those. What runs comes first, then what began
    last."""
    found: list[tuple[tuple[bool, int], str, str, Json, Json]] = []
    for path, series in (state.get("series") or {}).items():
        step = (state.get("steps") or {}).get(path) or state
        going, begun = step.get("state") in {"RUNNING", "STALLED"}, text.micros(step.get("started")) or 0
        found.extend(((not going, -begun), path, name, one, step) for name, one in series.items())
    found.sort(key=lambda placed: placed[0])
    return [chart(path, name, one, step) for _, path, name, one, step in found[:CHARTS]]


def chart(path: str, name: str, series: Json, step: Json) -> Json:
    """One of them."""
    label = (f"{text.step_name(path)}/" if path else "") + text.name(name)
    last = text.value(series.get("last"))
    says = f"{label}: last {last}, lowest {text.value(series.get('min'))}, highest {text.value(series.get('max'))}"
    state = step.get("state") or "PENDING"
    return {"key": text.key(f"{path}:{name}"), "label": label, "last": last, "says": says, "state": state}


def artifacts(state: Json, at: int | None) -> list[Json]:
    """The outputs, newest first."""
    outputs = list((state.get("artifacts") or {}).values())
    order = sorted(range(len(outputs)), key=lambda i: (text.micros(outputs[i].get("created")) or 0, i), reverse=True)
    over = state.get("state") in ENDED
    return [artifact(outputs[index], over=over, at=at) for index in order]


def artifact(given: Json, *, over: bool = True, at: int | None = None) -> Json:
    """An artifact in the list: `card` ones have a picture, the others a row.

    Args:
        given: as in the state.
        over: whether its run has ended.
        at: the moment that is looked at in microseconds, or None for now.
    """
    kind = given.get("type") or "Artifact"
    created = text.micros(given.get("created"))
    parts = [text.name(_SHORT.get(kind, kind)), text.size_of(given)]
    parts += [f"v{given['version']}" if given.get("version") else ""]
    why = fault(given, over=over)
    return {
        "id": given["id"],
        "name": text.name(given.get("name") or given["id"]),
        "type": text.name(kind),
        "icon": _ICONS.get(kind, "Dataset"),
        "card": kind in _CARDS,
        "says": " · ".join(part for part in parts if part),
        "when": "" if created is None else text.clock(created),
        "why": why,
        "state": "STALLED" if why and why != COMING else None,
        "href": f"/artifacts/{given['id']}" + (f"?at={text.iso(at)}" if at is not None else ""),
        "content": f"/api/v1/artifacts/{given['id']}/content",
        "gets": bool(given.get("size") and given.get("sha256")) and (not why or given.get("state") == "incomplete"),
    }


def fault(given: Json, *, over: bool) -> str:
    """Why an artifact is not there, or not all of it; empty where it is."""
    state, reason = given.get("state"), text.param(given.get("reason") or "")
    if state in {"failed", "incomplete"}:
        return f"{state}: {reason}" if reason else str(state)
    return ("missing: its bytes have not come" if over else COMING) if state == "pending" else ""


def transport(start: int, end: int, at: int | None, ended: bool, today: int) -> Json:
    """The player's read-outs."""
    moment = end if at is None else min(at, end)
    clock = text.clock(moment)
    seconds = max(SHORTEST, _since(end, start))
    return {
        "seconds": seconds,
        "t": seconds if ended and moment >= end else max(0.0, _since(moment, start)),
        "clock": clock,
        "moment": text.moment(moment, today),
        "utc": text.utc(moment),
        "offset": text.span(max(0, moment - start) / text.MICRO),
        "ago": ago(moment, start, end, ended),
        "mode": ("Back to the end" if ended else "Back to live") if at is not None else ("Ended" if ended else "Live"),
        "flag": clock if at is not None or ended else "LIVE",
    }


def ago(moment: int, start: int, end: int, ended: bool) -> str:
    """Where a moment lies in the time of its run, in words."""
    if moment < start:
        return "before its start"
    edge = "the end" if ended else "now"
    return edge if moment >= end else f"{text.span((end - moment) / text.MICRO)} before {edge}"


def _since(time: int, start: int) -> float:
    return round((time - start) / text.MICRO, 3)
