"""Plotly's script from the installed package, and what a page must know to run it under a strict policy.

Plotly makes its style rules with `insertRule` into a style element of its own, which a Content-Security-Policy
forbids. It leaves that be where the page links a sheet with the element's id and the class `no-inline-styles`
(https://plotly.com/javascript/strict-csp/ has the idea); so the rules are taken from the script itself, and follow
the version that is installed. What it puts into style elements as text is allowed by hash.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import logging
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

STYLE_ID = "plotly.js-style-global"

_STRING = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_RULE = re.compile(rf"({_STRING}|[A-Za-z_$][\w$]*):({_STRING})")
_RULES = re.compile(rf"\{{((?:(?:{_STRING}|[A-Za-z_$][\w$]*):{_STRING},?)+)\}};\s*for\(")
_NAMES = re.compile(r"""\.replace\(/X/g,\s*(["'])(.*?)\1\)\.replace\(/Y/g,\s*(["'])(.*?)\3\)""")
_INLINE = re.compile(rf"""createElement\(["']style["']\)[^{{}}]{{0,300}}?\.textContent=({_STRING})""")
_REACH = 60_000  # how far before its use, in characters, the table of rules may begin


class Bundle(NamedTuple):
    """Plotly's script, the sheet that stands for the rules it would insert, and the hashes of its inline styles."""

    script: bytes
    css: str
    style_hashes: tuple[str, ...]


def _text(literal: str) -> str:
    """The value of a JavaScript string literal without line continuations."""
    body = literal[1:-1].replace("\\'", "'")
    if literal[0] == "'":
        body = re.sub(r'(?<!\\)"', '\\"', body)
    text: str = json.loads(f'"{body}"')
    return text


def css_of(script: str) -> str:
    """The rules that `script` would insert, as a style sheet in the order that they would have; "" if none are found.

    Each rule is inserted before the ones that came first, so the sheet has them in reverse.
    """
    names = _NAMES.search(script)
    if names is None:
        return ""
    before = script[max(0, names.start() - _REACH) : names.start()]
    tables = list(_RULES.finditer(before))
    if not tables:
        return ""
    sheet = []
    for key, body in _RULE.findall(tables[-1][1]):
        selector = _text(key) if key[0] in "\"'" else key
        selector = re.sub(r"^,", " ,", selector).replace("X", names[2]).replace("Y", names[4])
        sheet.append(f"{selector}{{{_text(body)}}}")
    return "\n".join(reversed(sheet)) + "\n"


def style_hashes_of(script: str) -> tuple[str, ...]:
    """sha256, in base64, of each text that `script` puts into a style element."""
    texts = [_text(found[1]) for found in _INLINE.finditer(script)]
    return tuple(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)


@cache
def bundle() -> Bundle:
    """Plotly's bundle from the installed plotly package, read once.

    Raises:
        FileNotFoundError: the plotly package is not installed, or has no script.
    """
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("plotly is not installed: pip install 'runreel[server]'")
    script = (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()
    text = script.decode()
    css = css_of(text)
    if not css:
        log.warning("no style rules found in the installed plotly: its charts will look bare; another version may do")
    return Bundle(script, css, style_hashes_of(text))
