"""What the fold costs: an event, a run of 20,000, a part of a view, a keyframe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from runreel import events as ev
from runreel.codec import decode, encode
from runreel.events import Event
from runreel.state import RunState, Tally
from runs import SECOND, Clock, Voice

STEPS = 5_000
POINTS = 1_000


def structure() -> list[Event]:
    """20,000 events of structure: 5,000 steps, each with params, an output and an end."""
    voice = Voice("a" * 32, Clock())
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="p"))
    for number in range(STEPS):
        path, execution = f"group-{number % 50}/step-{number}", f"{number:016x}"
        voice.start(path, execution, total=3)
        voice.say(ev.PARAMS, {"seed": number, "rate": 0.1}, subject=path, execution=execution)
        voice.output(path, execution, "data", f"{number:032x}", size=3)
        voice.finish(path, execution)
    return voice.events[: 4 * STEPS]


def streams() -> list[Event]:
    """A million points in a thousand events."""
    voice = Voice("b" * 32, Clock())
    for number in range(POINTS):
        time = [voice.clock.now + i * 1000 for i in range(1000)]
        data = ev.Metrics(name=f"m{number % 20}", time=time, value=[i * 0.5 for i in range(1000)])
        voice.say(ev.METRICS, data, subject="train", execution="e", time=time[-1], passes=1)
    return voice.events


def _best(what: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the fastest of some tries: the one that the machine's other work disturbed least."""
    spans = []
    for _ in range(times):
        begin = perf_counter()
        what()
        spans.append(perf_counter() - begin)
    return min(spans)


def _folded(events: list[Event]) -> RunState:
    state = RunState(events[0].run)
    for event in events:
        state.apply(event, event.time)
    return state


def _tallied(events: list[Event]) -> Tally:
    tally = Tally(events[0].run)
    for event in events:
        tally.apply(event)
    return tally


def run() -> list[dict[str, Any]]:
    """Rows of {what, value, unit}."""
    events = structure()
    messages = [encode(event) for event in events]
    state, points = _folded(events), streams()
    kept, now = state.to_bytes(), events[-1].time + SECOND
    parts = [("step", path) for path in list(state.record.steps)[:1000]]
    sessions_heartbeat = Voice("a" * 32, Clock(now)).beat()
    rows = [
        ("fold 20,000 structure events", _best(lambda: _folded(events)) * 1e3, "ms"),
        ("apply a structure event", _best(lambda: _folded(events)) / len(events) * 1e6, "us"),
        ("decode an event", _best(lambda: [decode(message) for message in messages]) / len(events) * 1e6, "us"),
        ("encode an event", _best(lambda: [encode(event) for event in events]) / len(events) * 1e6, "us"),
        ("apply a heartbeat", _best(lambda: state.apply(sessions_heartbeat, now)) * 1e6, "us"),
        ("view of 5,000 steps", _best(lambda: state.view(now=now)) * 1e3, "ms"),
        ("part of a step", _best(lambda: [state.view_part(part, now=now) for part in parts]) / 1000 * 1e6, "us"),
        ("part of the run", _best(lambda: state.view_part(("run", ""), now=now)) * 1e6, "us"),
        ("keyframe of 5,000 steps", len(kept) / 1e6, "MB"),
        ("keyframe written", _best(state.to_bytes) * 1e3, "ms"),
        ("keyframe read", _best(lambda: RunState.from_bytes(kept)) * 1e3, "ms"),
        ("sum up a million points", _best(lambda: _tallied(points), 3) * 1e3, "ms"),
    ]
    return [{"what": what, "value": round(value, 2), "unit": unit} for what, value, unit in rows]


if __name__ == "__main__":
    for row in run():
        print(f"{row['what']:35} {row['value']:10} {row['unit']}")
