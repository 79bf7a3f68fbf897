"""The list of runs for a server: the stored catalog in SQLite, kept fresh by notifications. A cache."""

from __future__ import annotations

import base64
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from runreel.codec import parse_time
from runreel.errors import NotFound
from runreel.events import ENDED
from runreel_consumers.catalog.days import days, read
from runreel_consumers.store import Info, Store

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, size INTEGER, modified INTEGER);
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, workspace TEXT, experiment TEXT, pipeline TEXT, owner TEXT, state TEXT,
    started INTEGER, finished INTEGER, stalls INTEGER, position TEXT, object TEXT, text TEXT, summary TEXT);
CREATE INDEX IF NOT EXISTS by_start ON runs (started, id);
CREATE INDEX IF NOT EXISTS by_pipeline ON runs (workspace, pipeline, started);
CREATE INDEX IF NOT EXISTS by_experiment ON runs (workspace, experiment, started);
CREATE INDEX IF NOT EXISTS by_object ON runs (object);
"""
_UPSERT: Final = """
INSERT INTO runs VALUES (:id, :workspace, :experiment, :pipeline, :owner, :state,
    :started, :finished, :stalls, :position, :object, :text, :summary)
ON CONFLICT (id) DO UPDATE SET
    workspace = excluded.workspace, experiment = excluded.experiment, pipeline = excluded.pipeline,
    owner = excluded.owner, state = excluded.state, started = excluded.started, finished = excluded.finished,
    stalls = excluded.stalls, position = excluded.position, object = coalesce(excluded.object, runs.object),
    text = excluded.text, summary = excluded.summary
WHERE excluded.position >= runs.position
"""
_COLUMNS: Final = {
    "started": "coalesce(started, 0)",
    "finished": "coalesce(finished, 0)",
    "duration": "coalesce(finished - started, -1)",
    "state": "coalesce(state, '')",
    "pipeline": "coalesce(pipeline, '')",
    "experiment": "coalesce(experiment, '')",
    "owner": "coalesce(owner, '')",
    "id": "id",
}
SORTS: Final = tuple(_COLUMNS)
"""What the list may be sorted by, besides `param:NAME` and `metric:STEP:NAME`; descending with a minus before it."""

Json = dict[str, Any]
Jsons = list[Json]  # `list` is a method's name in the class below
Ids = list[str]


class Page(msgspec.Struct):
    """A page of the list: summaries, the cursor of the next page (None: this is the last), how many match in all."""

    runs: list[Json]
    next: str | None
    total: int


class Index:
    """Summaries of all runs, to be listed, filtered and found. Safe to use from several threads.

    Args:
        store: where the catalog lies.
        path: the file of the cache; None: in memory.
    """

    def __init__(self, store: Store, path: Path | None = None) -> None:
        self._store = store
        self._lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = _open(path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def refresh(self) -> int:
        """Take in the day objects that have changed since the last time; answers how many.

        Raises:
            NotReachable: the store did not answer.
        """
        found = {info.key: info for info in days(self._store)}
        with self._lock:
            known = {key: (size, modified) for key, size, modified in self._database.execute("SELECT * FROM objects")}
        changed = [info for key, info in found.items() if known.get(key) != (info.size, info.modified)]
        for info in changed:
            self._take(info)
        with self._lock, self._database:
            for key in known.keys() - found.keys():
                self._database.execute("DELETE FROM runs WHERE object = ?", (key,))
                self._database.execute("DELETE FROM objects WHERE key = ?", (key,))
        return len(changed)

    def put(self, summary: Json, *, object_key: str | None = None) -> None:
        """Take in one summary, such as a notification holds; of two the greater position wins."""
        with self._lock, self._database:
            self._database.execute(_UPSERT, _row(summary, object_key))

    def drop(self, run: str) -> None:
        """Forget a pruned run."""
        with self._lock, self._database:
            self._database.execute("DELETE FROM runs WHERE id = ?", (run,))

    def get(self, run: str, now: int) -> Json | None:
        """The summary of a run; None where it is not known."""
        with self._lock:
            found = self._database.execute("SELECT summary FROM runs WHERE id = ?", (run,)).fetchone()
        return None if found is None else _shown(found[0], now)

    def find(self, suffix: str) -> Ids:
        """The runs whose id, without its hyphens, ends so."""
        end = suffix.lower().replace("-", "")
        with self._lock:
            found = self._database.execute(
                "SELECT id FROM runs WHERE substr(replace(id, '-', ''), ?) = ? ORDER BY id", (-len(end), end)
            )
            return [run for (run,) in found]

    def list(
        self,
        now: int,
        *,
        workspace: str | None = None,
        experiment: str | None = None,
        pipeline: str | None = None,
        state: str | None = None,
        tags: Iterable[str] = (),
        q: str | None = None,
        sort: str = "-started",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """A page of the list.

        Args:
            now: microseconds since 1970, which decides who is STALLED.
            workspace: only this workspace.
            experiment: only this experiment.
            pipeline: only this pipeline.
            state: only this state; STALLED as well.
            tags: only runs that have all of these: `name` or `name=value`.
            q: only runs in whose id, names, owner, params or tags this text stands, whatever its case.
            sort: one of `SORTS`, `param:NAME` or `metric:STEP:NAME`; with a minus before it, the greatest first.
            limit: the most to answer.
            cursor: `next` of the page before.

        Raises:
            ValueError: the sort or the cursor is none.
        """
        where, values = _filters(now, workspace, experiment, pipeline, state, tags, q)
        down = sort.startswith("-")
        column, named = _sorted_by(sort.removeprefix("-"))
        keyset, edge = _beyond(cursor, column, named, down=down)
        order = "DESC" if down else "ASC"
        query = (
            f"SELECT summary, id, {column} FROM runs WHERE {' AND '.join([*where, keyset])} "
            f"ORDER BY {column} {order}, id {order} LIMIT ?"
        )
        with self._lock:
            total = self._database.execute(f"SELECT count(*) FROM runs WHERE {' AND '.join(where)}", values).fetchone()
            found = self._database.execute(query, [*named, *values, *edge, *named, limit + 1]).fetchall()
        shown = [_shown(summary, now) for summary, _, _ in found[:limit]]
        following = None
        if len(found) > limit:
            following = _encode_cursor(sort, found[limit - 1][2], found[limit - 1][1])
        return Page(shown, following, total[0])

    def experiments(self, workspace: str | None = None, *, recent: int = 20) -> Jsons:
        """Experiments with `{name, workspace, runs, recent: [{id, state, duration}]}`, the latest used first."""
        where, values = ("WHERE workspace = ?", [workspace]) if workspace is not None else ("", [])
        with self._lock:
            groups = self._database.execute(
                f"SELECT workspace, experiment, count(*), max(coalesce(started, 0)) AS latest FROM runs {where} "
                "GROUP BY workspace, experiment ORDER BY latest DESC, experiment",
                values,
            ).fetchall()
            return [
                {"name": name, "workspace": space, "runs": count, "recent": self._recent(space, name, recent)}
                for space, name, count, _ in groups
            ]

    def _recent(self, workspace: str, experiment: str, recent: int) -> Jsons:
        found = self._database.execute(
            "SELECT id, state, (finished - started) / 1e6 FROM runs WHERE workspace = ? AND experiment = ? "
            "ORDER BY started DESC LIMIT ?",
            (workspace, experiment, recent),
        ).fetchall()
        return [{"id": run, "state": state, "duration": duration} for run, state, duration in reversed(found)]

    def _take(self, info: Info) -> None:
        try:
            summaries = read(self._store.get(info.key))
        except NotFound:
            return
        ids = {summary["id"] for summary in summaries}
        with self._lock, self._database:
            before = self._database.execute("SELECT id FROM runs WHERE object = ?", (info.key,)).fetchall()
            self._database.executemany("DELETE FROM runs WHERE id = ?", [one for one in before if one[0] not in ids])
            self._database.executemany(_UPSERT, [_row(summary, info.key) for summary in summaries])
            self._database.execute("REPLACE INTO objects VALUES (?, ?, ?)", (info.key, info.size, info.modified))


def _open(path: Path | None) -> sqlite3.Connection:
    database = sqlite3.connect(path or ":memory:", check_same_thread=False)
    try:
        if database.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
            raise sqlite3.DatabaseError("another version")
        database.executescript(f"{_TABLES} PRAGMA user_version = {_VERSION}; PRAGMA synchronous = OFF;")
    except sqlite3.DatabaseError:
        database.close()
        if path is None:
            raise
        path.unlink()  # a cache: what cannot be read is made anew
        return _open(path)
    return database


def _row(summary: Json, object_key: str | None) -> Json:
    words = [summary[name] for name in ("id", "pipeline", "experiment", "owner")]
    for values in (summary.get("tags", {}), summary.get("params", {})):
        words += [f"{key}={value}" for key, value in values.items()]
    return {
        **{name: summary[name] for name in ("id", "workspace", "experiment", "pipeline", "owner", "state")},
        **{name: _micros(summary.get(name)) for name in ("started", "finished", "stalls")},
        "position": summary["position"],
        "object": object_key,
        "text": "\n".join(words).casefold(),
        "summary": msgspec.json.encode(summary).decode(),
    }


def _micros(time: str | None) -> int | None:
    return None if time is None else parse_time(time)


def _shown(kept: str, now: int) -> Json:
    summary: Json = msgspec.json.decode(kept)
    stalls = _micros(summary.get("stalls"))
    if summary["state"] not in ENDED and stalls is not None and stalls < now:
        summary["state"] = "STALLED"
    return summary


def _filters(
    now: int,
    workspace: str | None,
    experiment: str | None,
    pipeline: str | None,
    state: str | None,
    tags: Iterable[str],
    q: str | None,
) -> tuple[list[str], list[Any]]:
    where: list[str] = ["1"]
    values: list[Any] = []

    def add(condition: str, *bound: Any) -> None:
        where.append(condition)
        values.extend(bound)

    for column, value in (("workspace", workspace), ("experiment", experiment), ("pipeline", pipeline)):
        if value is not None:
            add(f"{column} = ?", value)
    if state == "STALLED":
        add("state = 'RUNNING' AND stalls < ?", now)
    elif state == "RUNNING":
        add("state = 'RUNNING' AND coalesce(stalls, ?) >= ?", now, now)
    elif state is not None:
        add("state = ?", state)
    for tag in tags:
        name, equals, value = tag.partition("=")
        found = "EXISTS (SELECT 1 FROM json_each(summary, '$.tags') WHERE key = ?"
        add(f"{found} AND CAST(value AS TEXT) = ?)" if equals else f"{found})", name, *([value] if equals else []))
    if q:
        add("instr(text, ?) > 0", q.casefold())
    return where, values


def _sorted_by(sort: str) -> tuple[str, list[Any]]:
    """The expression to sort by, and what is bound in it."""
    if sort in _COLUMNS:
        return _COLUMNS[sort], []
    kind, _, name = sort.partition(":")
    if name and kind in ("param", "metric"):
        value = f"(SELECT value FROM json_each(summary, '$.{kind}s') WHERE key = ?)"
        return f"coalesce({value}, -1e308)", [name]
    raise ValueError(f"sort {sort!r} is none: one of {', '.join(SORTS)}, param:NAME, metric:STEP:NAME")


def _beyond(cursor: str | None, column: str, named: list[Any], *, down: bool) -> tuple[str, list[Any]]:
    if cursor is None:
        return "1", []
    _, value, run = _decode_cursor(cursor)
    sign = "<" if down else ">"
    return f"({column} {sign} ? OR ({column} = ? AND id {sign} ?))", [*named, value, *named, value, run]


def _encode_cursor(sort: str, value: Any, run: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([sort, value, run])).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[str, Any, str]:
    try:
        decode: Callable[[bytes], Any] = msgspec.json.decode
        sort, value, run = decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return sort, value, run
    except (ValueError, msgspec.DecodeError):
        raise ValueError(f"cursor {cursor!r} is none: take `next` of the page before") from None
