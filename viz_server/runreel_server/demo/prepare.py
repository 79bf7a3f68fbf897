"""Prepare: clean the flights, join the weather, and say of each flight what was known before it left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import runreel
from runreel_server.demo import source

WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
LATE = 15.0  # minutes after its schedule that make an arrival late, as the US Department of Transportation counts
FOLDS = 5


def clean(work: Path) -> None:
    """All months as one table: clock times as moments in UTC, the cancelled apart."""
    with runreel.start("nyc-flights").step("clean", after=["extract"], unit="stage") as step:
        months = sorted(work.glob("flights-*.parquet"))
        flights = pd.concat([pd.read_parquet(path) for path in step.track(months, unit="month")], ignore_index=True)
        for path in months:
            step.input(path.stem)
        zones = pd.read_csv(source.folder() / "airports.csv").set_index("faa")["tzone"].dropna()
        day = pd.to_datetime(flights[["year", "month", "day"]])
        flights["left"] = moments(day, flights.sched_dep_time, pd.Series("America/New_York", flights.index))
        flights["due"] = moments(day, flights.sched_arr_time, flights.dest.map(zones).fillna("America/New_York"))
        flights.loc[flights.due < flights.left, "due"] += pd.Timedelta(days=1)
        flights["planned"] = (flights.due - flights.left).dt.total_seconds() / 60
        cancelled = flights.dep_time.isna() | flights.arr_delay.isna()
        step.log(f"{cancelled.sum():,} of {len(flights):,} flights were cancelled or diverted")
        step.metrics({"flights": len(flights), "cancelled": int(cancelled.sum())})
        known = flights[~cancelled].sort_values(["left", "carrier", "flight"]).reset_index(drop=True)
        known["late"] = known.arr_delay > LATE
        known.to_parquet(work / "clean.parquet")
        step.output("clean", work / "clean.parquet", type="Dataset", metadata={"rows": len(known)})
        by_hour = known.groupby(known.sched_dep_time // 100).arr_delay.mean()
        step.show("delay by hour", bars("Mean delay on arrival by hour of departure", by_hour, "hour", "minutes"))


def moments(day: pd.Series, clock: pd.Series, zone: pd.Series) -> pd.Series:
    """Local clock times (hhmm) of days as moments in UTC, each in the zone of its airport."""
    local = day + pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="m")
    parts = [
        local[zone == name].dt.tz_localize(name, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
        for name in zone.unique()
    ]
    return pd.concat(parts).reindex(day.index)


def weather(work: Path, without: str | None = None) -> None:
    """The hourly weather of the three airports, its gaps filled. `without` leaves a column out: what `--fail` does."""
    with runreel.start("nyc-flights").step("weather", after=[], total=3, unit="airport") as step:
        raw = pd.read_csv(source.folder() / "weather.csv", parse_dates=["time_hour"])
        raw = raw.drop(columns=[without] if without else [])
        parts = []
        for origin, hours in step.track(raw.groupby("origin"), total=3, unit="airport"):
            step.log(f"{origin}: {len(hours):,} hours")
            hours = hours.set_index("time_hour").sort_index()
            hours = hours[~hours.index.duplicated()]
            filled = hours[WEATHER].asfreq("h").interpolate(limit=6)
            filled["wind_gust"] = filled.wind_gust.fillna(filled.wind_speed)
            filled["wet"] = filled.precip.rolling("6h").sum()
            step.metric(f"filled {origin}", int(len(filled) - len(hours)))
            parts.append(filled.assign(origin=origin))
        pd.concat(parts).reset_index().to_parquet(work / "weather.parquet")
        step.output("weather", work / "weather.parquet", type="Dataset")


def join(work: Path) -> None:
    """Each flight with the weather at its airport in the hour in which it is to leave."""
    with runreel.start("nyc-flights").step("join-weather") as step:
        step.input("clean")
        step.input("weather")
        flights = pd.read_parquet(work / "clean.parquet")
        hours = pd.read_parquet(work / "weather.parquet").rename(columns={"time_hour": "hour"})
        unit = flights["left"].dt.unit
        hours["hour"] = hours.hour.dt.as_unit(unit)
        joined = pd.merge_asof(
            flights,
            hours.sort_values("hour"),
            left_on="left",
            right_on="hour",
            by="origin",
            tolerance=pd.Timedelta("3h"),
        )
        missing = float(joined.temp.isna().mean())
        step.metric("without weather", missing)
        step.log(f"{missing:.2%} of the flights have no weather within three hours")
        joined.to_parquet(work / "joined.parquet")
        step.output("joined", work / "joined.parquet", type="Dataset", metadata={"rows": len(joined)})


def features(work: Path) -> None:
    """What was known of each flight two hours before it left, and nothing later."""
    with runreel.start("nyc-flights").step("features", total=4, unit="group") as step:
        step.input("joined")
        flights = pd.read_parquet(work / "joined.parquet")
        table = flights[["left", "late", "distance", "planned", *WEATHER, "wet"]].copy()
        table["hour"] = flights.sched_dep_time // 100
        table["weekday"] = flights["left"].dt.day_of_week
        table["season"] = np.cos(flights["left"].dt.day_of_year / 365 * 2 * np.pi)
        legs = flights.sort_values(["tailnum", "left"]).groupby("tailnum")
        ready = (legs.due.shift() + pd.to_timedelta(legs.arr_delay.shift(), unit="m")).reindex(flights.index)
        table["leg_before"] = legs.arr_delay.shift().where(ready < flights["left"] - pd.Timedelta("2h")).fillna(0)
        table["turnaround"] = ((flights["left"] - legs.due.shift()).dt.total_seconds() / 60).clip(0, 1440).fillna(1440)
        step.progress(1, message="legs before")
        route = flights.origin + "-" + flights.dest
        for name, keys in {"route": route, "carrier": flights.carrier, "origin": flights.origin}.items():
            for days in (1, 7, 28):
                table[f"{name}_{days}d"] = rolling(flights, keys, days)
            step.log(f"rolling delay by {name}: {keys.nunique():,} groups")
        step.progress(2, message="rolling delays")
        fold = np.random.default_rng(7).integers(0, FOLDS, len(flights))
        for name, keys in {"route": route, "tailnum": flights.tailnum, "carrier": flights.carrier}.items():
            table[f"{name}_late"] = out_of_fold(flights.late, keys, fold)
        step.progress(3, message="target encodings")
        table = table.fillna(table.median(numeric_only=True))
        table.to_parquet(work / "features.parquet")
        step.progress(4, message="written")
        step.metrics({"features": table.shape[1] - 2, "rows": len(table)})
        step.output("features", work / "features.parquet", type="Dataset", metadata={"rows": len(table)})


def rolling(flights: pd.DataFrame, keys: pd.Series, days: int) -> pd.Series:
    """The mean delay of a group's flights over the days before, up to two hours before each flight."""
    seen = pd.DataFrame({"key": keys, "due": flights.due + pd.Timedelta("2h"), "delay": flights.arr_delay})
    seen = seen.sort_values("due").set_index("due")
    mean = seen.groupby("key").delay.rolling(f"{days}D").mean().rename("mean").reset_index().sort_values("due")
    ask = pd.DataFrame({"key": keys, "left": flights["left"]}).reset_index().sort_values("left")
    answer = pd.merge_asof(ask, mean, left_on="left", right_on="due", by="key")
    return answer.set_index("index")["mean"].reindex(flights.index)


def out_of_fold(target: pd.Series, keys: pd.Series, fold: np.ndarray) -> pd.Series:
    """How often a group is late, for each row learnt from the other folds only, drawn towards the mean where few."""
    mean = float(target.mean())
    answer = pd.Series(mean, target.index)
    for one in range(FOLDS):
        others = target[fold != one].groupby(keys[fold != one])
        encoded = (others.sum() + 20 * mean) / (others.count() + 20)
        answer[fold == one] = keys[fold == one].map(encoded).fillna(mean)
    return answer


def bars(title: str, values: pd.Series, x: str, y: str) -> object:
    """A bar chart as a Plotly figure."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Bar(x=list(values.index), y=[float(value) for value in values]))
    return figure.update_layout(title=title, xaxis_title=x, yaxis_title=y)
