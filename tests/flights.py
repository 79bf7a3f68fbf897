"""The run that the pages' mock-ups show: nyc-flights, 13:39 after its start, as the state of the surface.

Everything follows from `BEGAN`, so that two calls give the same. `state(t)` is the run `t` seconds after its start.
"""

from __future__ import annotations

import math
import random
from typing import Any

from runreel.codec import iso

Json = dict[str, Any]

RUN = "0192f3c1-a7e2-7c31-9d1e-5a0c8f0b7d11"
BEGAN = 1_795_338_245_000_000  # µs since 1970
NOW = 819.0
EVENTS = 48_211
LINES = 1_204_318

# step: (parents, start, end, how it ends); the seconds of what lies ahead are what it is expected to take
STEPS: dict[str, tuple[list[str], float, float, str]] = {
    "plan": ([], 0, 4, "SUCCEEDED"),
    "extract": (["plan"], 4, 142, "SUCCEEDED"),
    "weather": (["plan"], 4, 58, "SUCCEEDED"),
    "airports": (["plan"], 4, 5, "CACHED"),
    "backfill-2012": (["plan"], 4, 4, "SKIPPED"),
    "clean": (["extract"], 142, 231, "SUCCEEDED"),
    "join-weather": (["clean", "weather"], 231, 298, "SUCCEEDED"),
    "features": (["join-weather", "airports", "backfill-2012"], 298, 441, "SUCCEEDED"),
    "train": (["features"], 449, 1040, "SUCCEEDED"),
    "baseline": (["features"], 441, 566, "SUCCEEDED"),
    "evaluate": (["train"], 1040, 1086, "SUCCEEDED"),
    "eval-baseline": (["baseline"], 566, 612, "SUCCEEDED"),
    "report": (["evaluate", "eval-baseline"], 1086, 1128, "SUCCEEDED"),
    "publish": (["report"], 1128, 1185, "SUCCEEDED"),
}
TRIALS = 300
FAILING = {64: 1, 93: 2, 184: 3}  # trial -> how many seconds it runs on before it fails, in tens
STALLING = 180

ARTIFACTS: list[tuple[str, str, str, float, int, Json]] = [  # id, name, type, when, size, more
    ("a-leaderboard", "leaderboard", "Table", 760, 48_211, {"media_type": "application/vnd.apache.parquet"}),
    ("a-hours", "delay-by-hour", "Image", 700, 48_000, {"media_type": "image/svg+xml"}),
    ("a-roc", "roc", "ClassificationMetrics", 612, 4_800, {}),
    ("a-confusion", "confusion", "ClassificationMetrics", 611, 900, {}),
    ("a-card", "data-card.md", "Markdown", 440, 3_400, {"media_type": "text/markdown"}),
    ("a-profile", "profile.html", "HTML", 439, 2_254_857_830, {"media_type": "text/html"}),
    ("a-figure", "routes", "Plotly", 430, 9_000, {}),
    ("a-baseline", "baseline.joblib", "Model", 566, 3_100_000, {"version": 7}),
    ("a-features", "features.parquet", "Dataset", 441, 88_200_000, {"version": 12}),
    ("a-joined", "joined.parquet", "Dataset", 298, 61_000_000, {"version": 12}),
    ("a-clean", "clean.parquet", "Dataset", 231, 41_200_000, {"version": 31}),
    ("a-notes", "notes.txt", "Artifact", 230, 2_000, {"media_type": "text/plain"}),
]
_MAKERS = {"leaderboard": "train", "delay-by-hour": "train", "roc": "eval-baseline", "confusion": "eval-baseline"}
SERIES: dict[tuple[str, str], tuple[float, float, float, float]] = {  # from, to, low, high
    ("train", "loss"): (449, 1040, 0.2, 1.0),
    ("train", "val_auc"): (449, 1040, 0.6, 0.9),
    ("train", "best_auc"): (449, 1040, 0.6, 0.9),
    ("train", "trials running"): (449, 1040, 0, 16),
    ("train", "trial seconds"): (449, 1040, 20, 45),
    ("extract", "rows per s"): (4, 142, 500, 3_200),
    ("features", "rows"): (298, 441, 0, 336_776),
    ("", "cpu %"): (0, 1185, 0, 100),
    ("", "memory GB"): (0, 1185, 0.5, 16),
}


def moment(t: float) -> int:
    """Seconds since the run's start as µs since 1970."""
    return BEGAN + round(t * 1_000_000)


def at(t: float) -> str:
    """Seconds since the run's start as ISO 8601."""
    return iso(moment(t))


def state(t: float = NOW, *, stop: float = 1185.0) -> Json:
    """The run's state `t` seconds after its start; it ended after `stop` seconds, where that is past."""
    steps = {path: _step(path, t) for path in STEPS}
    for month in range(1, 13):
        begun, ended = 4.0 + (month - 1) // 4 * 40, 42.0 + (month - 1) // 4 * 40 + month * 1.5
        steps[f"extract/2013-{month:02d}"] = _span(t, begun, min(ended, 142), "SUCCEEDED", [])
    steps.update({f"train/{trial:03d}": _trial(trial, t) for trial in range(1, TRIALS + 1) if t >= 449})
    if 449 <= t < 1040:
        done = sum(one["state"] in {"SUCCEEDED", "FAILED"} for path, one in steps.items() if path.startswith("train/"))
        steps["train"]["progress"] = {"done": done, "total": TRIALS, "unit": None, "message": None}
        steps["train"]["total"] = TRIALS
    over = t >= stop
    made = [one for one in ARTIFACTS if one[3] <= t]
    return {
        "id": RUN,
        "pipeline": "nyc-flights",
        "workspace": "default",
        "experiment": "delays",
        "owner": "etl",
        "state": "SUCCEEDED" if over else "RUNNING",
        "started": at(0),
        "finished": at(stop) if over else None,
        "error": None,
        "eta": None if over else at(1185),
        "median": 1084.0,
        "params": {
            "rows": 336_776,
            "months": 12,
            "model": "hist-gbdt",
            "trials": 300,
            "seed": 7,
            "lr": [0.03, 0.1],
            "early_stop": True,
            "target": "arr_delay",
            "cache": None,
        },
        "tags": {"team": "flights"},
        "origin": None,
        "environment": {"host": "etl-02", "commit": "4f1c2ad9e0", "python": "3.11.9"},
        "steps": steps,
        "series": _series(t),
        "artifacts": {one[0]: artifact(one) for one in made},
        "sessions": {"5f0c2a9e4b7d4c1e8a6f3d2b1c0e9f77": {"host": "etl-02", "step": "train", "said": 900}},
        "lines": {"total": round(LINES * min(t, stop) / NOW), "levels": {}, "error": None},
        "events": round(EVENTS * min(t, stop) / NOW),
        "complete": over,
        "missing": [],
        "losses": {},
    }


def artifact(one: tuple[str, str, str, float, int, Json]) -> Json:
    """An artifact of the run as its state has it."""
    name, kind, made, size, more = one[1:]
    return {
        "id": one[0], "name": name, "type": kind, "step": _MAKERS.get(name, _maker(made)), "role": "output",
        "uri": f"s3://runreel/content/{one[0]}", "size": size, "sha256": one[0].encode().hex().ljust(64, "0")[:64],
        "version": 1, "state": "stored", "created": at(made), "metadata": {}, "media_type": None, **more,
    }  # fmt: skip


def points(path: str, name: str, t: float = NOW, number: int = 300) -> Json:
    """The points of a series up to `t`, as columns."""
    begun, ended, low, high = SERIES[path, name]
    noise = random.Random(f"{path}:{name}")
    times = [begun + (ended - begun) * n / number for n in range(number)]
    values = [_value(name, (one - begun) / (ended - begun), low, high, noise) for one in times]
    kept = [(n, one, value) for n, (one, value) in enumerate(zip(times, values, strict=True)) if one <= t]
    return {
        "at": [n for n, _, _ in kept], "time": [moment(one) for _, one, _ in kept],
        "value": [value for *_, value in kept], "bucketed": False, "count": len(kept),
    }  # fmt: skip


def said(text: str, t: float, path: str = "train", level: str = "INFO", seq: int = 1_000) -> Json:
    """A line as a frame has it."""
    where = {"session": "s1", "seq": seq, "row": 0}
    return {"time": moment(t), "step": path, "level": level, "text": text, "stream": "log", **where}


def lines(t: float = NOW, number: int = 400) -> list[Json]:
    """The last lines up to `t`, oldest first."""
    texts = ["max_leaf=63 lr=0.08 l2=0", "done: val_auc=0.8685 in 30.2 s", "epoch 73: loss=0.3928 val_auc=0.8733"]
    found = []
    for n in range(number):
        when = t * (n + 1) / number
        path = next((one for one, (_, a, b, _) in STEPS.items() if a <= when < b and one not in {"airports"}), "train")
        level, text = "INFO", texts[n % 3]
        if n % 31 == 30:
            level, text = "DEBUG", "pool: 16 busy, 105 queued, spool 0 B"
        if n == number - 12:
            level, text = "ERROR", 'ValueError: Input X contains NaN (column wind_gust)\n  File "train.py", line 212'
        if n == number - 40:
            level, text = "WARNING", "feature wind_gust: 22.4 % null, imputed by median"
        found.append(
            {
                "time": moment(when),
                "step": path,
                "level": level,
                "text": text,
                "stream": "log",
                "session": "s1",
                "seq": n,
                "cursor": f"{moment(when)}-s1-{n}-0",
            }
        )
    return found


def _maker(made: float) -> str:
    return next((path for path, (_, a, b, _) in STEPS.items() if a < made <= b and path != "airports"), "features")


def _span(t: float, begun: float, ended: float, last: str, parents: list[str]) -> Json:
    running = begun <= t < ended
    state = "PENDING" if t < begun else "RUNNING" if running else last
    started = at(begun) if t >= begun and last != "SKIPPED" else None
    finished = at(ended) if t >= ended else None
    once = {"execution": "e1", "state": state, "started": started, "finished": finished, "error": None}
    return {
        "state": state, "parents": parents, "execution": None, "attempts": [once] if started else [],
        "started": started, "finished": finished, "eta": at(ended) if running else None,
        "expected": ended - begun or None,
        "total": None, "progress": None, "error": None, "heartbeat": at(t - 1) if running else None,
    }  # fmt: skip


def _step(path: str, t: float) -> Json:
    parents, begun, ended, last = STEPS[path]
    return _span(t, begun, ended, last, parents)


def _trial(trial: int, t: float) -> Json:
    begun = 449 + (trial - 1) // 16 * 31.0 + (trial % 16) * 0.8
    ended = begun + 24 + (trial * 7919) % 17
    one = _span(t, begun, ended, "FAILED" if trial in FAILING else "SUCCEEDED", [])
    if trial in FAILING and one["state"] == "FAILED":
        one["error"] = {"type": "ValueError", "message": "Input X contains NaN", "traceback": ""}
    if trial == STALLING and begun <= t:
        stalled = {"state": "STALLED" if t > begun + 20 else "RUNNING", "finished": None}
        one.update(stalled, heartbeat=at(min(t, begun + 8)))
        one["attempts"][0].update(stalled)
    return one


def _series(t: float) -> Json:
    found: Json = {}
    for (path, name), (begun, *_) in SERIES.items():
        if begun <= t:
            values = [value for value in points(path, name, t)["value"] if isinstance(value, float)]
            summary = (
                {"count": len(values), "last": values[-1], "min": min(values), "max": max(values)} if values else None
            )
            if summary:
                found.setdefault(path, {})[name] = summary
    return found


def _value(name: str, share: float, low: float, high: float, noise: random.Random) -> float:
    wave = noise.gauss(0, 0.015) * (high - low)
    if name == "loss":
        return round(low + (high - low) * math.exp(-4 * share) + wave, 4)
    if name in {"val_auc", "best_auc"}:
        step = math.floor(share * 9) / 9 if name == "best_auc" else share
        return round(high - (high - low) * math.exp(-5 * step) + (wave if name == "val_auc" else 0), 4)
    if name == "rows":
        return float(round(high * share))
    if name == "trials running":
        return float(high if share > 0.01 else 1)
    if name == "memory GB":
        return round(low + (high - low) * ((share * 4) % 1) * 0.8 + wave, 2)
    return round(low + (high - low) * (0.5 + 0.3 * math.sin(share * 9)) + 4 * wave, 2)
