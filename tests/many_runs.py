"""Thousands of runs as the catalog has them, without saying each: summaries of one form, with lives of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from random import Random
from typing import Any, Final
from uuid import UUID

from runreel.codec import iso
from runreel_consumers.catalog import pipelines
from runreel_consumers.catalog.days import Day, day_of
from runreel_consumers.store import Store

SECOND: Final = 1_000_000
PIPELINES: Final = (
    ("flights-hourly", "delays", "cron", 230),
    ("weather-sync", "ingest", "cron", 65),
    ("nyc-flights", "delays", "etl", 1_100),
    ("taxi-demand", "demand", "ml", 1_300),
    ("churn-weekly", "growth", "growth", 2_500),
    ("rates", "ingest", "cron", 20),
)
STEPS: Final = ("extract", "clean", "join-weather", "features", "train", "evaluate", "publish")
LINE: Final = "KeyError: 'wind_gust' not in weather.columns (12 months read, 26,115 hours)"

Json = dict[str, Any]


def summaries(count: int, now: int, *, running: int = 0, every: int = 600) -> Iterator[Json]:
    """Summaries, the newest first: some under way, then one that has ended each `every` seconds before `now` (µs)."""
    random = Random(7)
    for number in range(count):
        pipeline, experiment, owner, usual = PIPELINES[number * 7 % 13 % len(PIPELINES)]
        took = usual * random.uniform(0.8, 1.25)
        going = number < running
        began = now - round((took * random.uniform(0.3, 0.8) if going else number * every + took) * SECOND)
        state = "RUNNING" if going else "FAILED" if random.random() < 0.03 else "SUCCEEDED"
        failing = 2 if state == "FAILED" or (going and number == 1) else None
        over = None if going else began + round(took * SECOND * (0.3 if state == "FAILED" else 1))
        yield {
            "id": str(UUID(int=(began // 1000 << 80) | (7 << 76) | (2 << 62) | (random.getrandbits(60)))),
            "workspace": "default", "pipeline": pipeline, "experiment": experiment, "owner": owner, "state": state,
            "started": iso(began), "finished": over and iso(over), "heard": iso(over or now), "origin": None,
            "stalls": iso(now + 600 * SECOND) if going else None, "error": None,
            "events": random.randrange(900, 80_000), "complete": not going, "sessions": 1, "conflicts": 0, "losses": {},
            "missing": 3 if number % 97 == 5 else 0, "artifacts": random.randrange(9),
            "params": {"rows": 336_776 - number % 900, "lr": round(random.uniform(0.001, 0.1), 4)},
            "tags": {"kind": ("nightly", "hourly", "by-hand")[number % 3], "commit": f"{random.getrandbits(28):07x}"},
            "metrics": {"train:auc": round(random.uniform(0.7, 0.95), 4), "train:loss": random.random()},
            **_steps(began, took, over or now, failing),
            "position": f"{0:08d}-{0:05d}-{count - number:020d}",
        }  # fmt: skip


def _steps(began: int, took: float, end: int, failing: int | None) -> Json:
    bars: list[Json] = []
    for place, step in enumerate(STEPS):
        start = began + round(took * SECOND * place / len(STEPS))
        stop = began + round(took * SECOND * (place + 1) / len(STEPS))
        if start >= end:
            bars.append({"step": step, "state": "PENDING", "started": None, "finished": None})
            continue
        state = "FAILED" if place == failing else "SUCCEEDED" if stop <= end else "RUNNING"
        bars.append(
            {"step": step, "state": state, "started": iso(start), "finished": iso(stop) if stop <= end else None}
        )
    counts = {state: sum(bar["state"] == state for bar in bars) for state in {bar["state"] for bar in bars}}
    told = (
        {"step": STEPS[failing], "line": LINE, "finished": bars[failing]["finished"]} if failing is not None else None
    )
    return {"bars": bars, "steps": {"total": len(bars), **counts}, "failing": told}


def store(where: Store, told: Iterable[Json]) -> None:
    """Write the summaries as the catalog stores them, and how long each pipeline takes."""
    for pipeline, _, _, usual in PIPELINES:
        steps = {step: usual / len(STEPS) for step in STEPS}
        took = pipelines.Took(f"{pipeline}-before", "1970-01-01T00:00:00Z", float(usual), steps)
        pipelines.write(where, f"{pipelines.folder('default', pipeline)}tests.json", [took])
    for day, members in groupby(sorted(told, key=lambda one: day_of(one["id"])), lambda one: day_of(one["id"])):
        kept = Day(where, "default", day, "tests")
        for one in members:
            kept.put(one)
        kept.write()
