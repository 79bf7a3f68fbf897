"""Publish: the model that serves, what it looks at, and a report that anyone can read."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

import runreel


def publish(work: Path) -> None:
    """The model that serves, and the report."""
    with runreel.start("nyc-flights").step("publish", after=["evaluate"], unit="artifact", total=3) as step:
        for name in ("importance", "model-0", "clean"):
            step.input(name)
        ranked = pd.read_parquet(work / "importance.parquet").head(12)
        figure = go.Figure(go.Bar(x=ranked.importance[::-1], y=ranked.feature[::-1], orientation="h"))
        step.show("what it looks at", figure.update_layout(title="AUC lost when a feature is shuffled"))
        step.progress(1)
        step.output("model", work / "model-0.pickle", type="Model", metadata={"serves": True})
        step.progress(2)
        step.output("report", report(work, ranked), type="HTML")
        step.progress(3)


def report(work: Path, ranked: pd.DataFrame) -> str:
    """The report as an HTML page of its own: worst hours, worst routes, what the model looks at."""
    flights = pd.read_parquet(work / "clean.parquet", columns=["origin", "dest", "arr_delay", "late", "sched_dep_time"])
    routes = flights.groupby(flights.origin + " to " + flights.dest).agg(
        flights=("late", "size"), late=("late", "mean"), delay=("arr_delay", "mean")
    )
    worst = routes[routes.flights >= routes.flights.median()].sort_values("late", ascending=False).head(10)
    parts = [
        "<!doctype html><meta charset=utf-8><title>New York flights, 2013</title>",
        "<style>body{font:15px/1.5 system-ui;margin:2rem;max-width:44rem}table{border-collapse:collapse;width:100%}"
        "td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child"
        "{text-align:left}</style>",
        f"<h1>New York flights, 2013</h1><p>{len(flights):,} flights arrived; {flights.late.mean():.1%} of them "
        f"more than 15 minutes late.</p>",
        "<h2>Routes most often late</h2><table><tr><th>route<th>flights<th>late<th>mean delay",
        *(
            f"<tr><td>{html.escape(str(name))}<td>{row.flights:,.0f}<td>{row.late:.1%}<td>{row.delay:.1f} min"
            for name, row in worst.iterrows()
        ),
        "</table><h2>What the model looks at</h2><table><tr><th>feature<th>AUC lost when shuffled",
        *(f"<tr><td>{html.escape(row.feature)}<td>{row.importance:.4f}" for row in ranked.itertuples()),
        "</table>",
    ]
    return "".join(parts)
