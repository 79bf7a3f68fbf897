"""How the OpenAPI document tells of what `asgi` serves: streams, content, uploads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from runreel_server.api import plays
from runreel_server.api.streams import TABLE_PARAMETERS, TEXT_PARAMETERS
from runreel_server.asgi import log

Json = dict[str, Any]

_STREAM: Final = {
    "200": {
        "description": "Server-sent events: snapshot, delta, ping, gone, bye. At the cap: one bye.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def paths(problem: Callable[[int], Json]) -> dict[str, Json]:
    """The paths, each with its operations; `problem` makes the answer of a status."""
    failing = {str(status): problem(status) for status in (400, 404, 503)}
    content = {
        "summary": "An artifact's bytes, or a range of them.",
        "parameters": [
            {"name": "Range", "in": "header", "schema": {"type": "string", "examples": ["bytes=0-1023"]}},
            {
                "name": "as",
                "in": "query",
                "description": "`download`: to be saved, not shown.",
                "schema": {"type": "string", "enum": ["download"]},
            },
        ],
        "responses": {
            "200": _bytes("All of it."),
            "206": _bytes("The range."),
            "304": {"description": "The client has it."},
            "416": {"description": "The range lies outside."},
            **failing,
        },
    }
    return {
        "/api/v1/stream": {
            "get": {
                "operationId": "get-stream",
                "summary": "What changes, as it does.",
                "parameters": [parameter.document() for parameter in plays.WATCHING],
                "responses": {**_STREAM, **failing},
            }
        },
        "/api/v1/runs/{run}/stream": {
            "get": {
                "operationId": "get-runs-run-stream",
                "summary": "What changes in one run, as it does.",
                "parameters": [parameter.document() for parameter in plays.PARAMETERS],
                "responses": {**_STREAM, **failing},
            }
        },
        "/api/v1/runs/{run}/events": {
            "get": {
                "operationId": "get-runs-run-events",
                "summary": "All events of a run, stored and live, a JSON line each.",
                "parameters": [parameter.document() for parameter in log.PARAMETERS],
                "responses": {
                    "200": {
                        "description": "CloudEvents.",
                        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
                    },
                    **failing,
                },
            }
        },
        "/api/v1/runs/{run}/logs.txt": {
            "get": {
                "operationId": "get-runs-run-logs-txt",
                "summary": "The log as text, whole or filtered.",
                "parameters": [parameter.document() for parameter in TEXT_PARAMETERS],
                "responses": {
                    "200": {
                        "description": "A line each: time, level, step, text.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **failing,
                },
            }
        },
        "/api/v1/runs/{run}/series.csv": {
            "get": {
                "operationId": "get-runs-run-series-csv",
                "summary": "All points of series.",
                "parameters": [parameter.document() for parameter in TABLE_PARAMETERS],
                "responses": {
                    "200": {
                        "description": "A line each: series, index, time, value.",
                        "content": {"text/csv": {"schema": {"type": "string"}}},
                    },
                    **failing,
                },
            }
        },
        "/api/v1/artifacts/{artifact}/content": {
            "get": {"operationId": "get-artifacts-artifact-content", **content},
            "head": {"operationId": "head-artifacts-artifact-content", **content},
        },
        "/api/v1/uploads/{artifact}": {
            "put": {
                "operationId": "put-uploads-artifact",
                "summary": "The bytes of an artifact that was claimed, where the store has no address of its own.",
                "parameters": [
                    {"name": "X-Runreel-Upload", "in": "header", "required": True, "schema": {"type": "string"}}
                ],
                "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
                "responses": {
                    "200": {
                        "description": "How many came.",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"size": {"type": "integer"}},
                                    "required": ["size"],
                                }
                            }
                        },
                    },
                    **failing,
                },
            }
        },
    }


def _bytes(description: str) -> Json:
    return {"description": description, "content": {"*/*": {}}}
