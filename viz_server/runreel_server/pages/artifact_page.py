"""What the artifact page's template shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from runreel import ids
from runreel_server.pages import list_page, text
from runreel_server.pages.run_page import artifact as listed
from runreel_server.pages.run_page import fault as why_not

Json = dict[str, Any]

DEEPEST = 6  # indents that leave room for a name
NEAR = 6  # lines of the lineage shown at once on either side of the artifact
PART = 12  # lines that are unfolded at once beyond those


def artifact_context(given: Json, shown: Json, now: int, at: int | None = None) -> Json:
    """The template's variables, from an artifact and its preview.

    Args:
        given: as the API answers it.
        shown: what a viewer shows of its bytes.
        now: the present, in microseconds.
        at: the moment that is looked at in microseconds, or None for now.
    """
    run = given.get("run") or ""
    created = text.micros(given.get("created"))
    size, step = given.get("size"), given.get("step") or ""
    address = f"/runs/{run}?" + (f"at={text.iso(at)}&" if at is not None else "")
    return {
        "artifact": {
            **listed(given, at=at),
            "says": ", ".join(_says(given, shown)),
            "size": text.size(size) if size is not None else "",
            "step": text.step_name(step),
            "href_step": f"{address}step={quote(step)}" if text.fits(step) else None,
            "made": list_page.moment(created, now, whole=True),
            "moment": f"/runs/{run}?at={text.iso(created)}" if run and created is not None else None,
            "now": f"/artifacts/{given['id']}",
            "incomplete": fault(given),
        },
        "at": None if at is None else list_page.moment(at, now, whole=True),
        "facts": facts(given),
        "metadata": [(text.name(key), text.param(one)) for key, one in (given.get("metadata") or {}).items()][:200],
        **folded([lineage(one, given["id"], run, at) for one in [*(given.get("lineage") or ()), *elsewhere(given)]]),
        "whole": given.get("whole", True),
        "versions": [
            {
                "href": f"/artifacts/{one['id']}",
                "version": f"v{one.get('version')}",
                "created": list_page.moment(one.get("created"), now),
                "size": text.size(one["size"]) if one.get("size") is not None else text.NOTHING,
                "current": one["id"] == given["id"],
            }
            for one in given.get("versions") or ()
        ],
        "earlier": [
            {
                "href": f"/artifacts/{one['id']}",
                "run": ids.short(one["run"]),
                "created": list_page.moment(one.get("created"), now),
                "size": text.size_of(one) if one.get("state") == "stored" else text.name(one.get("state")),
            }
            for one in given.get("earlier") or ()
        ],
        "shown": shown,
        "columns": [column(one) for one in shown.get("columns") or ()],
        "rows_said": rows_said(shown),
        "entries": [(text.name(one["name"]), text.size(one["size"])) for one in shown.get("entries") or ()],
        "entries_said": entries_said(shown),
        "slices": [classification(one) for one in shown.get("slices") or ()],
        "crumbs": [
            (given.get("workspace") or "default", "/"),
            *([(given["experiment"], None)] if given.get("experiment") else []),
            (f"{given.get('pipeline') or 'run'} {ids.short(run)}", f"/runs/{run}"),
            ("artifact", None),
        ],
    }


def facts(given: Json) -> list[tuple[str, str, bool]]:
    """What is known of the bytes: (label, text, whether it is set in mono)."""
    sha = given.get("sha256") or ""
    size = given.get("size")
    said = [
        ("Type", text.name(given.get("type") or "Artifact"), False),
        (
            "Size",
            f"{text.size_of(given)}, {text.count(size)} B"
            if size is not None and size >= 1000 and given.get("sent") is None
            else text.size_of(given),
            False,
        ),
        ("sha256", f"{sha[:8]}…{sha[-4:]}" if sha else "", True),
        ("State", "" if given.get("state") in {None, "stored"} else text.name(given["state"]), False),
        ("Reason", text.param(given.get("reason") or ""), False),
        ("Stored", text.param(given.get("uri") or ""), True),
    ]
    return [one for one in said if one[1] and one[1] != text.NOTHING]


def folded(lines: list[Json]) -> Json:
    """The lineage as `before` and `after` the artifact, what is near; `above` and `below` what is farther.

    That is in parts, the nearest first: its `lines`, and how many are `left` with it.
    """
    place = next((number for number, line in enumerate(lines) if line["current"]), 0)
    first, last = max(0, place - NEAR), place + NEAR + 1
    above, below = lines[:first], lines[last:]
    return {
        "lineage": lines[place : place + 1],
        "before": lines[first:place],
        "after": lines[place + 1 : last],
        "above": [{"left": end, "lines": above[max(0, end - PART) : end]} for end in range(len(above), 0, -PART)],
        "below": [
            {"left": len(below) - start, "lines": below[start : start + PART]} for start in range(0, len(below), PART)
        ],
    }


def fault(given: Json) -> str:
    """What is said over an artifact that is not whole: what of it there is, and why no more."""
    why = why_not(given, over=(given.get("producer") or {}).get("state") != "RUNNING")
    if not why or given.get("state") == "failed":
        return why
    lost = f", {text.name(given['lost'])} went away" if given.get("lost") else ""
    if given["state"] != "incomplete":
        return f"{why}{lost}"
    return f"{why}{lost}. It ends at {text.size_of(given) or text.NOTHING}, and what is there opens"


def elsewhere(given: Json) -> list[Json]:
    """The steps of other runs that use an artifact, as lines of its lineage."""
    others = [one for one in given.get("consumers") or () if one["run"] != given.get("run")]
    return [{"away": 1, "kind": "step", "path": one["step"] or "", **one} for one in others]


def lineage(one: Json, current: str, run: str, at: int | None = None) -> Json:
    """One line of the lineage of `current`, an artifact of `run`, with where it leads to."""
    other = one.get("run") or run
    moment = f"at={text.iso(at)}&" if at is not None else ""
    of = f"{text.name(one.get('pipeline') or 'run')} {ids.short(other)}" if other != run else ""
    if one.get("kind") == "step":
        state, path = one.get("state") or "PENDING", one.get("path") or ""
        took = "not yet" if state == "PENDING" else text.span(one.get("duration"))
        return {
            "depth": min(DEEPEST, one.get("away", 0)),
            "kind": "step",
            "icon": state,
            "state": state,
            "name": text.step_name(path) or "the run",
            "href": f"/runs/{other}?{moment}step={quote(path)}" if other and text.fits(path) else None,
            "read": of or took,
            "current": False,
        }
    key = one.get("id")
    size = text.size(one["size"]) if one.get("size") is not None else ""
    missing = {"pending": "not there", "elsewhere": "by reference"}.get(one.get("state") or "", one.get("state"))
    return {
        "depth": min(DEEPEST, one.get("away", 0)),
        "kind": "artifact",
        "icon": listed({**one, "id": key or ""})["icon"],
        "state": None,
        "name": text.name(one.get("name") or key),
        "href": f"/artifacts/{key}{'?' + moment[:-1] if moment and not of else ''}" if key else None,
        "read": of or (size if one.get("state") in {None, "stored"} else text.name(missing)),
        "current": key == current,
    }


def column(one: Json) -> Json:
    """The head of a table's column: its name, type and share of nulls, and its histogram as an SVG path."""
    bins = one.get("histogram") or []
    highest = max(bins, default=0) or 1
    pitch = 86 / len(bins) if bins else 0
    wide = max(0.6, pitch - 0.6)
    path = "".join(
        f"M{index * pitch:.1f} 22h{wide:.1f}V{22 * (1 - number / highest):.1f}h-{wide:.1f}z"
        for index, number in enumerate(bins)
    )
    null = one.get("null")
    share = "" if null is None else f", {_share(null)} null"
    distinct = one.get("distinct")
    return {
        "name": text.name(one["name"]),
        "numeric": one.get("numeric"),
        "says": f"{text.name(one.get('type'))}{share}",
        "distinct": f"{text.count(distinct)} distinct" if distinct and not bins else "",
        "hist": path,
    }


def rows_said(shown: Json) -> str:
    """ "rows 1–100 of 336,776"; where the number of rows is not known, so."""
    rows = len(shown.get("rows") or ())
    if shown.get("kind") != "table":
        return ""
    total = shown.get("total")
    of = f" of {text.count(total)}" if total is not None else ", and more"
    return f"rows {text.count(shown['row'] + 1)}–{text.count(shown['row'] + rows)}{of}" if rows else f"no row{of}"


def entries_said(shown: Json) -> str:
    """ "12 files inside"; of many, how many are shown."""
    total, entries = shown.get("total") or 0, len(shown.get("entries") or ())
    inside = f"{text.plural(total, 'file')} inside"
    return inside if total == entries else f"{inside}, the first {text.count(entries)} of them"


def classification(one: Json) -> Json:
    """A confusion matrix as cells with their shade, and a ROC curve as a path in a unit box of 100."""
    confusion = one.get("confusion")
    cells = []
    for row in confusion["rows"] if confusion else ():
        total = sum(row) or 1
        cells.append(
            [
                {"text": text.value(number), "shade": round(100 * number / total), "share": _share(number / total)}
                for number in row
            ]
        )
    roc = one.get("roc") or []
    path = "".join(
        f"{'L' if index else 'M'}{100 * point['x']:.2f} {100 - 100 * point['y']:.2f}" for index, point in enumerate(roc)
    )
    return {
        "name": text.name(one.get("name") or ""),
        "labels": [text.name(label) for label in confusion["labels"]] if confusion else [],
        "cells": cells,
        "roc": path,
        "auc": "" if one.get("auc") is None else f"AUC {one['auc']:.3f}",
    }


def _says(given: Json, shown: Json) -> list[str]:
    parts = [text.name(given.get("type") or "Artifact")]
    if shown.get("kind") == "table" and shown.get("total") is not None:
        parts.append(f"{text.count(shown['total'])} × {len(shown['columns'])}")
    elif said := text.size_of(given):
        parts.append(said)
    if given.get("version"):
        parts.append(f"v{given['version']}")
    return parts


def _share(share: float) -> str:
    return f"{100 * share:.1f}".rstrip("0").rstrip(".") + " %"
