"""Modules as they are served: each in one line, without comments and the spaces between signs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<template>`)
      | (?P<space>\s+)
      | (?P<word>[\w$#]+)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*")
_AFTER_VALUE: Final = re.compile(r"[\w$)\]}`\"']$")
_BEFORE_REGEX: Final = frozenset({"return", "typeof", "case", "in", "of", "void", "delete", "await", "yield", "else"})


def slim(source: str) -> str:
    """A module in one line, without its comments and the spaces that part no words: an error names the module by its
    line, and the place by its column.

    Every statement ends in `;` or `}`, for the end of a line ends none here.

    What `/` begins is told by what stands before it: after a word, a bracket that closes or a literal it divides, so no
    regular expression may stand right behind `)` or `}`. A test of the modules holds that they say the same as before.
    """
    made: list[str] = []
    last = ""  # the last token that is no space
    gap = False
    for kind, token in _tokens(source):
        if kind in ("comment", "space"):
            gap = True
        else:
            if gap and last and _parts(last[-1], token[0]):
                made.append(" ")
            made.append(token)
            last, gap = token, False
    return "".join(made)


def _parts(before: str, after: str) -> bool:
    """Whether a space between two tokens is needed."""
    words = (before.isalnum() or before in "_$#") and (after.isalnum() or after in "_$#\\")
    return words or (before == after and before in "+-/")


def _tokens(source: str, at: int = 0, end: str = "") -> Iterator[tuple[str, str]]:
    """The tokens from `at` on: all, or those up to a brace that closes what was open before."""
    last, word, depth = "", "", 0
    while at < len(source):
        if source[at] == "/" and (not _AFTER_VALUE.search(last) or word in _BEFORE_REGEX):
            found = None if source[at + 1 : at + 2] in ("/", "*") else _REGEX.match(source, at)
            if found is not None:
                yield "regex", found.group()
                at, last, word = found.end(), ")", ""
                continue
        match = _TOKEN.match(source, at)
        assert match is not None
        kind, token = str(match.lastgroup), match.group()
        if kind == "template":
            token = _template(source, at)
        if end and token in "{}":
            depth += 1 if token == "{" else -1
            if depth < 0:
                return
        yield kind, token
        at += len(token)
        if kind not in ("comment", "space"):
            last, word = token, token if kind == "word" else ""


def _template(source: str, at: int) -> str:
    """The template literal that begins there, as it stands: what lies between its braces may hold others."""
    start = at
    at += 1
    while source[at] != "`":
        if source[at] == "\\":
            at += 2
        elif source.startswith("${", at):
            at += 2 + sum(len(token) for _, token in _tokens(source, at + 2, "}")) + 1
        else:
            at += 1
    return source[start : at + 1]
