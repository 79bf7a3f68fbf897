"""What a page shows of a file for which its type has no viewer."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from runreel_server.pages import files
from runreel_server.pages.preview import preview


def shown(data: bytes, **artifact: Any) -> dict[str, Any]:
    return preview({"type": "Artifact", "name": "x", **artifact}, lambda: io.BytesIO(data))


def zipped(names: int, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for number in range(names):
            archive.writestr(f"part/{number}.txt", "x" * number)
    return buffer.getvalue()


def test_a_text_is_known_by_its_bytes() -> None:
    for name in ("conf.yaml", "train.py", "rows.jsonl", "noending"):
        found = shown("größe: 3\n".encode(), name=name, media_type="application/octet-stream")
        assert (found["kind"], found["text"]) == ("text", "größe: 3\n")


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_sign_that_is_cut_makes_a_text_no_other(cut: int) -> None:
    text = "x" * (files._HEAD - cut) + "€€€"
    assert shown(text.encode())["text"] == text


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01", b"PAR1\x15\x04", b"\x80\x04\x95pickle", b"caf\xe9 au lait", b"x\xe2\x82"]
)
def test_what_is_no_text_has_no_viewer(data: bytes) -> None:
    assert shown(data, type="Model") == {"kind": "none", "reason": "no viewer for Model"}


def test_a_zip_shows_what_is_in_it() -> None:
    found = shown(zipped(3), media_type="application/zip")
    entries = [{"name": f"part/{number}.txt", "size": number} for number in range(3)]
    assert found == {"kind": "zip", "entries": entries, "total": 3}
    assert (len((many := shown(zipped(1_200)))["entries"]), many["total"]) == (files.MOST_ENTRIES, 1_200)


def test_a_folder_in_a_zip_is_no_file() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.mkdir("part")
        archive.writestr("part/0.txt", "x")
    assert shown(buffer.getvalue()) == {"kind": "zip", "entries": [{"name": "part/0.txt", "size": 1}], "total": 1}


def test_a_zip_of_a_version_to_come_says_so() -> None:
    data = bytearray(zipped(1))
    data[data.find(b"PK\x01\x02") + 6] = 99
    assert "zip file version" in shown(bytes(data))["reason"]


def test_a_zip_that_is_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no readable zip" in shown(zipped(3)[:100])["reason"]
    monkeypatch.setattr(files, "_DIRECTORY", 1_000)
    assert "longer than" in shown(zipped(100))["reason"]


def test_json_of_one_line_is_shown_over_several_and_colours_are_left_out() -> None:
    one = shown(b'{"a":1.50,"a":[1e5]}', media_type="application/json")
    assert one["text"] == '{\n  "a": 1.50,\n  "a": [\n    1e5\n  ]\n}'
    assert shown(b'{"a":\n1}', name="x.json", media_type="application/json")["text"] == '{"a":\n1}'
    assert shown(b"{not json", media_type="application/json")["text"] == "{not json"
    assert shown(b"\x1b[31;1mred\x1b[0m", name="a.log", media_type="text/plain")["text"] == "red"


@pytest.mark.parametrize(("deep", "times"), [(900, 200), (1_100, 1), (200_000, 1)])
def test_json_that_would_grow_without_bound_is_shown_as_it_is(deep: int, times: int) -> None:
    data = f"[{','.join(['[' * deep + ']' * deep] * times)}]"
    assert shown(data.encode(), media_type="application/json")["text"] == data


def test_a_text_of_json_that_does_not_end_is_gone_through_once() -> None:
    data = '["' + '\\"' * 300_000
    assert shown(data.encode(), media_type="application/json")["text"] == data


def test_brackets_in_the_texts_of_json_are_none() -> None:
    found = shown(b'["' + b'\\"[' * 9_000 + b'",1]', media_type="application/json")
    assert found["text"].count("\n") == 3
