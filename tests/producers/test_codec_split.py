"""Long texts over several events: nothing is cut, and no piece ends within an escape or a code point."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runreel.codec import escape, unescape
from runreel.split import LEAST, encoded_size, split

text = st.text(st.one_of(st.sampled_from('\\xf0"\n\x00\U0001f600'), st.characters(codec="utf-8")), max_size=300)


@given(text, st.integers(LEAST, 100))
def test_pieces_joined_are_the_text_and_each_fits(whole: str, most: int) -> None:
    pieces = list(split(whole, most))
    assert "".join(pieces) == whole
    assert all(piece and encoded_size(piece) <= most for piece in pieces)


@given(st.binary(max_size=500), st.integers(LEAST, 60))
def test_no_piece_ends_within_an_escape(raw: bytes, most: int) -> None:
    """Each piece alone is whole: what every piece stands for, joined, is what the text stands for."""
    whole, escaped = escape(b"\xff" + raw)
    assert escaped
    pieces = list(split(whole, most))
    assert b"".join(unescape(piece) for piece in pieces) == b"\xff" + raw
    for piece in pieces:
        assert re.fullmatch(r"(\\\\|\\x[0-9a-f]{2}|[^\\])*", piece, re.DOTALL)


def test_a_line_of_megabytes_is_split_at_once() -> None:
    whole = "\\" * 1_000_000 + "a" * 3_000_000
    pieces = list(split(whole, 1_000_000))
    assert "".join(pieces) == whole
    assert len(pieces) < 9


def test_a_piece_needs_room() -> None:
    with pytest.raises(ValueError, match="a piece needs 26 bytes"):
        list(split("a", LEAST - 1))
