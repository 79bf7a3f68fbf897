"""One limit for everything that a shutdown does."""

from __future__ import annotations

import math

import pytest

from runreel.deadline import Deadline


def test_a_deadline_runs_down_and_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    deadline = Deadline(5)
    assert (deadline.left(), deadline.left(2), deadline.expired) == (5, 2, False)
    now = 104.0
    assert deadline.left(2) == 1
    now = 200.0
    assert (deadline.left(), deadline.expired) == (0, True)


def test_no_limit_never_expires_and_a_past_one_has() -> None:
    assert (Deadline(None).left(), Deadline(None).expired) == (math.inf, False)
    assert (Deadline(-1).left(), Deadline(-1).expired) == (0, True)
