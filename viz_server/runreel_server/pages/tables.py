"""Tables of any size, a page at a time: Parquet and CSV, with a profile of each column."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

Json = dict[str, Any]
Open = Callable[[], BinaryIO]

SAMPLE = 50_000  # rows that a profile is made of; the profile says so where the table has more
BINS = 20
LONGEST_CELL = 1_000  # characters; a longer cell says how long it is
COUNTED = 64 << 20  # a CSV file up to this size is read to its end, so that the number of its rows is known


def parquet_page(open_: Open, row: int, rows: int, profiled: bool = False) -> Json:
    """Rows `row` to `row + rows` of a Parquet file; only the row groups that hold them are read.

    `profiled`: with a profile of each column, made of the first `SAMPLE` rows.

    Raises:
        pyarrow.ArrowInvalid: the bytes are no Parquet file.
    """
    with open_() as source, pq.ParquetFile(source) as file:
        total = file.metadata.num_rows
        row = max(0, min(row, total))
        batches = _from(_parquet_batches(file, row, rows), 0, rows)
        page = pa.Table.from_batches(list(batches), schema=file.schema_arrow)
        sample = None
        if profiled:
            sample = pa.Table.from_batches(list(_from(file.iter_batches(SAMPLE), 0, SAMPLE)), schema=file.schema_arrow)
        answer = _answer(page, sample, row, total)
        if sample is not None:
            _nulls_of_all(answer["columns"], file.metadata)
        return answer


def csv_page(open_: Open, row: int, rows: int, size: int | None, profiled: bool = False) -> Json:
    """Rows `row` to `row + rows` of a CSV file with a header, read as a stream.

    `total` is None where the rows were not counted to the end: the file is larger than `COUNTED` bytes, or of a `size`
    that is not known.

    Raises:
        pyarrow.ArrowInvalid: the bytes are no table.
    """
    try:
        return _csv_page(open_, row, rows, size, profiled, None)
    except pa.ArrowInvalid:
        with open_() as source:
            names = pacsv.open_csv(source).schema.names
        return _csv_page(open_, row, rows, size, profiled, {name: pa.string() for name in names})


def _csv_page(
    open_: Open, row: int, rows: int, size: int | None, profiled: bool, types: dict[str, pa.DataType] | None
) -> Json:
    with open_() as source:
        reader = pacsv.open_csv(source, convert_options=pacsv.ConvertOptions(column_types=types))
        to_end = size is not None and size <= COUNTED
        kept: list[pa.RecordBatch] = []
        sampled: list[pa.RecordBatch] = []
        seen = 0
        for batch in reader:
            if seen < row + rows and seen + batch.num_rows > row:
                kept.append(batch.slice(max(0, row - seen), row + rows - max(row, seen)))
            if profiled and seen < SAMPLE:
                sampled.append(batch.slice(0, SAMPLE - seen))
            seen += batch.num_rows
            if not to_end and seen >= max(row + rows, SAMPLE if profiled else 0):
                break
        else:
            to_end = True
        page = pa.Table.from_batches(kept, schema=reader.schema)
        sample = pa.Table.from_batches(sampled, schema=reader.schema) if profiled else None
        return _answer(page, sample, row, seen if to_end else None)


def _parquet_batches(file: pq.ParquetFile, row: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Batches that begin at `row`."""
    first = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        if first + size > row and first < row + rows:
            yield from _from(file.iter_batches(max(rows, 4096), row_groups=[group]), max(0, row - first), rows)
        first += size


def _from(batches: Iterator[pa.RecordBatch], skip: int, rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if rows <= 0:
            return
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        part = batch.slice(skip, rows)
        skip, rows = 0, rows - part.num_rows
        yield part


def _answer(page: pa.Table, sample: pa.Table | None, row: int, total: int | None) -> Json:
    columns = []
    for index, field in enumerate(page.schema):
        column: Json = {"name": field.name, "type": _type_name(field.type), "numeric": _is_number(field.type)}
        if sample is not None:
            column |= profile(sample.column(index))
        columns.append(column)
    cells = [[cell(value) for value in column.to_pylist()] for column in page.columns]
    sampled = None if sample is None else sample.num_rows
    rows = [list(one) for one in zip(*cells, strict=True)] if cells else []
    return {"kind": "table", "columns": columns, "rows": rows, "row": row, "total": total, "sampled": sampled}


def profile(column: pa.ChunkedArray) -> Json:
    """What one column holds: `null`, the share that is; `distinct`; `histogram`, counts of equal bins or of values."""
    length = len(column)
    answer: Json = {"null": column.null_count / length if length else 0.0, "distinct": None, "histogram": []}
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is_number(kind):
        answer["histogram"] = _bins(column)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        counts = sorted(pc.value_counts(column.drop_null()).field("counts").to_pylist(), reverse=True)
        answer["distinct"] = len(counts)
        answer["histogram"] = counts[:BINS] if len(counts) <= 500 else []
    return answer


def _bins(column: pa.ChunkedArray) -> list[int]:
    numbers = pc.cast(column, pa.float64(), safe=False).drop_null()
    numbers = numbers.filter(pc.is_finite(numbers))
    if not len(numbers):
        return []
    bounds = pc.min_max(numbers).as_py()
    low, high = bounds["min"], bounds["max"]
    if not math.isfinite(high - low) or high == low:
        return [len(numbers)]
    whole = pa.types.is_integer(column.type) and high - low < BINS
    number = int(high - low) + 1 if whole else BINS  # few whole numbers: a bin each
    scaled = pc.multiply(pc.subtract(numbers, low), number / (high - low + (1 if whole else 0)))
    index = pc.min_element_wise(pc.cast(pc.floor(scaled), pa.int32()), pa.scalar(number - 1, pa.int32()))
    bins = [0] * number
    for entry in pc.value_counts(index).to_pylist():
        bins[entry["values"]] = entry["counts"]
    return bins


def _nulls_of_all(columns: list[Json], metadata: pq.FileMetaData) -> None:
    """Take the share of nulls from the file's statistics, which count all rows, where it has them."""
    if metadata.num_columns != len(columns) or not metadata.num_rows:
        return
    for index, column in enumerate(columns):
        groups = [metadata.row_group(group).column(index).statistics for group in range(metadata.num_row_groups)]
        if all(one is not None and one.has_null_count for one in groups):
            column["null"] = sum(one.null_count for one in groups) / metadata.num_rows


def cell(value: Any) -> Any:
    """A cell for JSON: numbers that a browser's can hold and None as they are, all else as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)
    if isinstance(value, float):
        return (
            value if math.isfinite(value) else ("NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity")
        )
    if isinstance(value, (datetime, date, time)):
        text = value.isoformat()
    elif isinstance(value, (str, Decimal)):
        text = str(value)
    elif isinstance(value, bytes):
        text = value[:LONGEST_CELL].hex()
    else:
        text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}… ({len(text):,} characters)"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return f"dict of {kind.value_type}"
    return {"double": "float", "large_string": "string"}.get(str(kind), str(kind))
