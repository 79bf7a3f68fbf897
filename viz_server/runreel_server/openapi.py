"""The OpenAPI 3.1 document of the HTTP surface, made from the routes' own declarations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec

from runreel.events import ArtifactStored
from runreel.schema import json_schema
from runreel_consumers.blobs import Claim
from runreel_server import lasting
from runreel_server.api.artifacts import ClaimBody, FinishBody
from runreel_server.api.routes import PREFIX, Route
from runreel_server.api.schemas import SCHEMAS
from runreel_server.problems import MEDIA_TYPE

Json = dict[str, Any]

_PARTS: Final = {
    "run": "A run's id, or any end of it, of four digits or more, that only one run has.",
    "artifact": "An artifact's id.",
}


def document(routes: Sequence[Route]) -> Json:
    """The document: the short API's routes, and those that last."""
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    for path, operations in lasting.paths(_problem).items():
        paths.setdefault(path, {}).update(operations)
    for path, operations in paths.items():
        parts = re.findall(r"{(\w+)}", path)
        if parts:
            operations["parameters"] = [_part(name) for name in parts]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "runreel",
            "version": version("runreel"),
            "summary": "Watch a pipeline run while it happens; rewind it afterwards.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**SCHEMAS, **_structs(), **_events()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> Json:
    good = {"description": route.summary, "content": {"application/json": {"schema": _ref(route.answer)}}}
    statuses = sorted({400, 404, 500, 503, *route.statuses})
    operation: Json = {
        "summary": route.summary,
        "operationId": re.sub(r"\W+", "-", f"{route.method.lower()}{route.path}").strip("-"),
        "parameters": [parameter.document() for parameter in route.parameters],
        "responses": {"200": good, **{str(status): _problem(status) for status in statuses}},
    }
    if route.body:
        content = {kind: {"schema": _ref(name)} for kind, name in route.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    if route.guarded:
        operation["security"] = [{}, {"token": []}]
    return operation


def _problem(status: int) -> Json:
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}


def _part(name: str) -> Json:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": _PARTS[name], "schema": schema}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _structs() -> dict[str, Json]:
    _, found = msgspec.json.schema_components(
        [Claim, ClaimBody, FinishBody, ArtifactStored], ref_template="#/components/schemas/{name}"
    )
    return found


def _events() -> dict[str, Json]:
    """The contract's own schema of an event, its definitions among the components."""
    text = msgspec.json.encode(json_schema()).replace(b'"#/$defs/', b'"#/components/schemas/')
    event = msgspec.json.decode(text, type=dict[str, Any])
    definitions: dict[str, Json] = event.pop("$defs")
    for name in ("$schema", "$id"):
        event.pop(name)
    return {
        **definitions,
        "Event": event,
        "Events": {"type": "array", "items": _ref("Event")},
        "EventOrEvents": {"anyOf": [_ref("Event"), _ref("Events")]},
    }
