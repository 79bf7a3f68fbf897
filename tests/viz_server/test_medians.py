"""What earlier runs took, as a server knows it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from runreel.codec import iso
from runreel_consumers.catalog.pipelines import Took, folder, write
from runreel_consumers.store import DirectoryStore
from runreel_server.estimates import Medians, medians

MINUTE = 60_000_000


def run(started: int) -> dict[str, Any]:
    return {"workspace": "default", "pipeline": "p", "started": iso(started)}


@pytest.mark.parametrize(("age", "known"), [(MINUTE // 2, True), (2 * MINUTE, False)])
def test_what_the_run_before_took_is_known_soon_after_a_run_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: int, known: bool
) -> None:
    """It may be filed after the next one was first looked at; of a run that is older the answer is kept for longer."""
    monkeypatch.setattr(medians, "YOUNG_SECONDS", 0.0)
    store, now = DirectoryStore(tmp_path), time.time_ns() // 1000
    asked, mine = Medians(store), run(now - age)
    assert asked.of(mine) == {}
    write(store, f"{folder('default', 'p')}one", [Took("r", iso(now - 10 * MINUTE), 9.0, {"load": 4.0})])
    assert asked.of(mine) == ({"run": 9.0, "steps": {"load": 4.0}} if known else {})
