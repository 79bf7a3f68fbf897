"""Content by its SHA-256: written once, whole and verified."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from runreel.errors import NotFound, NotReachable
from runreel_consumers.blobs.leaving import content_keys, leaves
from runreel_consumers.store import Store


def digest(store: Store, keys: Sequence[str]) -> tuple[int, str]:
    """Size and SHA-256 (hex) of the concatenation of objects, read as a stream."""
    found, size = hashlib.sha256(), 0
    for key in keys:
        for data in store.stream(key):
            found.update(data)
            size += len(data)
    return size, found.hexdigest()


def difference(size: int, sha256: str, declared_size: int, declared_sha256: str | None) -> str | None:
    """What is wrong with what came, in one sentence, or None."""
    if size != declared_size:
        return f"{size} bytes came, {declared_size} were declared"
    if declared_sha256 not in (None, sha256):
        return f"what came has the SHA-256 {sha256}, {declared_sha256} was declared"
    return None


def keep(store: Store, size: int, sha256: str, keys: Sequence[str]) -> str:
    """Make the concatenation of objects content, unless it is there; answers its key.

    The bytes were verified before, for content that is there is trusted by all that come after.

    Raises:
        NotReachable: the objects changed meanwhile, or the store joined them wrongly.
    """
    key = next(each for each in content_keys(sha256) if not leaves(store, each))
    try:
        if store.info(key).size == size:
            return key
    except NotFound:
        pass
    store.compose(key, keys)
    made = store.info(key).size
    if made != size:
        store.delete([key])
        raise NotReachable(f"{key} came out with {made} bytes rather than {size}")
    return key
