"""What of a view an event has changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

Part = tuple[str, str]
"""A part of the view: its kind (run, step, artifact, session, view, series) and its key there."""

Touched = Collection[Part]
"""The parts that may have changed; the same one may stand there twice."""

RUN: Final[Part] = ("run", "")
"""The run's own fields."""
