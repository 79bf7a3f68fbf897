"""JSON merge patches (RFC 7396): what turns one state into another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that turns `old` into `new`; empty where they are equal. Absent and null mean the same."""
    patch: dict[str, Any] = {}
    for key, value in new.items():
        before = old.get(key)
        if before == value and type(before) is type(value):
            continue
        patch[key] = difference(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
        if patch[key] == {} and isinstance(before, dict) and before:
            del patch[key]
    for key, value in old.items():
        if key not in new and value is not None:
            patch[key] = None
    return patch
