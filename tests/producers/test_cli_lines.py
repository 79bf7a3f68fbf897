"""Bytes to lines: nothing is lost, however they come in."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runreel.cli import lines
from runreel.cli.lines import Lines


def cut(pieces: Iterable[bytes]) -> list[bytes]:
    """The lines of a stream that comes in these pieces."""
    found = Lines()
    return [line for piece in pieces for line in found.feed(piece)] + list(found.end())


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", []),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"\n\n", [b"", b""]),
        (b"\r 10%\r 20%\rdone\n", [b" 10%\r", b" 20%\r", b"done"]),
        (b" 10%\r 20%", [b" 10%\r", b" 20%"]),
        (b"bar\r", [b"bar\r"]),
        (b"\x00\xff\n", [b"\x00\xff"]),
    ],
)
def test_lines_end_as_in_a_terminal(stream: bytes, expected: list[bytes]) -> None:
    assert cut([stream]) == expected


@given(st.lists(st.text("ab\r\n", max_size=6).map(str.encode), max_size=8))
def test_it_does_not_matter_how_the_stream_is_cut(pieces: list[bytes]) -> None:
    """A `\\r\\n` that comes in two pieces is one end of a line, not two."""
    assert cut(pieces) == cut([b"".join(pieces)])


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_byte_but_those_of_line_ends_is_lost(pieces: list[bytes]) -> None:
    kept = b"".join(cut(pieces)).translate(None, b"\r\n")
    assert kept == b"".join(pieces).translate(None, b"\r\n")


@given(st.text("aé\U0001f600", min_size=1, max_size=60), st.integers(4, 16), st.integers(1, 9))
def test_a_line_without_an_end_is_held_in_bounded_memory(text: str, longest: int, size: int) -> None:
    """It is told in pieces, and no character is cut in two."""
    raw = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "LONGEST", longest)
        found = cut(raw[i : i + size] for i in range(0, len(raw), size))
    assert b"".join(found) == raw
    assert all(len(piece) <= longest for piece in found[:-1])
    assert "".join(piece.decode() for piece in found) == text
