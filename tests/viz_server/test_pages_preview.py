"""Artifacts as their viewers show them."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from page_app import MATRIX, ROC, table
from runreel_server.pages.artifact_page import rows_said
from runreel_server.pages.markdown import render
from runreel_server.pages.preview import TEXT_LIMIT, kind_of, preview, slices
from runreel_server.pages.tables import csv_page, parquet_page

PARQUET = table()


def opened(data: bytes) -> Any:
    return lambda: io.BytesIO(data)


@given(st.integers(0, 1_100), st.integers(1, 300))
def test_a_page_of_a_parquet_file_is_that_part_of_the_whole(row: int, rows: int) -> None:
    page = parquet_page(opened(PARQUET), row, rows)
    whole = pq.read_table(io.BytesIO(PARQUET)).slice(row, rows).to_pydict()
    assert page["rows"] == [list(one) for one in zip(*whole.values(), strict=True)]
    assert page["total"] == 1_000


def test_a_profile_tells_type_nulls_distinct_and_shape() -> None:
    month, delay, carrier, tail = parquet_page(opened(PARQUET), 0, 1, profiled=True)["columns"]
    assert (month["type"], month["numeric"], len(month["histogram"]), sum(month["histogram"])) == (
        "int8",
        True,
        12,
        1_000,
    )
    assert delay["null"] == pytest.approx(25 / 1_000)
    assert (carrier["distinct"], sum(carrier["histogram"])) == (2, 1_000)
    assert (tail["distinct"], tail["histogram"]) == (1_000, [])


def test_nulls_are_counted_over_all_rows_though_the_rest_is_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runreel_server.pages.tables.SAMPLE", 10)
    page = parquet_page(opened(PARQUET), 0, 1, profiled=True)
    assert page["sampled"] == 10
    assert page["columns"][1]["null"] == pytest.approx(25 / 1_000)


def test_only_the_row_groups_that_hold_the_rows_are_read() -> None:
    reads: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            reads.append(len(data))
            return data

    wide = pa.table({"x": [f"{n:06d}" * 50 for n in range(4_000)]})
    buffer = io.BytesIO()
    pq.write_table(wide, buffer, row_group_size=500, compression="none", use_dictionary=False)
    parquet_page(lambda: Counting(buffer.getvalue()), 2_000, 10)
    assert sum(reads) < len(buffer.getvalue()) / 3


def test_a_csv_file_is_paged_and_its_rows_counted() -> None:
    data = b"n,name\n" + b"".join(b"%d,row %d\n" % (n, n) for n in range(5_000))
    page = csv_page(opened(data), 4_990, 100, len(data), profiled=True)
    assert page["rows"][0] == [4_990, "row 4990"]
    assert (len(page["rows"]), page["total"]) == (10, 5_000)
    assert page["columns"][0]["numeric"]


def test_a_large_csv_file_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runreel_server.pages.tables.COUNTED", 1_000)
    data = b"n\n" + b"1234567\n" * 1_000_000
    page = csv_page(opened(data), 0, 10, len(data))
    assert page["total"] is None
    assert rows_said(page) == "rows 1–10, and more"


def test_a_csv_file_whose_types_change_on_the_way_is_text() -> None:
    data = b"n\n" + b"1\n" * 400_000 + b"later\n"
    page = csv_page(opened(data), 400_000, 5, len(data))
    assert page["rows"] == [["later"]]


@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_what_is_no_table_says_so(name: str) -> None:
    shown = preview({"type": "Table", "name": name}, opened(b"\x00\x01 no table"), 0, 10)
    assert shown["kind"] == "none"
    assert "no readable" in shown["reason"]


def test_cells_that_json_cannot_hold_are_text() -> None:
    frame = pa.table(
        {
            "big": pa.array([2**60]),
            "f": pa.array([float("inf")]),
            "b": pa.array([b"\xff\x00"]),
            "long": ["x" * 5_000],
            "l": [[1, 2]],
        }
    )
    buffer = io.BytesIO()
    pq.write_table(frame, buffer)
    row = parquet_page(opened(buffer.getvalue()), 0, 1)["rows"][0]
    assert row[:3] == [str(2**60), "Infinity", "ff00"]
    assert row[3].endswith("… (5,000 characters)")
    assert row[4] == "[1, 2]"


@pytest.mark.parametrize(
    ("artifact", "kind"),
    [
        ({"type": "Table", "name": "t"}, "parquet"),
        ({"type": "Dataset", "name": "d.csv"}, "csv"),
        ({"type": "Dataset", "name": "d", "media_type": "text/csv; charset=utf-8"}, "csv"),
        ({"type": "Image", "name": "i"}, "image"),
        ({"type": "HTML", "name": "h"}, "html"),
        ({"type": "Markdown", "name": "m"}, "markdown"),
        ({"type": "Plotly", "name": "p"}, "plotly"),
        ({"type": "Artifact", "name": "x", "media_type": "image/png"}, "image"),
        ({"type": "Artifact", "name": "x", "media_type": "application/json"}, "text"),
        ({"type": "Model", "name": "m.joblib"}, "none"),
        ({"type": "Metrics", "name": "m", "metadata": {"auc": 0.9}}, "metrics"),
        ({"type": "ClassificationMetrics", "name": "m", "metadata": {"confusionMatrix": MATRIX}}, "classification"),
    ],
)
def test_the_viewer_follows_the_type(artifact: dict[str, Any], kind: str) -> None:
    assert kind_of(artifact) == kind


def test_a_long_text_says_that_it_is_not_whole() -> None:
    shown = preview(
        {"type": "Artifact", "media_type": "text/plain", "size": TEXT_LIMIT + 1}, opened(b"x" * (TEXT_LIMIT + 1))
    )
    assert (shown["whole"], len(shown["text"])) == (False, TEXT_LIMIT)


def test_an_artifact_that_failed_says_why() -> None:
    assert preview({"type": "Table", "state": "failed", "reason": "disk full"}, opened(b"")) == {
        "kind": "none",
        "reason": "disk full",
    }


def test_classification_metrics_have_their_curve_matrix_and_area() -> None:
    (found,) = slices({"confidenceMetrics": ROC, "confusionMatrix": MATRIX})
    assert found["confusion"]["labels"] == ["early", "on time", "late"]
    assert [found["roc"][0]["x"], found["roc"][-1]["x"]] == [0.0, 1.0]
    assert found["auc"] == pytest.approx(0.815, abs=0.005)


def test_sliced_metrics_have_a_part_for_each_slice() -> None:
    given = {
        "evaluationSlices": [
            {"slice": "EWR", "sliceClassificationMetrics": {"confusionMatrix": MATRIX}},
            {"slice": "JFK"},
            7,
        ]
    }
    assert [one["name"] for one in slices(given)] == ["EWR"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"confusionMatrix": 3},
        {"confusionMatrix": {"annotationSpecs": [{}], "rows": []}},
        {"confidenceMetrics": [{"recall": "x"}, 4]},
        {},
    ],
)
def test_metrics_of_another_form_are_left_out(metadata: dict[str, Any]) -> None:
    assert slices(metadata) == []


def test_markdown_has_no_html_of_its_own_no_script_links_and_no_images() -> None:
    html = render("<b>x</b> [a](javascript:alert(1)) ![p](http://example.org/x.png) **bold**")
    assert "<b>" not in html
    assert "javascript:" not in html.replace("(javascript:", "")
    assert "<img" not in html
    assert "<strong>bold</strong>" in html
