"""A run whose steps have 3, 700 and 5,000 tasks: what a lane and a node fold into one."""

from __future__ import annotations

from runreel import events as ev
from runreel.events import Event
from runs import RUN, START, Clock, Voice

SECOND = 1_000_000
FEW, SOME, MANY = 3, 700, 5_000
FAILING = 2_500
"""The one of the 5,000 that fails."""
LOADED, SHARDED, TRIED = (0.0, 60.0), (60.0, 130.0), (140.0, 290.0)
"""From when to when the tasks of each go, in seconds after the start."""
ENDED = 300.0

_Span = tuple[str, float, float, ev.State]


def spans() -> list[_Span]:
    """Each step's path, begin and end in seconds after the start, and state. `load` is a step that has three others in
    it; 700 shards go 20 at a time; 5,000 trials 50 at a time, of half a second to one and a half."""
    found: list[_Span] = [("load", *LOADED, "SUCCEEDED")]
    found += [
        (f"load/{name}", *at, "SUCCEEDED") for name, *at in (("a", 0.0, 20.0), ("b", 5.0, 60.0), ("c", 30.0, 50.0))
    ]
    found += [(f"shard-{n:03}", 60.0 + n // 20 * 2.0, 62.0 + n // 20 * 2.0, "SUCCEEDED") for n in range(SOME)]
    for n in range(MANY):
        begun = 140.0 + n // 50 * 1.5
        found.append((f"trial-{n:04}", begun, begun + 0.5 + n % 50 / 50, "FAILED" if n == FAILING else "SUCCEEDED"))
    return found


def crowd(run: str = RUN, start: int = START, until: float = ENDED) -> list[Event]:
    """What is said of it up to so many seconds after its start, in the order of time."""
    clock = Clock(start)
    voice = Voice("c" * 32, clock, run=run)
    voice.open()
    voice.say(ev.RUN_STARTED, ev.RunStarted(pipeline="crowd"))
    known = spans()
    told = [(at, over, n) for n, (_, begun, ended, _) in enumerate(known) for over, at in enumerate((begun, ended))]
    beats = 0.0
    for at, over, number in sorted(told, key=lambda one: (one[0], -one[1], one[2])):
        if at > until:
            break
        path, _, _, state = known[number]
        if at >= beats:
            voice.beat()
            beats = at + 2.0
        clock.now = start + int(at * SECOND) - 1_000  # saying it takes a millisecond
        if over:
            voice.finish(path, f"{number:016x}", state)
        else:
            voice.start(path, f"{number:016x}")
    if until >= ENDED:
        clock.now = start + int(ENDED * SECOND)
        voice.say(ev.RUN_FINISHED, ev.RunFinished(state="SUCCEEDED"))
        voice.close()
    return voice.events
