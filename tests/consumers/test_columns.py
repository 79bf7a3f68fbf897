"""The log's columns: events to Arrow and back."""

from __future__ import annotations

import random

import pyarrow as pa

from runreel import events as ev
from runreel.events import Event
from runreel_consumers.archive import columns
from runs import RUN, random_run


def test_events_come_back_as_they_were() -> None:
    """With all that an envelope may lack, in one table and in many chunks, and where there are none."""
    said = random_run(random.Random(3), steps=12)
    bare = Event(type="other.type", run=RUN, time=5, id="x", source="/s", data='{"t":"é\\u0000"}'.encode())
    beat = Event(type=ev.HEARTBEAT, run=RUN, time=6, id="y", source="/s", session="s", extra={"a": [1, None]})
    events = [bare, *said, beat]
    made = columns.table(events, [event.time + 1 for event in events], range(len(events)), 0, 0)
    assert columns.events_of(made) == events
    assert [row.received for row in columns.rows_of(made)] == [event.time + 1 for event in events]
    parts = [made.slice(start, 5) for start in range(0, len(events), 5)]
    assert columns.events_of(pa.concat_tables(parts)) == events
    assert columns.events_of(made.slice(0, 0)) == []
