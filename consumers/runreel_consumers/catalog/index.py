"""The list of runs for a server: the stored catalog in SQLite, kept fresh by notifications. A cache."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import msgspec

from runreel.codec import parse_time
from runreel.errors import NotFound
from runreel.events import ENDED
from runreel_consumers.catalog.days import days, read
from runreel_consumers.catalog.listing import SORTS, Query, encode_cursor, filters, labels, stretches
from runreel_consumers.store import Info, Store

_VERSION: Final = 3
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, size INTEGER, modified INTEGER);
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, workspace TEXT, experiment TEXT NOT NULL, pipeline TEXT NOT NULL, owner TEXT NOT NULL,
    state TEXT NOT NULL, started INTEGER NOT NULL, finished INTEGER NOT NULL, duration REAL NOT NULL,
    failed INTEGER NOT NULL, events INTEGER NOT NULL, artifacts INTEGER NOT NULL, stalls INTEGER,
    position TEXT, object TEXT, text TEXT, summary TEXT);
CREATE TABLE IF NOT EXISTS labels (
    kind TEXT, name TEXT, value, run TEXT, PRIMARY KEY (kind, name, value, run)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_of_run ON labels (run);
CREATE TRIGGER IF NOT EXISTS gone AFTER DELETE ON runs BEGIN DELETE FROM labels WHERE run = old.id; END;
CREATE INDEX IF NOT EXISTS by_object ON runs (object);
CREATE INDEX IF NOT EXISTS by_group ON runs (workspace, experiment, started);
"""
_ORDERS: Final = (
    *((name, "id") for name in SORTS if name != "id"),
    *((name, "started", "id") for name in ("pipeline", "experiment", "owner", "state")),
    ("state", "finished", "id"),
    ("state", "failed", "id"),
)
_INDEXES: Final = "".join(
    f"CREATE INDEX IF NOT EXISTS by_{'_'.join(names)} ON runs ({', '.join(names)});\n" for names in _ORDERS
)
_UPSERT: Final = """
INSERT INTO runs VALUES (:id, :workspace, :experiment, :pipeline, :owner, :state,
    :started, :finished, :duration, :failed, :events, :artifacts, :stalls, :position, :object, :text, :summary)
ON CONFLICT (id) DO UPDATE SET
    workspace = excluded.workspace, experiment = excluded.experiment, pipeline = excluded.pipeline,
    owner = excluded.owner, state = excluded.state, started = excluded.started, finished = excluded.finished,
    duration = excluded.duration, failed = excluded.failed,
    events = excluded.events, artifacts = excluded.artifacts,
    stalls = excluded.stalls, position = excluded.position, object = coalesce(excluded.object, runs.object),
    text = excluded.text, summary = excluded.summary
WHERE excluded.position >= runs.position
"""

Json = dict[str, Any]
Jsons = list[Json]  # `list` is a method's name in the class below
Ids = list[str]
Values = list[Any]


class Page(msgspec.Struct):
    """A page of the list: summaries, the cursor of the next page (None: this is the last), how many match in all, and
    which of these the first one here is, from 1 on."""

    runs: list[Json]
    next: str | None
    total: int
    first: int


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
            self._put(summary, object_key)

    def drop(self, run: str) -> None:
        """Forget a pruned run."""
        with self._lock, self._database:
            self._database.execute("DELETE FROM runs WHERE id = ?", (run,))

    def get(self, run: str, now: int) -> Json | None:
        """The summary of a run; None where it is not known."""
        with self._lock:
            found = self._database.execute("SELECT summary FROM runs WHERE id = ?", (run,)).fetchone()
        return None if found is None else _shown(found[0], now)

    def links(self, role: str, what: Collection[str], limit: int) -> list[tuple[str, str]]:
        """The runs that are linked to an id or a uri, the newest first, each with who it is: for `uses` the step that
        uses it (empty: the run itself), for `refers` the artifact that lies there."""
        marks = ", ".join("?" * len(what))
        with self._lock:
            return self._database.execute(
                f"SELECT run, value FROM labels JOIN runs ON run = id WHERE kind = ? AND name IN ({marks}) "
                "ORDER BY started DESC, run, value LIMIT ?",
                (role, *what, limit),
            ).fetchall()

    def find(self, suffix: str) -> Ids:
        """The runs whose id, without its hyphens, ends so."""
        end = suffix.lower().replace("-", "")
        with self._lock:
            found = self._database.execute(
                "SELECT id FROM runs WHERE substr(replace(id, '-', ''), ?) = ? ORDER BY id", (-len(end), end)
            )
            return [run for (run,) in found]

    def list(self, now: int, query: Query | None = None) -> Page:
        """A page of the list. `now`, in microseconds since 1970, decides who is STALLED.

        Raises:
            ValueError: the sort or the cursor is none.
        """
        query = query or Query()
        left = stretches(query, now)
        where, values = filters(query, now, counted=True)
        rows: list[tuple[str, str, Any]] = []
        with self._lock:
            total = self._count(f"SELECT count(*) FROM runs WHERE {' AND '.join(where)}", values)
            beyond = total if query.cursor is None else sum(self._count(*one.count()) for one in left)
            for one in left:
                if len(rows) <= query.limit:
                    rows += self._database.execute(*one.rows(query.limit + 1 - len(rows)))
        found = [_shown(summary, now) for summary, _, _ in rows[: query.limit]]
        following = None
        if len(rows) > query.limit:
            _, run, value = rows[query.limit - 1]
            following = encode_cursor(query.sort, value, run)
        return Page(found, following, total, total - beyond + 1)

    def ended(self, since: int) -> dict[str, int]:
        """How many runs ended in each state since a moment in microseconds since 1970."""
        with self._lock:
            return dict(
                self._database.execute("SELECT state, count(*) FROM runs WHERE finished >= ? GROUP BY +state", (since,))
            )

    def past(self, workspace: str, pipeline: str, recent: int) -> Jsons:
        """The last runs of a pipeline as `{id, state, duration}`, the oldest first."""
        return self._recent("pipeline", workspace, pipeline, recent)

    def experiments(self, workspace: str | None = None, *, recent: int = 20) -> Jsons:
        """Experiments with `{name, workspace, runs, recent: [{id, state, duration}]}`, the latest used first."""
        where, values = ("WHERE workspace = ?", [workspace]) if workspace is not None else ("", [])
        with self._lock:
            groups = self._database.execute(
                f"SELECT workspace, experiment, count(*), max(started) AS latest FROM runs {where} "
                "GROUP BY workspace, experiment ORDER BY latest DESC, experiment",
                values,
            ).fetchall()
            return [
                {
                    "name": name,
                    "workspace": space,
                    "runs": count,
                    "recent": self._recent("experiment", space, name, recent),
                }
                for space, name, count, _ in groups
            ]

    def _recent(self, column: str, workspace: str, name: str, recent: int) -> Jsons:
        with self._lock:
            found = self._database.execute(
                f"SELECT id, state, duration FROM runs WHERE +workspace = ? AND {column} = ? "
                "ORDER BY started DESC, id DESC LIMIT ?",
                (workspace, name, recent),
            ).fetchall()
        return [
            {"id": run, "state": state, "duration": duration if duration >= 0 else None}
            for run, state, duration in reversed(found)
        ]

    def _count(self, query: str, values: Values) -> int:
        return int(self._database.execute(query, values).fetchone()[0])

    def _put(self, summary: Json, object_key: str | None) -> None:
        if self._database.execute(_UPSERT, _row(summary, object_key)).rowcount:
            self._database.execute("DELETE FROM labels WHERE run = ?", (summary["id"],))
            said = [(*label, summary["id"]) for label in labels(summary)]
            self._database.executemany("INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?)", said)

    def _take(self, info: Info) -> None:
        try:
            summaries = read(self._store.get(info.key))
        except NotFound:
            return
        ids = {summary["id"] for summary in summaries}
        with self._lock, self._database:
            before = self._database.execute("SELECT id FROM runs WHERE object = ?", (info.key,)).fetchall()
            self._database.executemany("DELETE FROM runs WHERE id = ?", [one for one in before if one[0] not in ids])
            for summary in summaries:
                self._put(summary, info.key)
            self._database.execute("REPLACE INTO objects VALUES (?, ?, ?)", (info.key, info.size, info.modified))


def _open(path: Path | None) -> sqlite3.Connection:
    database = sqlite3.connect(path or ":memory:", check_same_thread=False)
    try:
        if database.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
            raise sqlite3.DatabaseError("another version")
        database.executescript(f"{_TABLES} {_INDEXES} PRAGMA user_version = {_VERSION}; PRAGMA synchronous = OFF;")
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
    started, finished = _micros(summary.get("started")), _micros(summary.get("finished"))
    return {
        **{name: summary[name] or "" for name in ("id", "workspace", "experiment", "pipeline", "owner", "state")},
        "started": started or 0,
        "finished": finished or 0,
        "duration": -1 if started is None or finished is None else (finished - started) / 1e6,
        "failed": (summary.get("steps") or {}).get("FAILED", 0),
        **{name: summary.get(name) or 0 for name in ("events", "artifacts")},
        "stalls": _micros(summary.get("stalls")),
        "position": summary["position"],
        "object": object_key,
        "text": "\n".join(str(word) for word in words if word).casefold(),
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
