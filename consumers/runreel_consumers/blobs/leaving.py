"""Content that nobody refers to any more: it is marked, and goes a grace later.

Content is stored once for many runs, and whoever stores the same bytes trusts what is there. So what is marked is
trusted no more (the same bytes are then stored under another name), and it goes only when whoever trusted it before has
had time to say so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from runreel.errors import NotFound
from runreel_consumers.store import Store

LEAVING: Final = "leaving/"
GRACE_SECONDS: Final = 3600.0
"""How long marked content stays: longer than an artifact takes from its bytes to its info, or any process freezes."""

_CONTENT: Final = "content/"
_GONE: Final = b"gone"
_SECOND: Final = 1_000_000


def content_keys(sha256: str) -> Iterable[str]:
    """The names that bytes of this SHA-256 may lie under, in the order in which they are taken."""
    yield f"{_CONTENT}{sha256}"
    number = 1
    while True:
        yield f"{_CONTENT}{sha256}~{number}"
        number += 1


def leaves(store: Store, content: str) -> bool:
    """Whether content is marked: it may be gone at any moment, or is."""
    try:
        store.info(_mark(content))
    except NotFound:
        return False
    return True


def mark(store: Store, contents: Iterable[str]) -> None:
    """Mark content that nobody refers to."""
    for content in contents:
        if not leaves(store, content):
            store.put(_mark(content), b"")


def marked(store: Store) -> bool:
    """Whether any content is marked."""
    return any(True for _ in store.list(LEAVING))


def sweep(store: Store, referred: Collection[str], now: int, grace: float = GRACE_SECONDS) -> int:
    """Delete marked content, a grace after it was marked; answers how much.

    The mark then says so, and stays for another grace: until the slowest of those who sweep at once has done it.

    Args:
        store: where it lies.
        referred: the content that artifacts refer to now: it stays.
        now: microseconds since 1970.
        grace: seconds.
    """
    gone = 0
    for info in list(store.list(LEAVING)):
        content = _CONTENT + info.key.removeprefix(LEAVING)
        if now - info.modified < grace * _SECOND:
            continue
        if info.size or content in referred:  # it is gone; or somebody found it before it was marked
            store.delete([info.key])
        else:
            store.delete([content])
            store.put(info.key, _GONE)
            gone += 1
    return gone


def _mark(content: str) -> str:
    return LEAVING + content.removeprefix(_CONTENT)
