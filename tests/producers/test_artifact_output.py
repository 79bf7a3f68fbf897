"""output: what a user gives becomes bytes that are safe when the call returns."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas
import plotly.graph_objects as go
import pytest

import runreel
from runreel import events, formats, outputs
from runreel.artifacts import Artifact
from runreel.step import Step
from runreel.testing import Said, capture

mpl.use("Agg")


@pytest.fixture
def said() -> Iterator[Said]:
    with capture() as said:
        yield said


@pytest.fixture
def step(said: Said) -> Iterator[Step]:
    with runreel.start("p") as run, run.step("s") as step:
        yield step


def told(said: Said, artifact: Artifact) -> events.Artifact:
    found: events.Artifact = next(data for data in said.data(events.ARTIFACT) if data.id == artifact.id)
    return found


def kept(artifact: Artifact) -> bytes:
    return artifact.path().read_bytes()


def test_bytes_are_kept_with_size_and_hash(said: Said, step: Step) -> None:
    artifact = step.output("blob", b"abc", type="Model", metadata={"depth": 3}, media_type="application/x-model")
    data = told(said, artifact)
    assert (data.name, data.type, data.role, data.size) == ("blob", "Model", "output", 3)
    assert data.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (data.media_type, data.metadata, data.by) == ("application/x-model", {"depth": 3}, "claim")
    assert kept(artifact) == b"abc"
    assert (artifact.id, artifact.size, artifact.step, artifact.state) == (data.id, 3, "s", None)


def test_what_is_written_to_a_file_afterwards_does_not_show(step: Step, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a\n1\n")
    artifact = step.output("rows", path)
    path.write_text("a\n2\n")
    assert kept(artifact) == b"a\n1\n"
    assert (artifact.type, artifact.media_type) == ("Dataset", "text/csv")


def test_a_text_is_a_path_where_a_file_is_there_and_else_text(step: Step, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>hello</p>")
    assert step.output("page", str(path)).type == "HTML"
    text = step.output("note", "just a note")
    assert (text.type, text.media_type, kept(text)) == ("Artifact", "text/plain", b"just a note")


def test_a_text_that_looks_like_a_path_that_is_not_there_is_told(step: Step, caplog: pytest.LogCaptureFixture) -> None:
    step.output("rows", "data/rows.csv")
    assert "no file 'data/rows.csv' is there, so that is kept as text" in caplog.text


def test_text_takes_its_media_type_from_the_type(step: Step) -> None:
    assert step.output("a", "# Title", type="Markdown").media_type == "text/markdown"
    assert step.output("b", "<!DOCTYPE html><p>").type == "HTML"
    assert step.output("c", "a,b\n1,2\n", type="Table").media_type == "text/csv"


def test_a_folder_becomes_one_zip_file(step: Step, tmp_path: Path) -> None:
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "empty").mkdir()
    (tmp_path / "model" / "a.txt").write_text("a")
    (tmp_path / "model" / "deep" / "b.bin").write_bytes(b"\0b")
    artifact = step.output("model", tmp_path / "model", type="Model")
    with zipfile.ZipFile(artifact.path()) as archive:
        assert archive.namelist() == ["a.txt", "deep/b.bin", "empty/"]
        assert archive.read("deep/b.bin") == b"\0b"
    assert (artifact.type, artifact.media_type) == ("Model", "application/zip")


def test_a_frame_is_kept_as_parquet(step: Step) -> None:
    frame = pandas.DataFrame({"x": [1, 2], "when": pandas.to_datetime(["2026-01-01", "2026-01-02"])})
    artifact = step.output("frame", frame)
    assert (artifact.type, artifact.media_type) == ("Dataset", formats.PARQUET)
    pandas.testing.assert_frame_equal(pandas.read_parquet(artifact.path()), frame)
    series = step.output("series", frame["x"])
    assert list(pandas.read_parquet(series.path())["x"]) == [1, 2]


def test_without_pyarrow_a_frame_is_kept_as_csv_with_one_warning(
    step: Step, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    formats._warn_of_csv.cache_clear()
    frame = pandas.DataFrame({"x": [1, 2]})
    artifacts = [step.output(name, frame) for name in ("one", "two")]
    assert [kept(artifact) for artifact in artifacts] == [b"x\n1\n2\n"] * 2
    assert [record.message.split(":")[0] for record in caplog.records] == ["pyarrow is not installed"]


def test_a_plotly_figure_is_kept_as_json(step: Step) -> None:
    artifact = step.show("curve", go.Figure(go.Scatter(y=[1, 2])))
    assert (artifact.type, artifact.media_type) == ("Plotly", formats.PLOTLY)
    assert json.loads(kept(artifact))["data"][0]["type"] == "scatter"


def test_a_matplotlib_figure_is_kept_as_png(step: Step) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    artifact = step.output("curve", figure)
    assert (artifact.type, artifact.media_type) == ("Image", "image/png")
    assert kept(artifact).startswith(b"\x89PNG")


def test_a_mapping_is_kept_as_json(step: Step) -> None:
    metrics = step.output("scores", {"acc": 0.9, "loss": float("nan")})
    assert (metrics.type, metrics.media_type) == ("Metrics", "application/json")
    assert json.loads(kept(metrics)) == {"acc": 0.9, "loss": "NaN"}
    matrix = step.output("matrix", {"labels": ["a"], "rows": [[1]]}, type="ClassificationMetrics")
    assert matrix.type == "ClassificationMetrics"
    assert json.loads(kept(step.output("list", [1, "x"]))) == [1, "x"]


def test_a_reference_is_told_and_not_copied(said: Said, step: Step) -> None:
    artifact = step.output("big", uri="s3://bucket/big.parquet", metadata={"rows": 3})
    data = told(said, artifact)
    assert (data.by, data.uri, data.type, data.size) == ("reference", "s3://bucket/big.parquet", "Dataset", None)
    assert data.media_type == formats.PARQUET


def test_show_marks_what_is_to_be_looked_at(said: Said, step: Step) -> None:
    shown, output = step.show("a", b"x"), step.output("b", b"x")
    assert told(said, shown).show
    assert not told(said, output).show


def test_moving_renames_the_file(step: Step, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    artifact = step.output("model", path, move=True)
    assert kept(artifact) == b"weights"
    assert not path.exists()


def test_moving_from_another_file_system_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"x")

    def refused(self: Path, target: Path) -> Path:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", refused)
    outputs.take(source, target, move=True)
    assert target.read_bytes() == b"x"
    assert not source.exists()


def test_versions_count_outputs_of_one_name(said: Said, step: Step) -> None:
    artifacts = [step.output("data", bytes([i])) for i in range(3)]
    state = said.state["artifacts"]
    assert [state[str(artifact.id)]["version"] for artifact in artifacts] == [1, 2, 3]


class Unwritable(pandas.DataFrame):
    """A frame whose conversion fails."""

    def to_parquet(self, *_: Any, **__: Any) -> None:  # type: ignore[override]
        raise MemoryError("too large")


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (Path("/no/such/file"), "FileNotFoundError: no file /no/such/file is there"),
        (Path("/dev/null"), "FileNotFoundError: /dev/null is no file"),
        (Unwritable({"x": [1]}), "MemoryError: too large"),
    ],
)
def test_what_fails_inside_is_a_failed_artifact(
    said: Said, step: Step, obj: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    artifact = step.output("data", obj)
    assert (artifact.state, artifact.reason) == ("failed", reason)
    assert said.state["artifacts"][str(artifact.id)]["state"] == "failed"
    assert f"output 'data' failed: {reason}" in caplog.text
    with pytest.raises(runreel.NotFound, match="failed"):
        artifact.path()
    assert step.open


def test_a_full_disk_leaves_no_half_file(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 10)

    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.shutil, "copyfile", full)
    monkeypatch.setattr(outputs, "FICLONE", 0)
    artifact = step.output("data", path)
    assert artifact.reason is not None
    assert "No space left" in artifact.reason
    assert step.run.shelf is not None
    assert list(step.run.shelf.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "", "obj": b"x"}, "an output's name is empty"),
        ({"name": "x"}, "output 'x' has neither an object nor a uri"),
        ({"name": "x", "obj": b"x", "uri": "s3://b/k"}, "output 'x' has an object and a uri"),
        ({"name": "x", "obj": object()}, "output 'x' is <object"),
        ({"name": "x", "obj": 5}, "output 'x' is 5, a int"),
        ({"name": "x", "obj": b"x", "type": ""}, "type of output 'x' is empty"),
        ({"name": "x", "obj": b"x", "type": 5}, "type of output 'x' is 5"),
        ({"name": "x", "obj": b"x", "metadata": [1]}, "metadata of output 'x' is"),
        ({"name": "x", "obj": b"x", "metadata": {"a": "y" * 600_000}}, "metadata of output 'x' has 600,"),
        ({"name": "x", "obj": b"x", "move": True}, "move=True for output 'x', which is no file"),
        ({"name": "x", "obj": b"x", "uri": 5}, "uri of output 'x' is 5"),
    ],
)
def test_a_wrong_argument_names_field_and_value(said: Said, step: Step, arguments: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        step.output(**arguments)
    assert said.state["artifacts"] == {}


def test_a_big_file_is_never_read_whole(step: Step, tmp_path: Path) -> None:
    """A sparse file larger than what the process may have of memory passes."""
    import resource

    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20), before[1]))
    try:
        artifact = step.output("big", path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert (artifact.state, artifact.size) == (None, 300 << 20)


def test_large_and_embedded_artifacts_go_by_claim_check() -> None:
    kafka = {"RUNREEL_KAFKA": "127.0.0.1:1", "RUNREEL_URL": "http://127.0.0.1:1", "RUNREEL_CLAIM_ABOVE": "10"}
    for environ, size, way in (
        (kafka, 10, "chunks"),
        (kafka, 11, "claim"),
        ({"RUNREEL_KAFKA": "127.0.0.1:1"}, 1 << 40, "chunks"),
        ({"RUNREEL_URL": "http://127.0.0.1:1"}, 1, "claim"),
        ({}, 1, "claim"),
    ):
        assert outputs.travels(runreel.settings.Settings(environ=environ, folder="/nonexistent"), size) == way


def test_outputs_from_many_threads_are_all_kept(said: Said, step: Step) -> None:
    threads = [threading.Thread(target=step.output, args=(f"o{i}", bytes([i]) * 1000)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {data.size for data in said.data(events.ARTIFACT)} == {1000}
    assert len(said.state["artifacts"]) == 16


def test_our_own_warnings_are_loggings(caplog: pytest.LogCaptureFixture, step: Step) -> None:
    """No print, no warnings.warn: the host decides where they go."""
    step.output("x", Path("/no/such"))
    assert [(record.name, record.levelno) for record in caplog.records] == [("runreel", logging.WARNING)]
