"""Extract: one month of flights, each row parsed and checked; what fails the check is kept, with the reason.

Twelve of these run side by side, so this module imports nothing heavier than pyarrow, and makes tables by way of JSON:
`pyarrow.table` would import pandas, which takes longer than the month.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.json import read_json

import runreel
from runreel_server.demo import source

Clock = Annotated[int, msgspec.Meta(ge=0, le=2400)]  # hhmm, as airlines write it
Airport = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]{3}$")]

MISSING = ("", "NA")
FASTEST = 600  # miles an hour over the ground; no airliner is faster without a storm behind it


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
    for planned, was, delay in (
        (flight.sched_dep_time, flight.dep_time, flight.dep_delay),
        (flight.sched_arr_time, flight.arr_time, flight.arr_delay),
    ):
        if was is not None and delay is not None and (minutes(was) - minutes(planned) - delay) % 1440:
            raise ValueError(f"a delay of {delay:.0f} minutes, but planned for {planned:04d} and done at {was:04d}")
    if flight.air_time is not None and (speed := flight.distance / flight.air_time * 60) > FASTEST:
        raise ValueError(f"air_time {flight.air_time:.0f} min for {flight.distance} miles: {speed:.0f} miles an hour")
    return flight


def minutes(clock: int) -> int:
    """Minutes since midnight of a time such as 1745."""
    return clock // 100 * 60 + clock % 100


def month(number: int, work: Path, keep: int) -> None:
    """Extract one month into `work`; with `keep` n every nth row of it."""
    run = runreel.start("nyc-flights")  # the run's identity is in the environment: this joins it
    with run.step(f"{number:02d}") as step:
        good: list[Flight] = []
        bad: list[dict[str, str]] = []
        day = 0  # rows of a month come by day
        for row in step.track(source.month(number, keep), unit="row"):
            try:
                good.append(check(row))
            except ValueError as error:
                bad.append({**row, "reason": str(error)})
                if len(bad) <= 3:
                    step.log(f"rejected {row['carrier']}{row['flight']}, day {row['day']}: {error}", level="WARNING")
            if int(row["day"]) != day:
                day = int(row["day"])
                step.metrics({"rows": len(good), "rejected": len(bad)}, at=day)
        step.log(f"{len(good):,} flights, {len(bad):,} rejected")
        path = work / f"flights-{number:02d}.parquet"
        pq.write_table(table(good), path)
        step.output(path.stem, path, type="Dataset", metadata={"rows": len(good)})
        path = work / f"rejects-{number:02d}.parquet"
        pq.write_table(table(bad), path)
        step.output(path.stem, path, type="Table", metadata={"rows": len(bad)})


def table(rows: Sequence[Flight | dict[str, str]]) -> pa.Table:
    """Rows as a table."""
    return read_json(io.BytesIO(b"\n".join(map(msgspec.json.encode, rows))))
