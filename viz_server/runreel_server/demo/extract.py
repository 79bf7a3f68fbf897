"""Extract: one month of flights, each row parsed and checked; what fails the check is kept, with the reason."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import pandas as pd

import runreel
from runreel_server.demo import source

Clock = Annotated[int, msgspec.Meta(ge=0, le=2400)]  # hhmm, as airlines write it
Airport = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]{3}$")]


MISSING = ("", "NA")


class Flight(msgspec.Struct):
    """What a row must be. A flight that never left has no dep_time; one that never arrived, no arr_time."""

    year: Annotated[int, msgspec.Meta(ge=2013, le=2013)]
    month: Annotated[int, msgspec.Meta(ge=1, le=12)]
    day: Annotated[int, msgspec.Meta(ge=1, le=31)]
    sched_dep_time: Clock
    sched_arr_time: Clock
    carrier: str
    flight: int
    tailnum: Annotated[str, msgspec.Meta(min_length=2)]
    origin: Airport
    dest: Airport
    distance: Annotated[int, msgspec.Meta(gt=0)]
    dep_time: Clock | None = None
    arr_time: Clock | None = None
    dep_delay: float | None = None
    arr_delay: float | None = None
    air_time: Annotated[float, msgspec.Meta(gt=0)] | None = None


def check(row: dict[str, str]) -> Flight:
    """The flight in a row of text.

    Raises:
        ValueError: it is none; the message names the column (msgspec.ValidationError is a ValueError).
    """
    flight = msgspec.convert({k: v for k, v in row.items() if v not in MISSING}, Flight, strict=False)
    if flight.arr_time is not None and flight.dep_time is None:
        raise ValueError("arr_time without dep_time: it arrived but never left")
    if flight.air_time is not None and flight.distance / flight.air_time * 60 > 750:
        raise ValueError(f"air_time {flight.air_time:.0f} min for {flight.distance} miles: faster than sound")
    return flight


def month(number: int, work: Path, keep: int) -> None:
    """Extract one month into `work`; `keep` n takes every nth row of it."""
    run = runreel.start("nyc-flights")  # the run's identity is in the environment: this joins it
    with run.step(f"{number:02d}", total=source.ROWS, unit="row") as step:
        good: list[Flight] = []
        bad: list[dict[str, str]] = []
        rows = step.track(source.flights(), total=source.ROWS, unit="row")
        for row in islice((row for row in rows if row["month"] == str(number)), 0, None, keep):
            try:
                good.append(check(row))
            except ValueError as error:
                bad.append({**row, "reason": str(error)})
                if len(bad) <= 3:
                    step.log(
                        f"rejected {row['carrier']}{row['flight']} of {row['time_hour']}: {error}", level="WARNING"
                    )
        step.metric("rows", len(good))
        step.metric("rejected", len(bad))
        step.log(f"{len(good):,} flights, {len(bad):,} rejected")
        path = work / f"flights-{number:02d}.parquet"
        pd.DataFrame([msgspec.structs.asdict(flight) for flight in good]).to_parquet(path)
        step.output(f"flights-{number:02d}", path, type="Dataset", metadata={"rows": len(good)})
        step.output(f"rejects-{number:02d}", pd.DataFrame(bad), type="Table", metadata={"rows": len(bad)})
