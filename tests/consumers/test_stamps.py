"""The order of a run's rows, where they are more text than one column of Arrow holds."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from runreel_consumers.archive import stamps
from runreel_consumers.archive.columns import SCHEMA


def row(time: int, data: str) -> pa.RecordBatch:
    plain = {pa.string(): "", pa.bool_(): False}
    known = {"time": time, "data": data}
    arrays = [pa.array([known.get(field.name, plain.get(field.type, 0))], field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def test_more_text_than_a_column_holds_is_put_in_order() -> None:
    megabyte = 1_000_000
    found = pa.Table.from_batches([row(1, "x" * megabyte)] * 2_200)  # one buffer, many times
    assert sum(some.num_rows for some in stamps._sorted(found)) == 2_200


@pytest.mark.parametrize("whole", [0, 1 << 30])
def test_rows_of_many_chunks_are_put_in_order(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "_WHOLE", whole)
    times = random.Random(1).sample(range(10_000), 2_000)
    single = pa.Table.from_batches([row(time, str(time)) for time in times])
    chunks = pa.concat_tables([single.slice(start, 7).combine_chunks() for start in range(0, 2_000, 7)])
    ordered = pa.concat_tables(stamps._sorted(chunks))
    assert ordered.column("time").cast(pa.int64()).to_pylist() == sorted(times)
    assert ordered.column("data").to_pylist() == [str(time) for time in sorted(times)]
