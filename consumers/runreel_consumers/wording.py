"""What an event says, as lines of text for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from runreel import events as ev
from runreel.codec import payload
from runreel.errors import CodecError
from runreel.events import Event
from runreel.ids import short

_MICROS: Final = 1_000_000


def told(event: Event) -> Iterator[str]:
    """What an event says, as lines of text; nothing where it is not for people."""
    try:
        said = payload(event)
    except CodecError:
        return
    clock = f"{datetime.fromtimestamp(event.time / _MICROS):%H:%M:%S}"
    step = event.subject or ""
    if event.type == ev.RUN_STARTED:
        yield f"{clock} ▶ {said.pipeline} {short(event.run)}"
    elif event.type in (ev.RUN_FINISHED, ev.STEP_FINISHED):
        why = f" {said.error.message}" if said.error else ""
        yield f"{clock} {'■' if event.type == ev.RUN_FINISHED else '·'} {step:<20} {said.state}{why}"
    elif event.type == ev.STEP_STARTED:
        yield f"{clock} ▶ {step:<20}"
    elif event.type == ev.PROGRESS and said.done:
        total = f" of {said.total:g}" if said.total else ""
        yield f"{clock}   {step:<20} {said.done[-1]:g}{total} {said.unit or ''}".rstrip()
    elif event.type == ev.METRICS and said.value:
        more = f" ({len(said.value)} points)" if len(said.value) > 1 else ""
        yield f"{clock}   {step:<20} {said.name} = {said.value[-1]}{more}"
    elif event.type == ev.LOGS:
        for time, level, text in zip(said.time, said.level, said.text, strict=False):
            mark = "" if level == "INFO" else f"{level} "
            yield f"{datetime.fromtimestamp(time / _MICROS):%H:%M:%S}   {step:<20} {mark}{text}".rstrip("\r")
    elif event.type == ev.ARTIFACT and said.role == "output":
        yield f"{clock} + {step:<20} {said.type} {said.name}"
