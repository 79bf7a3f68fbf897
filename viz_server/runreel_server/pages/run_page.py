"""What the run page's template shows, from a run's state and its laid-out graph."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from runreel import ids
from runreel_server.pages import text
from runreel_server.pages.nodes import by_start, by_state, edge_path, edge_state, node_readings, standing
from runreel_server.pages.readings import ENDED, head_reading, step_readings

Json = dict[str, Any]

TALL = 60  # pixels: so high a node has room for its counts
SHORTEST = 0.01  # seconds that the timeline's width stands for, at least
LANES = 60  # rows that the server renders; the modules keep those that are in view
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
    head = head_reading(shown, readings, moment, past=at is not None)
    of_nodes = node_readings(graph, shown, moment)
    laid = {one["id"]: one for one in graph.get("nodes") or ()}
    start = text.micros(present.get("started")) or moment
    end = (text.micros(present.get("finished")) if ended else None) or max(now, start)
    run = present.get("id") or ""
    return {
        "run": {
            "id": run,
            "short": ids.short(run),
            "href": f"/runs/{run}",
            "pipeline": present.get("pipeline") or "",
            "about": about(present),
            "ended": ended,
        },
        "at": at,
        "crumbs": [
            (present.get("workspace") or "default", "/"),
            *(
                [(present["experiment"], f"/runs?experiment={quote(present['experiment'])}")]
                if present.get("experiment")
                else []
            ),
            (present.get("pipeline") or ids.short(run), None),
        ],
        "head": head,
        "params": [(text.name(key), text.param(given)) for key, given in (shown.get("params") or {}).items()],
        "way": way(graph, present, of_nodes),
        "graph": {
            "width": graph.get("width", 0),
            "height": graph.get("height", 0),
            "edges": [edge(one, of_nodes) for one in graph.get("edges") or ()],
        },
        "nodes": [node(one, of_nodes[name]) for name, one in laid.items()],
        "lanes": [lane(one, present, of_nodes, start, end) for one in by_start(graph, present)[:LANES]],
        "charts": charts(shown),
        "artifacts": artifacts(shown),
        "span": transport(start, end, at, ended),
    }


def about(state: Json) -> str:
    """ "started 09:04:05 by etl on etl-02, commit 4f1c2ad": what is known of it."""
    environment = state.get("environment") or {}
    owner = state.get("owner") or environment.get("user")
    parts = [
        f"started {text.clock(text.micros(state['started']))}" if state.get("started") else "not started",
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


def way(graph: Json, present: Json, readings: dict[str, Json]) -> list[Json]:
    """The nodes as one line, each as wide as the time that it took or is expected to take."""
    shown = []
    for laid in by_state(graph, present, readings):
        reading = readings[laid["id"]]
        if reading["state"] == "SKIPPED":
            continue
        step, _ = standing(laid, present.get("steps") or {})
        begun, ended = text.micros(step.get("started")), text.micros(step.get("finished"))
        taken = (ended - begun) / text.MICRO if begun is not None and ended is not None else step.get("expected")
        share = reading["share"] or 0.0 if reading["state"] in {"RUNNING", "STALLED"} else 1.0
        shown.append(
            {"path": laid["id"], "label": label(laid), "state": reading["state"], "weight": taken, "share": share}
        )
    known = [one["weight"] for one in shown if one["weight"]]
    usual = sum(known) / len(known) if known else 1.0
    for one in shown:
        one["weight"] = round(max(one["weight"] if one["weight"] is not None else usual, usual / 50), 1)
        one["percent"] = round(one["share"] * 100, 1)
    return shown


def label(laid: Json) -> str:
    """A node's name as people read it."""
    return text.name(laid.get("label") or text.step_name(laid["path"].rpartition("/")[2]))


def node(laid: Json, reading: Json) -> Json:
    """A node of the graph with what is known of its step."""
    return {
        **{key: laid[key] for key in ("x", "y", "w", "h")},
        "path": laid["id"],
        "label": label(laid),
        "tall": laid["h"] >= TALL,
        "percent": round((reading["share"] or 0.0) * 100, 1),
        **{key: reading[key] for key in ("state", "read", "note", "left")},
    }


def edge(laid: Json, readings: dict[str, Json]) -> Json:
    """An edge of the graph as an SVG path."""
    return {
        "from": laid["from"],
        "to": laid["to"],
        "state": edge_state(laid, readings),
        "d": edge_path(laid["points"]),
    }


def lane(laid: Json, present: Json, readings: dict[str, Json], start: int, end: int) -> Json:
    """One row of the timeline; `s` and `e` are seconds since the run's start."""
    step, _ = standing(laid, present.get("steps") or {})
    reading = readings[laid["id"]]
    bars = []
    for attempt in step.get("attempts") or [step]:
        begun = text.micros(attempt.get("started"))
        if begun is not None:
            stop = text.micros(attempt.get("finished")) or end
            state = attempt.get("state") or "RUNNING"
            bars.append({"state": state, "s": _since(begun, start), "e": _since(stop, start)})
    read = " · ".join(part for part in (reading["read"], reading["left"]) if part)
    return {"path": laid["id"], "label": label(laid), "state": reading["state"], "read": read, "bars": bars}


def charts(state: Json) -> list[Json]:
    """The small multiples, without their lines: the modules draw those. What runs comes first, then what began last."""
    shown = []
    for path, series in (state.get("series") or {}).items():
        step = (state.get("steps") or {}).get(path) or state
        going, begun = step.get("state") in {"RUNNING", "STALLED"}, text.micros(step.get("started")) or 0
        for name, one in series.items():
            label = (f"{text.step_name(path)}/" if path else "") + text.name(name)
            last = text.value(one.get("last"))
            says = f"{label}: last {last}, lowest {text.value(one.get('min'))}, highest {text.value(one.get('max'))}"
            chart = {
                "key": f"{path}:{name}",
                "label": label,
                "last": last,
                "says": says,
                "state": step.get("state") or "PENDING",
            }
            shown.append(((not going, -begun), chart))
    return [chart for _, chart in sorted(shown, key=lambda placed: placed[0])]


def artifacts(state: Json) -> list[Json]:
    """The outputs, newest first."""
    outputs = [one for one in (state.get("artifacts") or {}).values() if one.get("role") != "input"]
    order = sorted(range(len(outputs)), key=lambda i: (text.micros(outputs[i].get("created")) or 0, i), reverse=True)
    return [artifact(outputs[index]) for index in order]


def artifact(given: Json) -> Json:
    """An artifact in the list: `card` ones have a picture, the others a row."""
    kind = given.get("type") or "Artifact"
    parts = [text.name(_SHORT.get(kind, kind)), text.size(given["size"]) if given.get("size") is not None else ""]
    parts.append({"failed": "failed", "incomplete": "incomplete"}.get(given.get("state") or "", ""))
    if given.get("version"):
        parts.append(f"v{given['version']}")
    return {
        "id": given["id"],
        "name": text.name(given.get("name") or given["id"]),
        "type": kind,
        "icon": _ICONS.get(kind, "Dataset"),
        "card": kind in _CARDS,
        "says": " · ".join(part for part in parts if part),
    }


def transport(start: int, end: int, at: int | None, ended: bool) -> Json:
    """The player's read-outs."""
    moment = end if at is None else min(max(at, start), end)
    clock = text.clock(moment)
    seconds = max(SHORTEST, _since(end, start))
    return {
        "seconds": seconds,
        "t": seconds if ended and moment >= end else _since(moment, start),
        "clock": clock,
        "offset": text.span((moment - start) / text.MICRO),
        "ago": text.span((end - moment) / text.MICRO),
        "mode": ("Back to the end" if ended else "Back to live") if at is not None else ("Ended" if ended else "Live"),
        "flag": clock if at is not None or ended else "LIVE",
    }


def _since(time: int, start: int) -> float:
    return round((time - start) / text.MICRO, 3)
