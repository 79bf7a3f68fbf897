"""The list of runs on a page: what its address asks for, its columns, the links that change one thing of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from runreel import ids
from runreel_server.pages import text
from runreel_server.pages.readings import ENDED, WORDS, seconds

Json = dict[str, Any]
Asked = Mapping[str, Sequence[str]]

FILTERS = ("q", "state", "pipeline", "experiment", "owner", "tag", "since", "until", "id", "workspace")
STATES = ("RUNNING", "STALLED", "SUCCEEDED", "FAILED", "CANCELED", "CACHED", "SKIPPED")
PAGE = 50
"""Runs a page, unless the address says another number."""

# key -> (heading, what it is sorted by, whether its values are numbers, whether a narrow screen has it unasked)
_COLUMNS: dict[str, tuple[str, str, bool, bool]] = {
    "run": ("Run", "", False, False),
    "experiment": ("Experiment", "experiment", False, False),
    "started": ("Started", "started", True, True),
    "took": ("Took", "duration", True, True),
    "recent": ("Last 18", "", False, False),
    "events": ("Events", "events", True, False),
    "artifacts": ("Artifacts", "artifacts", True, False),
    "owner": ("Owner", "owner", False, False),
    "finished": ("Ended", "finished", True, False),
    "failed": ("Failed steps", "failed", True, False),
    "workspace": ("Workspace", "", False, False),
}
_DEFAULT = ("run", "experiment", "started", "took", "recent", "events", "artifacts", "owner")
_LABELS = {"metric": "metrics", "param": "params", "tag": "tags"}
_MOST_OFFERED = 100


class ListAddress:
    """The address of a list of runs, read and written.

    Args:
        path: `/` or `/runs`.
        given: the parameters as they came, each with its values; those that are empty are not there.

    Raises:
        ValueError: a column is none; says which there are.
    """

    def __init__(self, path: str, given: Asked) -> None:
        self.path = path
        known = (*FILTERS, "sort", "column", "limit", "cursor")
        self.given = {name: [one for one in given.get(name, ()) if one] for name in known}
        self.given["state"] = [one.upper() for one in self.given["state"]]
        self.sort = (self.given["sort"] or ["-started"])[0]
        for column in self.given["column"]:
            kind, _, name = column.partition(":")
            if column not in _COLUMNS and not (name and kind in _LABELS):
                known_ones = ", ".join(_COLUMNS)
                raise ValueError(
                    f"column={column[:100]!r}: give one of {known_ones}, metric:STEP:NAME, param:NAME, tag:NAME"
                )

    @property
    def filtered(self) -> bool:
        """Whether it asks for some runs only."""
        return any(self.given[name] for name in FILTERS)

    def query(self, **preset: Sequence[str]) -> dict[str, Sequence[str]]:
        """What to ask the source for; `preset` holds where the address says nothing."""
        asked: dict[str, Sequence[str]] = {"limit": [str(PAGE)], **preset}
        return {**asked, **{name: values for name, values in self.given.items() if values and name != "column"}}

    def link(self, **changed: Sequence[str]) -> str:
        """The address with some parameters changed, at its first page unless `cursor` is among them."""
        wanted = {**self.given, "cursor": (), **changed}
        query = urlencode({name: values for name, values in wanted.items() if values}, doseq=True)
        return f"{self.path}?{query}" if query else self.path

    def kept(self, *without: str) -> list[tuple[str, str]]:
        """Name and value of the parameters that a form without these fields passes on."""
        return [
            (name, value) for name, values in self.given.items() if name not in (*without, "cursor") for value in values
        ]

    def chips(self) -> list[Json]:
        """The filters that hold, each with the address without it."""
        found = []
        for name in FILTERS:
            values = self.given[name]
            if name == "id" and values:
                found.append({"text": text.plural(len(values), "chosen run"), "href": self.link(id=())})
                continue
            for value in values:
                rest = [one for one in values if one != value]
                word = WORDS.get(value, value).lower() if name == "state" else value
                said = f"“{value}”" if name == "q" else f"{name} {word}"
                found.append({"text": text.name(said), "href": self.link(**{name: rest})})
        return found

    def columns(self, runs: Sequence[Json]) -> list[Json]:
        """The columns that are shown, in their order."""
        wanted = self.given["column"] or [
            name for name in _DEFAULT if name != "recent" or any(one.get("recent") for one in runs)
        ]
        return [self._column(name) for name in wanted]

    def offered(self, runs: Sequence[Json]) -> list[Json]:
        """All columns that there may be: the fixed ones, and the metrics, params and tags of the runs shown."""
        shown = self.given["column"] or list(_DEFAULT)
        found = dict.fromkeys((*_COLUMNS, *(name for name in shown if ":" in name)))
        for kind, field in _LABELS.items():
            for one in runs:
                found.update(dict.fromkeys(f"{kind}:{name}" for name in one.get(field) or {} if text.fits(name)))
        return [
            {"key": name, "head": self._column(name)["head"], "shown": name in shown}
            for name in list(found)[: len(_COLUMNS) + _MOST_OFFERED]
        ]

    def heading(self, key: str, head: str, sort: str, *, numbers: bool) -> Json:
        """A column's head: its text, the way it is sorted (or None), and the link that sorts by it."""
        down = self.sort == f"-{sort}"
        way = None if not sort or self.sort.removeprefix("-") != sort else "descending" if down else "ascending"
        turned = sort if down else f"-{sort}" if way or numbers else sort
        return {
            "key": key,
            "head": text.name(head),
            "numbers": numbers,
            "way": way,
            "href": self.link(sort=[turned]) if sort else None,
        }

    def _column(self, key: str) -> Json:
        if key in _COLUMNS:
            head, sort, numbers, narrow = _COLUMNS[key]
            return {**self.heading(key, head, sort, numbers=numbers), "wide": not (narrow or self.given["column"])}
        kind, _, name = key.partition(":")
        path, _, last = name.rpartition(":")
        head = f"{text.step_name(path)}: {last}" if kind == "metric" and path else name
        return {**self.heading(key, head, key, numbers=kind != "tag"), "wide": False}


def list_context(address: ListAddress, listed: Json, now: int) -> Json:
    """What the template of a list shows of the source's answer."""
    runs = listed.get("runs") or []
    columns = address.columns(runs)
    first, total = listed.get("first") or 1, listed.get("total")
    last = first + len(runs) - 1
    following = listed.get("next")
    return {
        "moment": now,
        "address": address,
        "path": address.path,
        "given": address.given,
        "states": [(state, WORDS[state].lower(), state in address.given["state"]) for state in STATES],
        "chips": address.chips(),
        "filtered": address.filtered,
        "columns": columns,
        "pipeline_head": address.heading("pipeline", "Pipeline", "pipeline", numbers=False),
        "state_head": address.heading("state", "State", "state", numbers=False),
        "offered": address.offered(runs),
        "rows": [row(one, columns, now) for one in runs],
        "range": f"{text.count(first)}–{text.count(last)} of {text.count(total or last)}" if runs else "none",
        "next": address.link(cursor=[str(following)]) if following else None,
        "newest": address.link() if address.given["cursor"] else None,
    }


def row(summary: Json, columns: Sequence[Json], now: int) -> Json:
    """One row of the table of runs: its cells by the columns' keys."""
    return {**common(summary, now), "cells": {one["key"]: _cell(summary, one["key"], now) for one in columns}}


def common(summary: Json, now: int) -> Json:
    """What every row shows of a run."""
    run, state = summary["id"], summary.get("state") or "PENDING"
    experiment, owner = summary.get("experiment") or "", summary.get("owner") or ""
    return {
        "id": run,
        "short": ids.short(run),
        "href": f"/runs/{run}",
        "pipeline": text.name(summary.get("pipeline") or "run"),
        "experiment": text.name(experiment),
        "state": state,
        "word": WORDS.get(state, state).lower(),
        "where": [text.name(one) for one in (experiment, owner) if one],
        "since": moment(summary.get("started"), now, whole=True),
    }


def moment(time: Any, now: int, *, whole: bool = False) -> Json:
    """A moment in words, and what the browser says it again with in the reader's zone: `text`, `iso`, `utc`, `form`.

    Args:
        time: the moment, as `text.micros` takes it.
        now: the present in microseconds, which decides whether the day is said.
        whole: with the second.
    """
    micros = text.micros(time)
    if micros is None:
        return {"text": text.NOTHING, "iso": ""}
    said = text.moment(micros, now)
    return {
        "text": said if whole else said[: -len(":22")],
        "iso": text.iso(micros),
        "utc": text.utc(micros),
        "form": "moment" if whole else "day",
    }


def bars(recent: Sequence[Json], pitch: int, width: int, height: int) -> list[tuple[str, str]]:
    """The last runs as bars: the height is the duration, a failed one has full height; one SVG path a state."""
    longest = max((one.get("duration") or 0 for one in recent), default=0) or 1
    paths: dict[str, str] = {}
    for index, one in enumerate(recent):
        state = one.get("state") or "PENDING"
        share = 1.0 if state == "FAILED" else 0.25 + 0.6 * (one.get("duration") or 0) / longest
        top, x = height * (1 - share), index * pitch
        paths[state] = paths.get(state, "") + f"M{x} {height}h{width}V{top:.1f}h-{width}z"
    return list(paths.items())


def told(recent: Sequence[Json]) -> str:
    """What bars say, in words."""
    failed = sum(one.get("state") == "FAILED" for one in recent)
    longest = max((one.get("duration") or 0 for one in recent), default=0)
    return f"last {text.plural(len(recent), 'run')}, {failed} failed, the longest took {text.span(longest)}"


def _cell(summary: Json, key: str, now: int) -> Any:
    kind, _, name = key.partition(":")
    if not name:
        return _CELLS[key](summary, now) if key in _CELLS else text.name(summary.get(key) or "")
    value = (summary.get(_LABELS[kind]) or {}).get(name)
    return text.NOTHING if value is None else text.value(value) if kind == "metric" else text.param(value)


def _took(summary: Json, now: int) -> str:
    over = summary.get("state") in ENDED
    return text.span(seconds(summary.get("started"), text.micros(summary.get("finished")) if over else now))


def _recent(summary: Json, now: int) -> Json:
    recent = (summary.get("recent") or [])[-18:]
    return {"bars": bars(recent, 4, 3, 14), "says": told(recent)}


def _events(summary: Json, now: int) -> Json:
    missing = summary.get("missing") or 0
    return {"missing": missing, "text": f"{text.count(missing)} missing" if missing else text.count(summary["events"])}


_CELLS: dict[str, Callable[[Json, int], Any]] = {
    "run": lambda one, _: {"short": ids.short(one["id"]), "id": one["id"]},
    "started": lambda one, now: moment(one.get("started"), now),
    "finished": lambda one, now: moment(one.get("finished"), now),
    "took": _took,
    "recent": _recent,
    "events": _events,
    "artifacts": lambda one, _: text.count(one.get("artifacts") or 0),
    "failed": lambda one, _: text.count((one.get("steps") or {}).get("FAILED") or 0),
}
