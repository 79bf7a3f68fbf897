"""JSON Schemas of the answers that have no type of their own."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]


def _object(required: Json, **optional: Json) -> Json:
    """An object with at least these fields: the surface grows by additions."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _map(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_WHOLE: Final = {"type": "integer"}
_NUMBER: Final = {"type": "number"}
_FLAG: Final = {"type": "boolean"}
_TIME: Final = {"type": "string", "format": "date-time"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_TIME_OR_NULL: Final = _or_null(_TIME)
_SECONDS_OR_NULL: Final = {"type": ["number", "null"]}
_SPELLED: Final = {"anyOf": [_NUMBER, {"enum": ["NaN", "Infinity", "-Infinity"]}, {"type": "null"}]}
_STATE: Final = {
    "type": "string",
    "enum": [
        "PENDING",
        "RUNNING",
        "STALLED",
        "SUCCEEDED",
        "FAILED",
        "SKIPPED",
        "CACHED",
        "CANCELED",
    ],
}
_ANY: Final[Json] = {"type": "object"}

_SUMMARY: Final = _object(
    {
        "id": _TEXT,
        "workspace": _TEXT,
        "pipeline": _TEXT,
        "experiment": _TEXT,
        "owner": _TEXT,
        "state": _STATE,
        "started": _TIME_OR_NULL,
        "finished": _TIME_OR_NULL,
        "eta": _TIME_OR_NULL,
        "median": _SECONDS_OR_NULL,
        "events": _COUNT,
        "complete": _FLAG,
        "missing": _COUNT,
        "artifacts": _COUNT,
        "steps": _map(_COUNT),
        "bars": _array(_ANY),
        "metrics": _map(_SPELLED),
        "recent": _array(_ref("Past")),
        "failure": _or_null(_object({"step": _TEXT, "message": _TEXT, "time": _TIME_OR_NULL})),
    },
    planned=_FLAG,
)

_ARTIFACT: Final = {
    "id": _TEXT,
    "name": _TEXT,
    "type": _TEXT,
    "step": _TEXT_OR_NULL,
    "role": _TEXT,
    "uri": _TEXT_OR_NULL,
    "size": {"type": ["integer", "null"]},
    "declared": {"type": ["integer", "null"]},
    "sent": {"type": ["integer", "null"]},
    "sha256": _TEXT_OR_NULL,
    "version": _WHOLE,
    "created": _TIME,
    "state": {"type": "string", "enum": ["pending", "stored", "failed", "incomplete"]},
}

_STEP: Final = _object(
    {
        "state": _STATE,
        "parents": _array(_TEXT),
        "execution": _TEXT_OR_NULL,
        "attempts": _array(_ref("Attempt")),
        "started": _TIME_OR_NULL,
        "finished": _TIME_OR_NULL,
        "eta": _TIME_OR_NULL,
        "expected": _SECONDS_OR_NULL,
        "progress": _or_null(_object({"done": _NUMBER, "total": _SECONDS_OR_NULL, "unit": _TEXT_OR_NULL})),
        "error": _or_null(_ANY),
    }
)

_LINE: Final = _object(
    {
        "time": _WHOLE,
        "step": _TEXT_OR_NULL,
        "level": _TEXT,
        "text": _TEXT,
        "stream": _TEXT,
        "session": _TEXT,
        "seq": _COUNT,
        "cursor": _TEXT,
    },
    escaped=_FLAG,
    more=_FLAG,
    length=_COUNT,
)

_NODE: Final = _object(
    {
        "id": _TEXT,
        "path": _TEXT,
        "label": _TEXT,
        "kind": {"enum": ["step", "group", "tasks"]},
        "state": _STATE,
        **dict.fromkeys(("rank", "x", "y", "w", "h"), _NUMBER),
        "folded": {"type": ["integer", "null"]},
        "members": _array(_object({"path": _TEXT, "state": _STATE, "count": _COUNT}, paths=_array(_TEXT))),
        "states": _map(_COUNT),
    }
)

SCHEMAS: Final[dict[str, Json]] = {
    "Problem": _object(
        {"type": _TEXT, "title": _TEXT, "status": _WHOLE, "detail": _TEXT},
        errors=_array(_object({"index": _COUNT, "field": _TEXT_OR_NULL, "detail": _TEXT})),
    ),
    "Attempt": _object({"execution": _TEXT, "state": _STATE, "started": _TIME_OR_NULL, "finished": _TIME_OR_NULL}),
    "Past": _object({"id": _TEXT, "state": _STATE, "duration": _SECONDS_OR_NULL}),
    "Runs": _object(
        {"runs": _array(_SUMMARY), "next": _TEXT_OR_NULL, "total": _COUNT, "first": _COUNT, "today": _map(_COUNT)}
    ),
    "Experiments": _object(
        {
            "experiments": _array(
                _object({"name": _TEXT, "workspace": _TEXT, "runs": _COUNT, "recent": _array(_ref("Past"))})
            )
        }
    ),
    "Health": _object(
        {
            "parts": _array(_object({"name": _TEXT, "ok": _FLAG, "detail": _TEXT})),
            "listening": _TEXT_OR_NULL,
            "kafka": _object({"rate": _NUMBER, "heard": _COUNT}),
            "archive": _object({"events": _COUNT, "seconds": _NUMBER}),
            "spools": _object(
                {
                    "waiting": _COUNT,
                    "bytes": _COUNT,
                    "sessions": _array(
                        _object(
                            {
                                "session": _TEXT,
                                "run": _TEXT,
                                "host": _TEXT_OR_NULL,
                                "bytes": _COUNT,
                                "heard": _TIME,
                                "silent": _FLAG,
                            }
                        )
                    ),
                }
            ),
            "stored": _object({"bytes": _or_null(_COUNT), "at": _TIME_OR_NULL, "runs": _or_null(_COUNT)}),
        }
    ),
    "State": _object(
        {
            "id": _TEXT,
            "pipeline": _TEXT,
            "workspace": _TEXT,
            "experiment": _TEXT,
            "state": _STATE,
            "started": _TIME_OR_NULL,
            "finished": _TIME_OR_NULL,
            "eta": _TIME_OR_NULL,
            "median": _SECONDS_OR_NULL,
            "planned": _FLAG,
            "params": _ANY,
            "tags": _ANY,
            "environment": _ANY,
            "steps": _map(_STEP),
            "series": _map(_map(_object({"count": _COUNT, "last": _SPELLED, "min": _SPELLED, "max": _SPELLED}))),
            "artifacts": _map(_object(_ARTIFACT)),
            "sessions": _map(_ANY),
            "events": _COUNT,
            "complete": _FLAG,
            "missing": _array(_object({"session": _TEXT, "from": _COUNT, "to": _COUNT})),
        }
    ),
    "Patch": {"type": "object", "description": "A JSON merge patch (RFC 7396)."},
    "LaidOutGraph": _object(
        {
            "nodes": _array(_NODE),
            "edges": _array(_object({"from": _TEXT, "to": _TEXT, "points": _array(_array(_NUMBER))})),
            "width": _NUMBER,
            "height": _NUMBER,
        }
    ),
    "CriticalPath": _object({"steps": _array(_TEXT), "seconds": _NUMBER}),
    "Series": _map(
        _object(
            {
                "at": _array(_SPELLED),
                "time": _array(_WHOLE),
                "value": _array(_SPELLED),
                "bucketed": _FLAG,
                "count": _COUNT,
                "nonfinite": _COUNT,
                "origin": {"type": ["integer", "null"]},
                "repeats": _FLAG,
            }
        )
    ),
    "Lines": _object(
        {
            "lines": _array(_LINE),
            "before": _TEXT_OR_NULL,
            "after": _TEXT_OR_NULL,
            "more": _FLAG,
            "scanned": _COUNT,
            "total": _COUNT,
            "hits": _COUNT,
        }
    ),
    "Hits": _object(
        {"times": _array(_WHOLE), "before": _TEXT_OR_NULL, "scanned": _COUNT, "total": _COUNT, "hits": _COUNT}
    ),
    "Density": _object(
        {"from": _TIME, "to": _TIME, "width": _COUNT, "total": _array(_COUNT), "lanes": _map(_array(_COUNT))}
    ),
    "Marks": _object(
        {
            "marks": _array(
                _object(
                    {
                        "time": _TIME,
                        "kind": {"enum": ["error", "artifact", "state", "gap"]},
                        "step": _TEXT_OR_NULL,
                        "text": _TEXT,
                        "state": _TEXT_OR_NULL,
                        "artifact": _TEXT_OR_NULL,
                    }
                )
            ),
            "counts": _object({"error": _COUNT, "artifact": _COUNT, "state": _COUNT, "gap": _COUNT}),
        }
    ),
    "ArtifactPage": _object(
        {
            **_ARTIFACT,
            "run": _TEXT,
            "pipeline": _TEXT,
            "workspace": _TEXT,
            "experiment": _TEXT,
            "producer": _object({"run": _TEXT, "pipeline": _TEXT, "step": _TEXT_OR_NULL, "state": _STATE}),
            "consumers": _array(_object({"run": _TEXT, "pipeline": _TEXT, "step": _TEXT_OR_NULL, "state": _STATE})),
            "lineage": _array(_object({"depth": _COUNT, "kind": {"enum": ["artifact", "step"]}, "name": _TEXT})),
            "whole": _FLAG,
            "lost": _TEXT_OR_NULL,
            "versions": _array(_object({"id": _TEXT, "version": _WHOLE, "created": _TIME})),
            "earlier": _array(_object({"run": _TEXT, "id": _TEXT, "version": _WHOLE, "created": _TIME})),
        }
    ),
    "Acknowledged": _object(
        {"acknowledged": _array(_object({"session": _TEXT, "seq": {"type": ["integer", "null"]}}))}
    ),
}
