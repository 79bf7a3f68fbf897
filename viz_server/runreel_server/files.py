"""How many connections a process may hold: each is an open file."""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger(__name__)

OTHERS: Final = 300
"""Files that are left to everything but streams: other requests, the store, Kafka, the catalog's index."""


def streams(wanted: int) -> int:
    """How many live streams this process can hold, of `wanted`, its limit of open files raised as far as it may be.

    At that limit no connection is accepted at all, and who comes would wait rather than be told to come later.
    """
    try:
        import resource
    except ImportError:  # not a Unix: no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHERS
    if hard != resource.RLIM_INFINITY:
        needed = min(needed, hard)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        allowed = soft
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        allowed = needed
    if allowed == resource.RLIM_INFINITY or allowed >= wanted + OTHERS:
        return wanted
    found = max(allowed - OTHERS, allowed // 2)
    log.warning(
        "RUNREEL_MAX_STREAMS=%d: %d open files allow for %d; raise the limit (ulimit -n)", wanted, allowed, found
    )
    return found
