"""What the artifact page's template shows."""

from __future__ import annotations

from typing import Any

from runreel import ids
from runreel_server.pages import text
from runreel_server.pages.run_page import artifact as listed

Json = dict[str, Any]

DEEPEST = 5  # indents that leave room for a name
NEAR = 6  # lines of the lineage shown at once on either side of the artifact


def artifact_context(given: Json, shown: Json, now: int) -> Json:
    """The template's variables, from an artifact and its preview."""
    run = given.get("run") or ""
    created = text.micros(given.get("created"))
    size = given.get("size")
    return {
        "artifact": {
            **listed(given),
            "content": f"/api/v1/artifacts/{given['id']}/content",
            "says": ", ".join(_says(given, shown)),
            "size": text.size(size) if size is not None else "",
            "step": text.step_name(given["step"]) if given.get("step") else "",
            "clock": text.clock(created),
            "moment": f"/runs/{run}?at={text.iso(created)}" if run and created is not None else None,
            "incomplete": given.get("state") in {"incomplete", "pending"} and given.get("by") != "reference",
        },
        "facts": facts(given),
        "metadata": [(text.name(key), text.param(one)) for key, one in (given.get("metadata") or {}).items()][:200],
        **folded([lineage(one, given["id"]) for one in given.get("lineage") or ()]),
        "versions": [
            {
                "href": f"/artifacts/{one['id']}",
                "version": f"v{one.get('version')}",
                "created": text.day(text.micros(one.get("created")), now),
                "size": text.size(one["size"]) if one.get("size") is not None else text.NOTHING,
                "current": one["id"] == given["id"],
            }
            for one in given.get("versions") or ()
        ],
        "shown": shown,
        "columns": [column(one) for one in shown.get("columns") or ()],
        "rows_said": rows_said(shown),
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
            f"{text.size(size)}, {text.count(size)} B" if size is not None and size >= 1000 else text.size(size),
            False,
        ),
        ("sha256", f"{sha[:8]}…{sha[-4:]}" if sha else "", True),
        ("State", "" if given.get("state") in {None, "stored"} else text.name(given["state"]), False),
        ("Reason", text.name(given.get("reason") or ""), False),
        ("Stored", text.name(given.get("uri") or ""), True),
    ]
    return [one for one in said if one[1] and one[1] != text.NOTHING]


def folded(lines: list[Json]) -> Json:
    """The lineage near the artifact as `lineage`, what is farther above and below it as `above` and `below`."""
    place = next((number for number, line in enumerate(lines) if line["current"]), 0)
    first, last = max(0, place - NEAR), place + NEAR + 1
    parts = {"above": lines[:first], "lineage": lines[first:last], "below": lines[last:]}
    return {name: _outdented(part) for name, part in parts.items()}


def _outdented(lines: list[Json]) -> list[Json]:
    """The same lines, none of them deeper than leaves room for its name."""
    beyond = max((line["depth"] for line in lines), default=0) - DEEPEST
    return [{**line, "depth": max(0, line["depth"] - max(0, beyond))} for line in lines]


def lineage(one: Json, current: str) -> Json:
    """One line of the lineage."""
    if one.get("kind") == "step":
        state = one.get("state") or "PENDING"
        return {
            "depth": one.get("depth", 0),
            "icon": state,
            "state": state,
            "name": text.step_name(one.get("path") or one.get("name") or ""),
            "href": None,
            "read": "not yet" if state == "PENDING" else text.span(one.get("duration")),
            "current": False,
        }
    return {
        "depth": one.get("depth", 0),
        "icon": listed({"id": one["id"], **one})["icon"],
        "state": None,
        "name": text.name(one.get("name") or one["id"]),
        "href": f"/artifacts/{one['id']}",
        "read": text.size(one["size"]) if one.get("size") is not None else "",
        "current": one["id"] == current,
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
        "says": f"{one.get('type')}{share}",
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
    elif given.get("size") is not None:
        parts.append(text.size(given["size"]))
    if given.get("version"):
        parts.append(f"v{given['version']}")
    return parts


def _share(share: float) -> str:
    return f"{100 * share:.1f}".rstrip("0").rstrip(".") + " %"
