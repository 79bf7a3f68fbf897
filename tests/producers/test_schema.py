"""The contract for other programs: the schema takes what we say, refuses what we refuse; the topics are described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from runreel import codec
from runreel import events as ev
from runreel.chunks import CHUNK, End, encode_end
from runreel.errors import CodecError
from runreel.schema import async_api, json_schema
from runreel.settings import Settings
from runs import random_run

DATA = Path(__file__).parents[1] / "data"
SPECS = DATA.parent / "viz_server" / "js" / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    """The schema, itself checked to be one."""
    document = json_schema()
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def lines() -> Iterator[bytes]:
    """Every event of the golden files and of some random runs."""
    for path in DATA.glob("*.jsonl"):
        yield from path.read_bytes().splitlines()
    for seed in range(5):
        yield from (codec.encode(event) for event in random_run(Random(seed)))


def test_the_schema_and_the_codec_agree_on_every_event(schema: Draft202012Validator) -> None:
    """Taken by both, or refused by both: some events of these runs have bad data on purpose."""
    verdicts = set()
    for line in lines():
        try:
            codec.payload(codec.decode(line))
            readable = True
        except CodecError:
            readable = False
        verdicts.add(readable)
        assert schema.is_valid(json.loads(line)) == readable, line
    assert verdicts == {True, False}


GOOD = {"specversion": "1.0", "id": "1", "source": "/s", "type": ev.TAGS, "time": "2026-11-22T09:00:00Z", "run": "r"}


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"run": "a/b"},
        {"run": "a\n"},
        {"id": ""},
        {"seq": -1},
        {"seq": 2**31},
        {"type": ev.STEP_FINISHED, "data": {"state": "DONE"}},
        {"type": ev.PARAMS, "data": [1]},
    ],
)
def test_what_the_codec_refuses_the_schema_refuses(schema: Draft202012Validator, change: dict[str, Any]) -> None:
    assert schema.is_valid(GOOD)
    assert not schema.is_valid({**GOOD, **change})
    with pytest.raises(CodecError):
        codec.payload(codec.decode(json.dumps({**GOOD, **change}).encode()))


def test_types_and_fields_to_come_are_allowed(schema: Draft202012Validator) -> None:
    assert schema.is_valid({**GOOD, "type": "runreel.new", "data": {"x": 1}, "traceparent": "00"})
    assert schema.is_valid({**GOOD, "type": ev.STEP_FINISHED, "data": {"state": "FAILED", "new": 1}})


def test_every_type_is_in_the_schema(schema: Draft202012Validator) -> None:
    named = {one["if"]["properties"]["type"]["const"] for one in json_schema()["allOf"][1:]}
    assert named == set(ev.DATA)


@pytest.fixture
def settings() -> Settings:
    """A deployment with two topics of events."""
    return Settings(environ={"RUNREEL_TOPIC_EVENTS": "team.a,team.b", "RUNREEL_TOPIC_RUNS": "summaries"})


def test_the_topics_have_the_names_of_the_settings(settings: Settings) -> None:
    channels = async_api(settings)["channels"]
    assert {name: channel["address"] for name, channel in channels.items()} == {
        "events": "team.a",
        "events-2": "team.b",
        "blobs": "runreel.blobs",
        "runs": "summaries",
        "views": "runreel.views",
        "dead": "runreel.dead",
    }
    assert {one["name"] for one in channels["events"]["messages"].values()} == set(ev.DATA)
    assert all(one["summary"].endswith(".") for one in channels["events"]["messages"].values())


def test_every_reference_in_the_document_of_the_topics_leads_somewhere(settings: Settings) -> None:
    document = async_api(settings)
    assert document["asyncapi"] == "3.0.0"
    text = json.dumps(document)
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', text))
    assert references
    for reference in references:
        place: Any = document
        for key in reference.split("/"):
            place = place[key]
    operations = document["operations"].values()
    assert {one["action"] for one in operations} == {"send", "receive"}


@pytest.mark.skipif(not SPECS.exists(), reason="AsyncAPI's schema is not there: npm ci in tests/viz_server/js")
def test_the_document_of_the_topics_is_asyncapi(settings: Settings) -> None:
    """By the schema that the makers of AsyncAPI publish."""
    official = Draft7Validator(json.loads(SPECS.read_text()))
    document = async_api(settings)
    assert [error.message for error in official.iter_errors(document)] == []
    document["channels"]["events"]["bindings"]["kafka"]["topic"] = 7
    assert not official.is_valid(document)  # it looks that deep


def test_payloads_in_the_document_of_the_topics_take_the_events(settings: Settings) -> None:
    document = async_api(settings)
    messages = {one["name"]: one["payload"] for one in document["channels"]["events"]["messages"].values()}
    for line in (DATA / "v1-etl.jsonl").read_bytes().splitlines()[:100]:
        event = json.loads(line)
        if event["type"] in messages and "not a list" not in str(event["data"]):
            payload = {**messages[event["type"]], "components": document["components"]}
            assert Draft202012Validator(payload).is_valid(event)
    end = {**document["channels"]["blobs"]["messages"]["end"]["payload"], "components": document["components"]}
    assert Draft202012Validator(end).is_valid(json.loads(encode_end(End(1, CHUNK, "0" * 64))))
