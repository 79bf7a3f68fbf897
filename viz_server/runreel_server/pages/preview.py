"""What an artifact looks like when it is opened, by its type: one JSON-like answer for each kind of viewer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from runreel_server.pages import files
from runreel_server.pages.tables import Open, csv_page, parquet_page

Json = dict[str, Any]

TEXT_LIMIT = 1 << 20  # bytes of text and Markdown that a page shows; it says so where there is more

_TABLES = {"Table", "Dataset"}
_CLASSIFICATION = {"ClassificationMetrics", "SlicedClassificationMetrics"}
_BY_TYPE = {"Image": "image", "HTML": "html", "Markdown": "markdown", "Plotly": "plotly"}
_BY_MEDIA = {
    "text/html": "html",
    "text/markdown": "markdown",
    "application/vnd.plotly.v1+json": "plotly",
    "application/json": "text",
    "application/yaml": "text",
}


def preview(artifact: Mapping[str, Any], open_: Open, row: int = 0, rows: int = 100, profile: bool = False) -> Json:
    """The preview of an artifact.

    Args:
        artifact: its fields, of which `type, name, media_type, metadata, size, state, reason` are used.
        open_: opens its bytes, seekable, for reading; called only by the kinds that need them.
        row: of a table, the first row wanted.
        rows: of a table, how many.
        profile: of a table, with a profile of each column.

    Returns:
        `{"kind": ...}` and what that kind needs: `table` (columns, rows, row, total, sampled), `markdown` and `text`
        (text, size, whole), `classification` (slices), `metrics` (values), `zip` (entries, total); `image`, `html` and
        `plotly` are shown from the artifact's content; `none` has a `reason`. What no type tells is known by its bytes.
    """
    if artifact.get("state") == "failed":
        return {"kind": "none", "reason": artifact.get("reason") or "it could not be stored"}
    kind, metadata = kind_of(artifact), artifact.get("metadata") or {}
    answer: Json = {"kind": kind}
    if kind == "classification":
        answer["slices"] = slices(metadata)
    elif kind == "metrics":
        answer["values"] = metadata
    elif kind in {"parquet", "csv"}:
        answer = _table(kind, artifact, open_, row, rows, profile)
    elif kind in {"markdown", "text"}:
        answer |= _text(artifact, open_)
    elif kind == "none":
        answer = _file(artifact, open_)
    return answer


def _text(artifact: Mapping[str, Any], open_: Open) -> Json:
    with open_() as source:
        data = source.read(TEXT_LIMIT + 1)
    whole = len(data) <= TEXT_LIMIT
    json = whole and ((artifact.get("media_type") or "").endswith("json") or _ending(artifact) == "json")
    return {"text": files.readable(data[:TEXT_LIMIT], json), "size": artifact.get("size"), "whole": whole}


def _file(artifact: Mapping[str, Any], open_: Open) -> Json:
    """A file that no type has a viewer for, by what is in it."""
    none = {"kind": "none", "reason": f"no viewer for {artifact.get('type') or 'this type'}"}
    if artifact.get("state") not in (None, "stored", "incomplete"):
        return none
    with open_() as source:
        found = files.look(source)
    if found["kind"] == "text":
        return found | _text(artifact, open_)
    return found if found["kind"] == "zip" else none | found


def _table(kind: str, artifact: Mapping[str, Any], open_: Open, row: int, rows: int, profile: bool) -> Json:
    try:
        if kind == "parquet":
            return parquet_page(open_, row, rows, profile)
        return csv_page(open_, row, rows, artifact.get("size"), profile)
    except (ValueError, OSError) as error:  # ArrowInvalid is a ValueError
        return {"kind": "none", "reason": f"it is no readable {kind} table: {str(error).splitlines()[0][:200]}"}


def kind_of(artifact: Mapping[str, Any]) -> str:
    """Which viewer shows an artifact: by its type first, then its media type, then the ending of its name."""
    kind, media = artifact.get("type") or "", (artifact.get("media_type") or "").partition(";")[0].strip()
    ending = _ending(artifact)
    metadata = artifact.get("metadata") or {}
    rules = (
        (kind in _CLASSIFICATION and bool(slices(metadata)), "classification"),
        (kind == "Metrics" and bool(metadata), "metrics"),
        (kind in _BY_TYPE, _BY_TYPE.get(kind, "")),
        (media == "application/vnd.apache.parquet" or ending == "parquet", "parquet"),
        (media == "text/csv" or ending == "csv", "csv"),
        (kind in _TABLES and not media, "parquet"),
        (media.startswith("image/"), "image"),
        (media in _BY_MEDIA, _BY_MEDIA.get(media, "")),
        (media.startswith("text/"), "text"),
    )
    return next((viewer for holds, viewer in rules if holds), "none")


def _ending(artifact: Mapping[str, Any]) -> str:
    return str(artifact.get("name") or "").rpartition(".")[2].lower()


def slices(metadata: Mapping[str, Any]) -> list[Json]:
    """The classification metrics in `metadata` (Kubeflow's names), as slices: `name`, `confusion`, `roc`, `auc`.

    `confusion` has `labels` and `rows`; `roc` is a list of `{x, y, threshold}` from the lower left to the upper right.
    What is not of that form is left out.
    """
    given = metadata.get("evaluationSlices")
    if isinstance(given, list):
        parts = [(one.get("slice"), one.get("sliceClassificationMetrics")) for one in given if isinstance(one, dict)]
    else:
        parts = [("", metadata)]
    found = [
        {"name": str(name or ""), "confusion": _confusion(one), "roc": (roc := _roc(one)), "auc": _area(roc)}
        for name, one in parts
        if isinstance(one, Mapping)
    ]
    return [one for one in found if one["confusion"] or one["roc"]]


def _confusion(metadata: Mapping[str, Any]) -> Json | None:
    matrix = metadata.get("confusionMatrix")
    if isinstance(matrix, Mapping) and isinstance(matrix.get("struct"), Mapping):
        matrix = matrix["struct"]
    if not isinstance(matrix, Mapping):
        return None
    try:
        labels = [str(one["displayName"]) for one in matrix["annotationSpecs"]]
        rows = [[float(count) for count in (one["row"] if isinstance(one, Mapping) else one)] for one in matrix["rows"]]
    except (KeyError, TypeError, ValueError):
        return None
    square = len(rows) == len(labels) and all(len(one) == len(labels) for one in rows)
    return {"labels": labels, "rows": rows} if labels and square else None


def _roc(metadata: Mapping[str, Any]) -> list[Json]:
    given = metadata.get("confidenceMetrics")
    if isinstance(given, Mapping):
        given = given.get("list")
    points = []
    for one in given if isinstance(given, list) else []:
        try:
            point = {"x": float(one["falsePositiveRate"]), "y": float(one["recall"])}
            point["threshold"] = float(one["confidenceThreshold"])
        except (KeyError, TypeError, ValueError):
            continue
        points.append(point)
    return sorted(points, key=lambda point: (point["x"], point["y"]))


def _area(roc: list[Json]) -> float | None:
    """The area under the curve by trapezes, its ends carried to the corners."""
    if len(roc) < 2:
        return None
    ends = [{"x": 0.0, "y": 0.0}, *roc, {"x": 1.0, "y": 1.0}]
    return float(sum((right["x"] - left["x"]) * (left["y"] + right["y"]) / 2 for left, right in pairwise(ends)))
