"""The limit of open files, and how many streams fit below it."""

from __future__ import annotations

import resource

import pytest

from runreel_server import files


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "set_to", "streams"),
    [
        (1024, 1 << 20, 10_000, 10_300, 10_000),
        (20_000, 20_000, 10_000, None, 10_000),
        (1024, 4096, 10_000, 4096, 3_796),
        (256, 256, 10_000, None, 128),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_000, None, 10_000),
        (1024, resource.RLIM_INFINITY, 10_000, 10_300, 10_000),
    ],
)
def test_as_many_streams_are_taken_as_files_may_be_open(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, soft: int, hard: int, wanted: int,
    set_to: int | None, streams: int,
) -> None:  # fmt: skip
    """Beyond them nobody would be accepted, and nobody be told to come later."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert files.streams(wanted) == streams
    assert asked == ([] if set_to is None else [(set_to, hard)])
    assert ("RUNREEL_MAX_STREAMS=10000" in caplog.text) == (streams < wanted)
