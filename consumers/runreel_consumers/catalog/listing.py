"""What is asked of the list of runs, and the SQL that answers it. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from runreel.codec import parse_time
from runreel.events import ENDED

SORTS: Final = (
    "started", "finished", "duration", "state", "pipeline", "experiment", "owner", "failed", "events", "artifacts",
    "id",
)  # fmt: skip
"""What the list may be sorted by, besides `param:NAME`, `tag:NAME`, `metric:STEP:NAME`; with a minus, downwards."""

LABELS: Final = ("metric", "param", "tag")
"""The kinds of values that runs have by name."""

STATES: Final = ("PENDING", "RUNNING", "STALLED", *sorted(ENDED))
LONGEST: Final = 200
"""Characters of a label's text that are sorted by; what begins alike is alike."""

MOST_GIVEN: Final = {"tag": 100, "id": 1_000, "state": len(STATES)}
"""How many different values a filter may have; SQLite's conditions nest no deeper than 1,000."""

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LATEST: Final = 253_402_300_799_999_999  # the year 9999: beyond it a time cannot be written
_MOST: Final = 1.7e308  # where the infinities stand: JSON has none for the cursor

Value = str | int | float | None


class Query(msgspec.Struct, frozen=True):
    """Which runs, in which order; every filter that is given must hold.

    Attributes:
        workspace: only this workspace.
        experiment: only this experiment.
        pipeline: only this pipeline.
        owner: only this owner's.
        state: only in one of these; STALLED as well.
        tag: only runs that have all of these: `name` or `name=value`.
        id: only these runs.
        q: only runs in whose id, names, owner, params or tags this text stands, whatever its case.
        since: only runs that started then or later, in microseconds since 1970.
        until: only runs that started before then.
        sort: one of `SORTS`, or a label as `KIND:NAME` (runs without it come last); with a minus, the greatest first.
        limit: the most to answer.
        cursor: `next` of the page before.
    """

    workspace: str | None = None
    experiment: str | None = None
    pipeline: str | None = None
    owner: str | None = None
    state: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    q: str | None = None
    since: int | None = None
    until: int | None = None
    sort: str = "-started"
    limit: int = 50
    cursor: str | None = None


class Stretch(msgspec.Struct):
    """A stretch of the list with an order of its own: rows of (summary, id, value sorted by).

    Attributes:
        source: the tables.
        where: the conditions, without the cursor's.
        values: what is bound in them.
        columns: what is sorted by; the last is the run.
        down: whether the greatest comes first.
        edge: the last row of the page before, where that lies in this stretch.
    """

    source: str
    where: list[str]
    values: list[Any]
    columns: tuple[str, ...]
    down: bool
    edge: tuple[Value, ...] | None = None

    def rows(self, limit: int) -> tuple[str, list[Any]]:
        """The query of its first rows after the edge."""
        order = ", ".join(f"{column} {'DESC' if self.down else 'ASC'}" for column in self.columns)
        where, values = self._beyond()
        sorted_by = self.columns[0] if len(self.columns) > 1 else "NULL"
        said = (
            f"SELECT summary, {self.columns[-1]}, {sorted_by} FROM {self.source} WHERE {where} ORDER BY {order} LIMIT ?"
        )
        return said, [*values, limit]

    def count(self) -> tuple[str, list[Any]]:
        """The query of how many rows come after the edge."""
        where, values = self._beyond()
        return f"SELECT count(*) FROM {self.source} WHERE {where}", values

    def _beyond(self) -> tuple[str, list[Any]]:
        where, values = " AND ".join(self.where), list(self.values)
        if self.edge is not None:
            columns, marks = ", ".join(self.columns), ", ".join("?" * len(self.columns))
            where += f" AND ({columns}) {'<' if self.down else '>'} ({marks})"
            values += self.edge
        return where, values


def stretches(query: Query, now: int) -> list[Stretch]:
    """The stretches that the list has from the cursor on, in their order.

    Raises:
        ValueError: the sort or the cursor is none; says what would be.
    """
    down, sort = query.sort.startswith("-"), query.sort.removeprefix("-")
    where, values = filters(query, now)
    edge = None if query.cursor is None else _edge(query.cursor, query.sort)
    kind, _, name = sort.partition(":")
    if sort in SORTS:
        columns = ("id",) if sort == "id" else (sort, "id")
        made = [Stretch("runs", where, values, columns, down)]
    elif name and kind in LABELS:
        label = "kind = ? AND name = ?"
        having = Stretch(
            "labels JOIN runs ON runs.id = run", [label, *where], [kind, name, *values], ("value", "run"), down
        )
        rest = [*where, f"NOT EXISTS (SELECT 1 FROM labels WHERE run = runs.id AND {label})"]
        made = [having, Stretch("runs", rest, [*values, kind, name], ("id",), down)]
        if edge is not None and edge[0] is None:
            del made[0]
    else:
        kinds = ", ".join(f"{kind}:{'STEP:' if kind == 'metric' else ''}NAME" for kind in LABELS)
        raise ValueError(f"sort {query.sort!r} is none: one of {', '.join(SORTS)}, {kinds}; with - before it downwards")
    if edge is not None:
        made[0].edge = edge[-len(made[0].columns) :]
    return made


def filters(query: Query, now: int, *, counted: bool = False) -> tuple[list[str], list[Any]]:
    """The conditions that the filters are, and what is bound in them; `counted`: their order does not matter.

    Raises:
        ValueError: a filter has too many values; says how many it may have.
    """
    tags, ids, states = (_given(field, getattr(query, field)) for field in ("tag", "id", "state"))
    where: list[str] = ["1"]
    values: list[Any] = []

    def add(condition: str, *bound: Any) -> None:
        where.append(condition)
        values.extend(bound)

    for column in ("workspace", "experiment", "pipeline", "owner"):
        value = getattr(query, column)
        if value is not None:
            add(f"{column} = ?", value)
    for column, sign, moment in (("started", ">=", query.since), ("started", "<", query.until)):
        if moment is not None:
            add(f"{column} {sign} ?", moment)
    if ids:
        add(f"id IN ({', '.join('?' * len(ids))})", *ids)
    if states:
        # most runs have succeeded: the plus keeps SQLite from sorting all those where an index has the order wanted
        few = len(states) == 1 and states[0] != "SUCCEEDED"
        ordered = len(states) == 1 and query.sort.removeprefix("-") in ("started", "finished", "failed", "state")
        plus = "" if few or ordered or (counted and len(states) == 1) else "+"
        parts = [_in_state(state, now, plus) for state in states]
        add(f"({' OR '.join(condition for condition, _ in parts)})", *(value for _, bound in parts for value in bound))
    for tag in tags:
        name, equals, value = tag.partition("=")
        found = "id IN (SELECT run FROM labels WHERE kind = 'tag' AND name = ?"
        add(f"{found} AND value = ?)" if equals else f"{found})", name, *([value[:LONGEST]] if equals else []))
    if query.q:
        add("instr(text, ?) > 0", query.q.casefold())
    return where, values


def _given(field: str, values: tuple[str, ...]) -> list[str]:
    different = list(dict.fromkeys(values))
    most = MOST_GIVEN[field]
    if len(different) > most:
        raise ValueError(f"{field} was given {len(different):,} different values: give {most:,} at most")
    return different


def _in_state(state: str, now: int, plus: str) -> tuple[str, list[Any]]:
    if state == "STALLED":
        return f"{plus}state = 'RUNNING' AND stalls < ?", [now]
    if state == "RUNNING":
        return f"{plus}state = 'RUNNING' AND coalesce(stalls, ?) >= ?", [now, now]
    return f"{plus}state = ?", [state]


def labels(summary: dict[str, Any]) -> Iterator[tuple[str, str, Value]]:
    """The values that a run has by name, as they are sorted, and what links it to others: (kind, name, value)."""
    for role, pairs in summary.get("links", {}).items():
        for what, who in pairs:
            yield role, what, who
    for name, value in summary.get("metrics", {}).items():
        found = _number(value)
        if found is not None:
            yield "metric", name, found
    for name, value in summary.get("params", {}).items():
        yield "param", name, value if _is_number(value) else _text(value)
    for name, value in summary.get("tags", {}).items():
        yield "tag", name, _text(value)


def _number(value: Any) -> float | None:
    if value in ("Infinity", "-Infinity"):
        return _MOST if value == "Infinity" else -_MOST
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else msgspec.json.encode(value).decode())[:LONGEST]


def moment(text: str, now: int) -> int:
    """A moment in microseconds since 1970: ISO 8601 with its zone, a day of UTC, whole microseconds, or how long ago.

    Raises:
        ValueError: it is none of these; says what is.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return max(0, now - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000)
    try:
        if text.isascii() and text.isdigit():
            found = int(text[:20])
        else:
            # a plus sign that was not encoded is a space
            found = parse_time(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text.replace(" ", "+"))
        if found <= _LATEST:
            return found
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        "give a time like 2026-11-22T09:00:00Z, a day like 2026-11-22 (UTC), or how long ago: 90m, 24h, 7d"
    )


def encode_cursor(sort: str, value: Value, run: str) -> str:
    """The cursor of the page that begins after this row."""
    return base64.urlsafe_b64encode(msgspec.json.encode([sort, value, run])).decode().rstrip("=")


def _edge(cursor: str, wanted: str) -> tuple[Value, str]:
    decode: Callable[[bytes], tuple[str, Value, str]] = msgspec.json.Decoder(tuple[str, Value, str]).decode
    try:
        sort, value, run = decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError(cursor)
    except (ValueError, msgspec.DecodeError):
        raise ValueError(f"cursor {cursor!r} is none: take `next` of the page before") from None
    if sort != wanted:
        raise ValueError(f"cursor {cursor!r} is of a list by {sort!r}: ask for that sort, or begin without a cursor")
    return value, run
