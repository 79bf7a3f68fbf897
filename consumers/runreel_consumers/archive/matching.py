"""Which lines are wanted: by level and by text, many at a time, and in bounded time whatever is asked for."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

LARGEST: Final = 1_000
"""Instructions that an expression may have: each may cost some nanoseconds a character."""

PIECE: Final = 65_536
"""A longer text is searched by an expression in pieces of so many characters, or one line would hold everything up."""

SECONDS: Final = 2.0
"""What one block of lines may take before an expression is refused; another one answers in milliseconds."""

_QUICK: Final = 0.01
_MOST: Final = 8 << 20

Mask = npt.NDArray[np.bool_]


class Match:
    """Tells which lines are wanted.

    Args:
        levels: only these levels, whatever their case.
        q: only lines with this text, whatever its case.
        regex: only lines in which this regular expression (RE2) is found.

    Raises:
        ValueError: `regex` is none, or too large.
    """

    def __init__(self, levels: frozenset[str] | None = None, q: str | None = None, regex: str | None = None) -> None:
        self.levels = None if levels is None else frozenset(level.upper() for level in levels)
        self._q, self._regex = q, regex
        if regex is not None:
            _check(regex)

    @property
    def of_text(self) -> bool:
        """Whether texts are looked at."""
        return self._q is not None or self._regex is not None

    @property
    def everything(self) -> bool:
        """Whether all lines are wanted."""
        return self.levels is None and not self.of_text

    def level(self, levels: pa.Array) -> Mask:
        """Which of these levels are wanted; not to be asked where `levels` is None."""
        known = pa.array(sorted(self.levels or ()), pa.string())
        found: Mask = pc.is_in(pc.utf8_upper(levels), known).to_numpy(zero_copy_only=False)
        return found

    def level_in(self, data: pa.Array) -> Mask:
        """Which log events, as JSON, may have lines of the wanted levels: most need not be decoded to see that they
        have none. A level may be spelled with escapes."""
        levels = sorted(self.levels or ())
        if not all(level.isascii() and level.isprintable() for level in levels):
            return np.ones(len(data), np.bool_)
        words = "|".join(re.escape(json.dumps(level)[1:-1]) for level in levels)
        found: Mask = pc.match_substring_regex(data, rf'(?i)"(?:{words})"|\\u00[2-7]').to_numpy(zero_copy_only=False)
        return found

    def text(self, texts: pa.Array) -> Mask:
        """Which of these texts are wanted.

        Raises:
            ValueError: the expression takes too long.
        """
        mask: Mask = np.ones(len(texts), np.bool_)
        if self._q is not None:
            mask = pc.match_substring(texts, self._q, ignore_case=True).to_numpy(zero_copy_only=False)
        if self._regex is not None and mask.any():
            where = np.flatnonzero(mask)
            mask[where] = self._search(texts if len(where) == len(texts) else texts.take(pa.array(where)))
        return mask

    def _search(self, texts: pa.Array) -> Mask:
        sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False)
        found = np.zeros(len(texts), np.bool_)
        started = time.perf_counter()
        long = np.flatnonzero(sizes > PIECE)
        short = np.flatnonzero(sizes <= PIECE)
        for part, at in _parts(texts if not len(long) else texts.take(pa.array(short)), sizes[short]):
            found[short[at : at + len(part)]] = pc.match_substring_regex(part, self._regex)
            self._hurry(started)
        for index in long.tolist():
            text = texts[index].as_py()
            for begin in range(0, len(text), PIECE):
                if pc.match_substring_regex(pa.array([text[begin : begin + PIECE]]), self._regex)[0].as_py():
                    found[index] = True
                    break
                self._hurry(started)
        return found

    def _hurry(self, started: float) -> None:
        if time.perf_counter() - started > SECONDS:
            raise ValueError(
                f"regex={self._regex!r} takes too long here: repeat less in it, or give fewer alternatives"
            )


def _parts(texts: pa.Array, sizes: npt.NDArray[np.int32]) -> Iterator[tuple[pa.Array, int]]:
    """Texts in parts that grow while they take little time, so that the clock is looked at often enough."""
    ends = np.cumsum(sizes, dtype=np.int64)
    at, room = 0, PIECE
    while at < len(texts):
        end = max(at + 1, int(np.searchsorted(ends, (ends[at - 1] if at else 0) + room, "right")))
        began = time.perf_counter()
        yield texts.slice(at, end - at), at
        at = end
        if time.perf_counter() - began < _QUICK:
            room = min(2 * room, _MOST)


def _check(regex: str) -> None:
    import re2  # not before it is needed: most who read the archive search nothing

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 1 << 20  # refuses what would be huge before it is made
    try:
        size = re2.compile(regex, options).programsize
        pc.match_substring_regex(pa.array([""]), regex)
    except (re2.error, pa.ArrowInvalid) as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        if "too large" not in reason:
            raise ValueError(f"regex={regex!r} is no expression that RE2 takes: {reason}") from None
        size = LARGEST + 1
    if size > LARGEST:
        raise ValueError(f"regex={regex[:100]!r} is too large: repeat less in it, or give fewer alternatives")
