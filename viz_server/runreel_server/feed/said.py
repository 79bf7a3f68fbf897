"""What a frame tells of streams: the new points of each series, as many as draw it, and the last of the new lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from runreel import events as ev
from runreel.codec import real
from runreel.events import Event, Number
from runreel.ids import encode_segment
from runreel_server.charts import m4, plain

MOST_POINTS: Final = 40
MOST_LINES: Final = 50
MOST_TEXT: Final = 1_000
MOST_TRACE: Final = 8_000
"""Characters of a text with a traceback, of which the last line says most."""

Json = dict[str, Any]
Columns = tuple[Sequence[Number], Sequence[int], Sequence[Number]]
"""at, time, value"""


class Said:
    """Points and lines that were said since the last frame."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, str, str], list[Columns]] = {}
        self._lines: list[Json] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._points or self._count)

    def points(
        self, event: Event, data: ev.Metrics, count: int, shift: int = 0, rows: range | Sequence[int] | None = None
    ) -> None:
        """Take points.

        Args:
            event: whose they are.
            data: the points.
            count: how many of the series its session has said before the first one that counts.
            shift: what to add to their times for the broker's clock, in µs.
            rows: those that count; None: all.
        """
        at = data.at
        kept = range(len(data.value)) if rows is None else rows
        columns: Columns = (
            range(count, count + len(kept)) if at is None else [at[row] for row in kept],
            [data.time[row] + shift for row in kept],
            [data.value[row] for row in kept],
        )
        self._points.setdefault((event.subject or "", event.execution or "", data.name), []).append(columns)

    def lines(self, event: Event, data: ev.Logs, shift: int = 0, rows: range | Sequence[int] | None = None) -> None:
        """Take lines, as `/logs` has them too: `time`, `session`, `seq` and `row` are their place.

        Args:
            event: whose they are.
            data: the lines.
            shift, rows: as in `points`.
        """
        kept = range(len(data.text)) if rows is None else rows
        self._count += len(kept)
        where = {"step": event.subject, "stream": data.stream, "session": event.session or "", "seq": event.seq}
        where |= {"escaped": True} if data.escaped else {}
        for row in kept[-MOST_LINES:]:
            text = data.text[row]
            most = MOST_TRACE if "Traceback (most recent call last):" in text[:MOST_TEXT] else MOST_TEXT
            line = {"time": data.time[row] + shift, "level": data.level[row], "text": text[:most], "row": row}
            line |= {"length": len(text)} if len(text) > most else {}
            line |= {"more": True} if data.more and row == len(data.text) - 1 else {}
            self._lines.append({**line, **where})
        del self._lines[:-MOST_LINES]

    def told(self, attempt: Callable[[str, str], str]) -> Json:
        """`{points, lines}` of a frame, where there are some; then they are forgotten.

        Args:
            attempt: `#n` for (path, execution), empty for the step's last attempt.
        """
        told: Json = {}
        if self._points:
            told["points"] = {
                f"{path}{attempt(path, execution)}:{encode_segment(name)}": _drawn(batches)
                for (path, execution, name), batches in self._points.items()
            }
        if self._count:
            told["lines"] = {"count": self._count, "last": self._lines}
        self.clear()
        return told

    def clear(self) -> None:
        """Forget all."""
        self._points, self._lines, self._count = {}, [], 0


def attempt(step: Json | None, execution: str) -> str:
    """`#n` of an attempt that is not the last one of a step, as its view has it; else empty."""
    if step is None or step["execution"] == execution:
        return ""
    numbers = [n for n, one in enumerate(step["attempts"], 1) if one["execution"] == execution]
    return f"#{numbers[0]}" if numbers else ""


def _drawn(batches: Sequence[Columns]) -> Json:
    at = [real(x) for batch in batches for x in batch[0]]
    when = [x for batch in batches for x in batch[1]]
    value = [real(x) for batch in batches for x in batch[2]]
    columns = m4(at, when, value, MOST_POINTS)
    return {"at": plain(columns[0]), "time": columns[1].tolist(), "value": plain(columns[2])}
