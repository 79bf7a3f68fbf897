"""Listings in the order of the keys' bytes, from servers that list folder by folder.

Amazon S3 and MinIO sort keys by their bytes; SeaweedFS sorts the names in each folder, so that `a/x` comes before
`a-b`, although `-` is less than `/`. Both orders are equal but where one name continues another with such a character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runreel_consumers.store.base import Info


def by_bytes(infos: Iterable[Info], base: str) -> Iterator[Info]:
    """Infos below the folder `base` in the order of their keys' bytes, whichever of the two orders they come in.

    Holds what lies in one folder right below `base` at a time, for what comes after it may belong before it.
    """
    held: list[Info] = []
    beyond = ""
    for info in infos:
        if held and info.key >= beyond:  # text compares as its UTF-8 bytes do
            yield from sorted(held, key=lambda one: one.key)
            held = []
        name, slash, _ = info.key[len(base) :].partition("/")
        if held:
            held.append(info)
        elif slash:
            held, beyond = [info], base + name + "0"  # `0` follows `/`
        else:
            yield info
    yield from sorted(held, key=lambda one: one.key)


def safe_start(after: str, base: str) -> str:
    """Where a listing below the folder `base` may start, in either order, to have all keys greater than `after`.

    It is cut before the first character that the two orders disagree on. Then the last one goes: a SeaweedFS that is
    to start after a folder's name leaves out what lies in it.
    """
    end = next((index for index in range(len(base), len(after)) if after[index] < "/"), len(after))
    start = after[len(base) : end].rstrip("/")[:-1]
    while start.endswith("/"):
        start = start.rstrip("/")[:-1]
    return start and base + start
