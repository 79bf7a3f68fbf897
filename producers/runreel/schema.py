"""The contract for other programs: JSON Schema of events, AsyncAPI of topics. Made from the types themselves."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from runreel.chunks import End
from runreel.codec import CONTENT_TYPE, SCHEMA, Envelope
from runreel.events import DATA
from runreel.settings import Settings

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_VERSION: Final = "1"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an event: the envelope, and for each type that is known what its data are.

    Types, attributes and fields that it does not name are allowed: the contract grows by additions.
    """
    envelope, data, definitions = _schemas("#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "$id": SCHEMA,
        "title": "An event of runreel",
        "allOf": [envelope, *({"if": _is(kind), "then": _says(schema)} for kind, schema in data.items())],
        "$defs": definitions,
    }


def async_api(settings: Settings) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the topics, under the names that they have in `settings`."""
    envelope, data, definitions = _schemas("#/components/schemas/{name}", End)
    messages = {
        kind.replace(".", "-"): {
            "name": kind,
            "summary": _summary(kind, schema, definitions),
            "contentType": CONTENT_TYPE,
            "payload": {"allOf": [envelope, _is(kind), _says(schema)]},
        }
        for kind, schema in data.items()
    }
    events = [_channel(topic, "Events, keyed by run id.", messages) for topic in settings.event_topics]
    channels = {
        **dict(zip(_names("events", len(events)), events, strict=True)),
        "blobs": _channel(
            settings.topic_blobs, "Artifact bytes in chunks, then an end record; keyed by artifact id.", _BLOBS
        ),
        "runs": _channel(settings.topic_runs, "Newest summary of each run (compacted), keyed by run id.", _RUNS),
        "views": _channel(
            settings.topic_views,
            "Visualization requests, keyed by view id.",
            {kind: messages[kind] for kind in ("runreel-view-requested",)},
        ),
        "dead": _channel(settings.topic_dead, "What could not be taken, byte for byte.", _DEAD),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "runreel",
            "version": _VERSION,
            "description": "What pipeline steps say while they run. A run is a function of the set of its events.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": {
            f"{action}-{name}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
            for name in channels
            for action in ("send", "receive")
        },
        "components": {"schemas": definitions},
    }


def _schemas(template: str, *more: type) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, Any]]:
    """The schema of the envelope, of each type's data, and the definitions that they and `more` refer to."""
    types = [Envelope, *DATA.values(), *more]
    (envelope, *data), definitions = msgspec.json.schema_components(types, ref_template=template)
    return envelope, dict(zip(DATA, data, strict=False)), definitions


def _is(kind: str) -> dict[str, Any]:
    return {"properties": {"type": {"const": kind}}, "required": ["type"]}


def _says(schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"data": schema}}


def _summary(kind: str, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    described: str = definitions.get(name, {}).get("description", _PLAIN.get(kind, ""))
    return described.partition("\n")[0]


def _names(name: str, count: int) -> list[str]:
    """Channel names: the first topic's is the plain one."""
    return [name if number == 0 else f"{name}-{number + 1}" for number in range(count)]


def _channel(topic: str, description: str, messages: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": description,
        "messages": messages,
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


_PLAIN: Final = {
    "runreel.params": "Parameters of the run or of a step: key -> value.",
    "runreel.tags": "Tags of the run or of a step: key -> value.",
    "runreel.loss": "What was dropped: reason -> count.",
}

_HEADERS: Final = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("run", "workspace", "artifact", "n")},
}

_BLOBS: Final = {
    "chunk": {
        "summary": "A chunk of an artifact; the header `n` counts from 0.",
        "contentType": "application/octet-stream",
        "headers": {**_HEADERS, "required": ["run", "workspace", "artifact", "n"]},
        "payload": {"type": "string", "format": "binary"},
    },
    "end": {
        "summary": "All chunks have been said: a message without the header `n`.",
        "contentType": "application/json",
        "headers": {**_HEADERS, "required": ["run", "workspace", "artifact"]},
        "payload": {"$ref": "#/components/schemas/End"},
    },
}

_RUNS: Final = {
    "summary": {
        "summary": "The newest bounded summary of a run; the greatest `position` wins.",
        "contentType": "application/json",
        "payload": {"type": "object"},
    }
}

_DEAD: Final = {
    "letter": {
        "summary": "A message as it came, with the reason.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "description": "Those that it came with, and these; `runreel-part-...` where it comes in parts.",
            "properties": {
                f"runreel-{name}": {"type": "string"}
                for name in ("reason", "topic", "partition", "offset", "part-of", "part-at", "part-size")
            },
        },
        "payload": {"type": "string", "format": "binary"},
    }
}
