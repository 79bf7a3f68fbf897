"""Amounts as people read them, on the pages and in the terminal; `static/js/core/format.js` says the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

NOTHING: Final = "–"


def span(seconds: float | None) -> str:
    """A duration in seconds as m:ss, h:mm:ss or "3 d 4 h"; below one second as "0.4 s" or "12 ms"."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if 0 < seconds < 1:
        if seconds >= 0.1:
            return f"{math.floor(seconds * 10) / 10:.1f} s"
        return f"{math.floor(seconds * 1000)} ms" if seconds >= 0.001 else "<1 ms"
    whole = int(max(0.0, seconds))
    if whole >= 172_800:
        return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def guess(seconds: float | None) -> str:
    """A time that is left, about: "≈ 0:04". Whole seconds, for nobody knows it better."""
    return f"≈ {span(seconds if seconds is None else seconds // 1)}"


def size(number: float | None) -> str:
    """Bytes in decimal units: 48 kB, 3.1 MB, 2.1 GB."""
    if number is None:
        return NOTHING
    if number < 1000:
        return f"{round(number)} B"
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.5 or unit == "TB":
            break
    return f"{number:.1f} {unit}" if number < 99.95 and unit != "kB" else f"{round(number):,} {unit}"


def size_of(artifact: Mapping[str, Any]) -> str:
    """How large an artifact of the state is: "2.1 GB"; of one that is not whole how much of it has come, as far as
    that is known: "1.2 of 2.1 GB", or "1.2 GB so far" where nobody said how large it becomes.
    """
    there, whole = artifact.get("size"), artifact.get("declared")
    coming = artifact.get("state") == "pending" and artifact.get("sent") is not None
    if coming:
        there = artifact["sent"]
    if there is None or not (coming or artifact.get("state") == "incomplete"):
        return "" if there is None else size(there)
    if whole is None:
        return f"{size(there)} so far" if coming else size(there)
    number, unit = size(there).split(" ")
    of = size(whole)
    return f"{number if of.endswith(f' {unit}') else f'{number} {unit}'} of {of}"
