"""Artifacts: what is known of them, where they come from, what viewers show."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runreel import events as ev
from runreel_consumers.blobs.artifacts import ArtifactInfo, content_key, write_info
from runs import RUN, Clock, Voice
from serving import Server

RAW, CLEAN, MODEL, REPORT = "1" * 32, "2" * 32, "3" * 32, "4" * 32


def keep(server: Server, artifact: str, data: bytes) -> None:
    """Put an artifact's bytes where the blobs consumer does."""
    digest = sha256(data).hexdigest()
    server.store.put(content_key(digest), data)
    info = ArtifactInfo(
        id=artifact, run=RUN, workspace="default", state="stored", size=len(data), sha256=digest,
        content=content_key(digest), position="0", time=0,
    )  # fmt: skip
    write_info(server.store, info)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """`load` -> raw -> `clean` -> clean, used by `train` -> model; an old model before it."""
    server = Server(tmp_path)
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p", experiment="e"))
    for path, uses, makes, key in (
        ("load", None, "raw", RAW),
        ("clean", RAW, "clean", CLEAN),
        ("train", CLEAN, "model", MODEL),
    ):
        voice.start(path, f"x-{path}")
        if uses:
            voice.input(path, f"x-{path}", id=uses)
        voice.output(path, f"x-{path}", makes, key, type="Table", by="chunks", media_type="text/csv")
        voice.finish(path, f"x-{path}")
    metadata: dict[str, Any] = {"confidenceMetrics": [
        {"confidenceThreshold": 0.5, "recall": 0.9, "falsePositiveRate": 0.1},
        {"confidenceThreshold": 0.1, "recall": 1.0, "falsePositiveRate": 0.4},
    ]}  # fmt: skip
    voice.output("train", "x-train", "roc", REPORT, type="ClassificationMetrics", metadata=metadata)
    voice.output("train", "x-train", "model", "5" * 32, type="Model", uri="s3://elsewhere/model")
    server.archive(voice.events)
    server.catalog(voice.events)
    return server


def test_an_artifact_knows_its_run_and_its_versions(server: Server) -> None:
    keep(server, MODEL, b"a,b\n1,2\n")
    found = server.get(f"/artifacts/{MODEL}")
    assert (found["run"], found["pipeline"], found["experiment"], found["step"]) == (RUN, "p", "e", "train")
    assert [(one["id"], one["version"]) for one in found["versions"]] == [("5" * 32, 2), (MODEL, 1)]


def test_an_artifact_of_which_the_store_knows_nothing_is_found_in_its_run(server: Server) -> None:
    assert server.get(f"/artifacts/{'5' * 32}")["uri"] == "s3://elsewhere/model"
    server.get(f"/artifacts/{'6' * 32}", 404)


def test_lineage_leads_from_inputs_to_uses(server: Server) -> None:
    lines = server.get(f"/artifacts/{CLEAN}")["lineage"]
    assert [(one["depth"], one["kind"], one["name"]) for one in lines] == [
        (0, "step", "load"),
        (1, "artifact", "raw"),
        (2, "step", "clean"),
        (3, "artifact", "clean"),
        (4, "step", "train"),
        (5, "artifact", "model"),
        (5, "artifact", "roc"),
        (5, "artifact", "model"),
    ]
    assert lines[0]["duration"] > 0


def preview(server: Server, artifact: str, **query: Any) -> Any:
    answer = server.app.test_client().get(f"/artifacts/{artifact}/preview", query_string=query)
    assert answer.status_code == 200
    return answer.get_json()


def test_a_table_is_paged_from_where_it_lies(server: Server) -> None:
    frame = pd.DataFrame({"n": range(1000), "word": ["x"] * 1000})
    keep(server, RAW, frame.to_csv(index=False).encode())
    page = preview(server, RAW, row=990, rows=5)
    assert (page["kind"], page["total"], page["rows"][0]) == ("table", 1000, [990, "x"])


def test_of_a_parquet_table_only_the_row_groups_that_are_shown_are_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, key = io.BytesIO(), "7" * 32
    frame = pd.DataFrame({"n": range(200_000), "text": [f"{i:0100d}" for i in range(200_000)]})
    frame.to_parquet(sink, row_group_size=10_000)
    keep(server, key, sink.getvalue())
    voice = Voice("b" * 32, Clock())
    voice.output("train", "x-train", "rows.parquet", key, type="Table")
    server.tell(voice.events)
    taken, read = [], server.store.read

    def counted(key: str, start: int, length: int) -> bytes:
        data = read(key, start, length)
        taken.append(len(data))
        return data

    monkeypatch.setattr(server.store, "read", counted)
    page = preview(server, key, row=150_000, rows=10)
    assert page["rows"][0][0] == 150_000
    assert sum(taken) < len(sink.getvalue()) / 4


def test_what_has_no_bytes_says_why(server: Server) -> None:
    assert "not in the store" in preview(server, RAW)["reason"]
    assert preview(server, REPORT)["kind"] == "classification"
    page = server.app.test_client().get(f"/artifacts/{'5' * 32}")
    assert page.status_code == 200


def test_an_artifact_page_shows_its_first_rows(server: Server) -> None:
    keep(server, RAW, b"name,count\nowl,3\n")
    page = server.app.test_client().get(f"/artifacts/{RAW}").get_data(as_text=True)
    assert "owl" in page
    assert "name" in page
