"""The recorded exchange of the documents: what this server says, and what a client makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import exchange
from runreel_server.stream import read_token
from watching import bare, merge

PAGE = Path(__file__).parents[2] / "docs" / "stream.md"

Json = dict[str, Any]


def frames(kind: str) -> list[Json]:
    """The data of all recorded frames of a kind."""
    return [entry["data"] for entry in exchange.recorded() if entry.get("event") == kind]


def test_the_server_says_what_is_recorded() -> None:
    """Where it has come to say something else, clients must know: python tests/exchange.py > docs/stream.jsonl."""
    assert exchange.record() == exchange.recorded()


def test_deltas_lead_from_the_first_snapshot_to_the_last() -> None:
    """Each applies at its position; who merges them has what a snapshot then says."""
    position, state = "", {}
    for entry in exchange.recorded():
        data = entry.get("data", {})
        if entry.get("event") == "snapshot":
            if position:
                assert bare(state) == bare(data["state"])
            position, state = data["position"], data["state"]
        elif entry.get("event") == "delta":
            assert data["from"] == position
            position, state = data["position"], merge(state, data["patch"])
        elif entry.get("event") == "ping":
            assert data["position"] == position
    assert state["state"] == "FAILED"
    assert state["complete"]


def test_a_token_holds_the_position_of_its_frame() -> None:
    """So that a client goes on after the last frame that it saw."""
    with_token = [entry for entry in exchange.recorded() if "id" in entry]
    assert {entry["event"] for entry in with_token} == {"snapshot", "delta"}
    for entry in with_token:
        assert read_token(entry["id"]) == {entry["data"]["watch"]: entry["data"]["position"]}


def test_frames_have_the_shape_that_the_page_describes() -> None:
    """Every field of every frame stands in the table of docs/stream.md, and none stands there that is never said."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE.read_text(), re.M)
    described = {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in rows}
    said: dict[str, set[str]] = {}
    for entry in exchange.recorded():
        if "event" in entry:
            said.setdefault(entry["event"], set()).update(entry["data"])
    assert described == said


def test_the_page_quotes_the_recording() -> None:
    """Its ping and its good-bye are those of the exchange."""
    for kind in ("ping", "bye"):
        (data,) = frames(kind)
        assert f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n" in PAGE.read_text()


def test_points_and_lines_are_columns_and_records() -> None:
    """What streams is beside the patch, not in it."""
    (points,) = [delta["points"] for delta in frames("delta") if "points" in delta]
    assert points["train:loss"]["at"] == [0, 1, 2]
    assert points["train:loss"]["value"] == [0.75, "NaN", 0.5]
    (lines,) = [delta["lines"] for delta in frames("delta") if "lines" in delta]
    assert lines["count"] == 1
    assert [(line["level"], line["text"]) for line in lines["last"]] == [("WARNING", "a late file")]
