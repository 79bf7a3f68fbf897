"""Markdown as HTML that may stand in a page: raw HTML in it is text, and nothing is loaded from elsewhere."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup


@cache
def _renderer() -> MarkdownIt:
    # "image" is off: the page's policy would load none from elsewhere, and a link says what there is
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"]).disable("image")
    )


def render(source: str) -> Markup:
    """`source` as HTML. Links to `javascript:` and the like are left as text (markdown-it's rule)."""
    html: str = _renderer().render(source)
    return Markup(html)
