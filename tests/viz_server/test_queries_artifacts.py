"""Artifacts: what is known of them, where they come from, what viewers show."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runreel import events as ev
from runreel.errors import NotReachable
from runreel_consumers.blobs.artifacts import ArtifactInfo, write_info
from runreel_server.feed import LiveRun
from runs import RUN, SECOND, START, Clock, Voice
from serving import Server

RAW, CLEAN, MODEL, REPORT = "1" * 32, "2" * 32, "3" * 32, "4" * 32


def keep(server: Server, artifact: str, data: bytes) -> None:
    """Put an artifact's bytes where the blobs consumer does."""
    digest = sha256(data).hexdigest()
    server.store.put(f"content/{digest}", data)
    info = ArtifactInfo(
        id=artifact, run=RUN, workspace="default", state="stored", size=len(data), sha256=digest,
        content=f"content/{digest}", position="0", time=0,
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


def test_an_artifact_knows_the_same_output_of_the_pipelines_earlier_runs(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    away: set[str] = set()
    live = server.services.feed.live

    def reachable(run: str) -> LiveRun:
        if run in away:
            raise NotReachable("the store does not answer")
        return live(run)

    monkeypatch.setattr(server.services.feed, "live", reachable)
    clock = Clock()
    for number, (pipeline, hours) in enumerate([("p", -2), ("p", -1), ("other", -1), ("p", 1)]):
        clock.now = START + hours * 3_600 * SECOND
        voice = Voice(f"{number}" * 32, clock, run=f"0192f3c1-a7e2-7c31-9d1e-00000000000{number}")
        voice.open()
        voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline=pipeline))
        voice.start("train", "x-train")
        for version in "ab":
            voice.output("train", "x-train", "model", f"{number}{version}" * 16, type="Model", uri=f"s3://m/{number}")
        voice.output("train", "x-train", "roc", f"{number}c" * 16, type="Model", uri=f"s3://m/{number}")
        server.archive(voice.events)
        server.catalog(voice.events)
    found = server.get(f"/artifacts/{MODEL}")["earlier"]
    runs = [f"0192f3c1-a7e2-7c31-9d1e-00000000000{number}" for number in (1, 0)]
    assert [(one["run"], one["id"], one["version"]) for one in found] == [
        (runs[0], "1b" * 16, 2),
        (runs[1], "0b" * 16, 2),
    ]
    page = server.app.test_client().get(f"/artifacts/{MODEL}").get_data(as_text=True)
    assert page.index("In earlier runs") < page.index(f"/artifacts/{'1b' * 16}") < page.index(f"/artifacts/{'0b' * 16}")
    assert "In earlier runs" not in server.app.test_client().get(f"/artifacts/{CLEAN}").get_data(as_text=True)

    away.add(runs[1])
    assert [one["run"] for one in server.get(f"/artifacts/{MODEL}")["earlier"]] == runs[:1]


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
    assert [one["away"] for one in lines] == [3, 2, 1, 0, 1, 2, 2, 2]
    assert lines[0]["duration"] > 0


def test_an_artifact_knows_who_made_it_and_who_uses_it(server: Server) -> None:
    found = server.get(f"/artifacts/{CLEAN}")
    assert found["producer"] == {"run": RUN, "pipeline": "p", "step": "clean", "execution": "x-clean",
                                 "state": "SUCCEEDED"}  # fmt: skip
    assert found["consumers"] == [{"run": RUN, "pipeline": "p", "step": "train", "state": "SUCCEEDED"}]
    assert found["whole"] is True


def test_at_a_past_moment_an_artifact_is_as_it_was(server: Server) -> None:
    keep(server, CLEAN, b"a,b\n1,2\n")
    made = server.get(f"/artifacts/{CLEAN}")["created"]
    then = server.get(f"/artifacts/{CLEAN}?at={made}")
    assert (then["state"], then["consumers"], then["producer"]["state"]) == ("pending", [], "RUNNING")
    assert [one["name"] for one in then["lineage"]] == ["load", "raw", "clean", "clean"]
    server.get(f"/artifacts/{MODEL}?at={made}", 404)
    page = server.app.test_client().get(f"/artifacts/{CLEAN}?at={made}").get_data(as_text=True)
    assert "had not come at that moment" in page
    assert f'href="/artifacts/{RAW}?at={made}"' in page


OTHER = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d22"


def test_lineage_leads_to_other_runs(server: Server) -> None:
    """Another run uses an artifact by its id, one by its uri, and something that nobody has made."""
    keep(server, CLEAN, b"a,b\n1,2\n")
    voice = Voice("b" * 32, Clock(), run=OTHER)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="later"))
    voice.start("score", "y-score")
    voice.input("score", "y-score", id=CLEAN)
    voice.input("score", "y-score", uri="s3://elsewhere/model")
    voice.input("score", "y-score", name="thresholds")
    voice.output("score", "y-score", "scores", "8" * 32, uri="s3://elsewhere/scores")
    voice.finish("score", "y-score")
    server.archive(voice.events)
    server.catalog(voice.events)
    lines = server.get(f"/artifacts/{'8' * 32}")["lineage"]
    assert [(one["depth"], one["kind"], one["name"], one["state"], one.get("run")) for one in lines] == [
        (0, "artifact", "clean", "stored", RUN),
        (0, "artifact", "model", "stored", RUN),
        (0, "artifact", "thresholds", "pending", None),
        (1, "step", "score", "SUCCEEDED", None),
        (2, "artifact", "scores", "stored", None),
    ]
    user = {"run": OTHER, "pipeline": "later", "step": "score", "state": "STALLED"}
    assert server.get(f"/artifacts/{CLEAN}")["consumers"][1:] == [user]
    assert server.get(f"/artifacts/{'5' * 32}")["consumers"] == [user]
    page = server.app.test_client().get(f"/artifacts/{CLEAN}").get_data(as_text=True)
    assert f'href="/runs/{OTHER}?step=score"' in page
    assert "later 8f0b7d22" in page


def test_the_host_that_went_away_before_an_artifact_was_whole_is_named(server: Server) -> None:
    voice = Voice("c" * 32, Clock())
    voice.open("member")
    voice.start("big", "x-big")
    voice.output("big", "x-big", "big", "9" * 32, by="chunks", size=2_100)
    half = ev.ArtifactStored(id="9" * 32, size=1_200, failed="its end never came", incomplete=True)
    voice.say(ev.ARTIFACT_STORED, half)
    voice.close("killed")
    server.tell(voice.events)
    assert server.get(f"/artifacts/{'9' * 32}")["lost"] == "host"
    page = server.app.test_client().get(f"/artifacts/{'9' * 32}").get_data(as_text=True)
    assert "incomplete: its end never came, host went away. It ends at 1 of 2 kB, and what is there opens" in page


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
