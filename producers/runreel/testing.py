"""For tests of code that uses runreel: what it said, without a broker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runreel import codec, current, events
from runreel.events import Event
from runreel.state import fold, fold_streams
from runreel.surroundings import Surroundings, within
from runreel.transports.memory import MemoryTransport

PATIENCE = 30.0  # seconds that a look waits for what was said to come out of the spool


class Said:
    """What was said within `capture`. Each look first waits until all that was said has come out.

    The events went the whole way of real ones (spool, batches, sealed bytes, JSON) into a transport that keeps them,
    so what is seen here is what Kafka would have been sent. Heartbeats are left out.
    """

    def __init__(self) -> None:
        self.transports: list[MemoryTransport] = []
        """One for each session, in order of their beginning."""

    def transport(self) -> MemoryTransport:
        """A transport for one more session."""
        self.transports.append(MemoryTransport())
        return self.transports[-1]

    @property
    def events(self) -> list[Event]:
        """All events, each once, in order of time, session and seq."""
        for run in list(current.open_runs.values()):
            if not run.flush(PATIENCE):
                raise AssertionError(f"what run {run.id} said did not come out within {PATIENCE} s")
        told = [event for transport in self.transports for event in transport.events()]
        return sorted(told, key=lambda event: (event.time, event.session or "", event.seq or 0))

    @property
    def runs(self) -> list[str]:
        """The ids of the runs, in order of their first event."""
        return list(dict.fromkeys(event.run for event in self.events))

    @property
    def state(self) -> dict[str, Any]:
        """The folded state of the only run, as `GET /api/v1/runs/ID` gives it.

        Raises:
            AssertionError: there is not exactly one run; see `state_of`.
        """
        runs = self.runs
        assert len(runs) == 1, f"{len(runs)} runs were captured: ask for state_of(run)"
        return self.state_of(runs[0])

    def state_of(self, run: str) -> dict[str, Any]:
        """The folded state of one run."""
        told = [event for event in self.events if event.run == run]
        return fold(told).view(tally=fold_streams(told))

    def data(self, type: str, step: str | None = None) -> list[Any]:  # noqa: A002  # the contract's word
        """What the events of one type say, as structs of `runreel.events`; of one step's path, where it is given."""
        told = [event for event in self.events if event.type == type]
        return [codec.payload(event) for event in told if step is None or event.subject == step]

    def points(self, step: str | None, name: str) -> list[tuple[Any, Any]]:
        """The points of one series, as (index, value) in order of time; the index is None where none was given.

        Args:
            step: the step's path; None for the run itself.
            name: the series.
        """
        found: list[tuple[int, Any, Any]] = []
        for event in self.events:
            if event.type == events.METRICS and event.subject == step:
                data = codec.payload(event)
                if data.name == name:
                    at = [None] * len(data.value) if data.at is None else codec.read(data.at)
                    found += zip(data.time, at, codec.read(data.value), strict=True)
        return [(at, value) for _, at, value in sorted(found, key=lambda point: point[0])]

    def lines(self, step: str | None = None) -> list[tuple[str, str]]:
        """The lines of one step's log (None: the run's own), as (level, text) in order of time."""
        found: list[tuple[int, str, str]] = []
        for event in self.events:
            if event.type == events.LOGS and event.subject == step:
                data = codec.payload(event)
                found += zip(data.time, data.level, data.text, strict=True)
        return [(level, text) for _, level, text in sorted(found, key=lambda line: line[0])]


@contextmanager
def capture(environ: Mapping[str, str] | None = None) -> Iterator[Said]:
    """Capture what runs say that are started, or joined, in this block::

        with runreel.testing.capture() as said:
            my_pipeline()
        assert said.state["steps"]["train"]["state"] == "SUCCEEDED"
        assert said.points("train", "loss")[-1] == (9, 0.31)

    Nothing leaves the process, nothing of the environment or of `runreel.toml` counts, and runs that are still open at
    the block's end are ended. Artifacts stay on this machine: `artifact.path()` has them until then. What processes
    say that the block starts is not captured.

    Args:
        environ: `RUNREEL_*` variables that the code under test is to find.
    """
    said = Said()
    with tempfile.TemporaryDirectory(prefix="runreel-testing-") as folder:
        found = {"RUNREEL_STATE_DIR": folder, "RUNREEL_ENVIRONMENT": "0", "RUNREEL_SIGNALS": "0", **(environ or {})}
        shelf = Path(folder, "artifacts")
        shelf.mkdir()
        before = set(current.open_runs)
        with within(Surroundings(found, transport=said.transport, folder=folder, shelf=shelf)):
            try:
                yield said
            finally:
                for number, run in reversed(list(current.open_runs.items())):
                    if number not in before:
                        run.finish()
