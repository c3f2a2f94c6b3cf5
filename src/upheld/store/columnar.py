"""Batches of the log as rows of a file, and rows of a file chosen by series, time and position."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from upheld.agreements.units import DAY
from upheld.measurements.model import COLUMNS
from upheld.store.folder import FILE_COLUMNS

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_FIRST_DAY, _LAST_DAY = (int(np.datetime64(day, "D").astype(np.int64)) for day in ("0001-01-01", "9999-12-31"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of these services and metrics (None: of all), with start <= time < end (microseconds UTC), of the
    batches behind position `after` up to `upto`. None does not limit."""

    services: Set[str] | None = None
    metrics: Set[str] | None = None
    start: int | None = None
    end: int | None = None
    after: int | None = None
    upto: int | None = None


# -- into files


def rows_of_batches(batches: Iterable[tuple[int, str | None, pa.Table]]) -> pa.Table:
    """Batches, each (position, who delivered it, its table), as rows of a file, in the order in which they came."""
    return pa.concat_tables(
        pa.Table.from_arrays(
            [
                *(table.column(name).cast(FILE_COLUMNS.field(name).type) for name in COLUMNS.names),
                pa.array(np.full(table.num_rows, position, np.int64)),
                pa.array(np.arange(table.num_rows, dtype=np.int32)),
                pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(table.num_rows, np.int32), mask=np.full(table.num_rows, source is None)),
                    pa.array([source or ""], pa.string()),
                ),
            ],
            schema=FILE_COLUMNS,
        )
        for position, source, table in batches
    )


def by_month(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Rows of files, sorted as a file has them, for each month (`2026-06`, UTC) that they lie in."""
    rows = rows.unify_dictionaries().combine_chunks()
    time, place = _integers(rows, "time"), _integers(rows, "position")
    order = np.lexsort((_integers(rows, "row"), place, time, _ranks(rows, "metric"), _ranks(rows, "service")))
    day = np.clip(time // DAY, _FIRST_DAY, _LAST_DAY)
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    for one in np.unique(month):
        yield str(one), rows.take(pa.array(order[month[order] == one]))


def _integers(rows: pa.Table, name: str) -> Numbers:
    column = rows.column(name)
    found: Numbers = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_numpy()
    return found


def _ranks(rows: pa.Table, name: str) -> Numbers:
    """The place of each row's text in the order of texts."""
    chunks = rows.column(name).chunks
    if not chunks:
        return np.zeros(0, np.int64)
    texts = chunks[0].dictionary.to_pylist()
    ranks = np.empty(len(texts), np.int64)
    ranks[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    found: Numbers = ranks[np.concatenate([chunk.indices.to_numpy() for chunk in chunks])]
    return found


# -- out of files


def selected(file: pq.ParquetFile, wanted: Wanted, columns: Iterable[str]) -> pa.Table:
    """The rows of a file that are wanted, in its order, with these of its columns. Row groups that the statistics rule
    out are not read."""
    columns = list(columns)
    read = list(dict.fromkeys([*columns, *_tested(wanted)]))
    names = file.schema_arrow.names
    groups = [n for n in range(file.metadata.num_row_groups) if _may_hold(file.metadata.row_group(n), names, wanted)]
    return chosen(file.read_row_groups(groups, columns=read, use_threads=False), wanted).select(columns)


def _tested(wanted: Wanted) -> Iterator[str]:
    if wanted.services is not None:
        yield "service"
    if wanted.metrics is not None:
        yield "metric"
    if wanted.start is not None or wanted.end is not None:
        yield "time"
    if wanted.after is not None or wanted.upto is not None:
        yield "position"


def _may_hold(group: pq.RowGroupMetaData, names: list[str], wanted: Wanted) -> bool:
    for name in _tested(wanted):
        statistics = group.column(names.index(name)).statistics
        if statistics is None or not statistics.has_min_max:
            continue
        if name in ("service", "metric"):
            texts = wanted.services if name == "service" else wanted.metrics
            if not any(statistics.min <= text <= statistics.max for text in texts or ()):
                return False
        else:
            first, last = statistics.min_raw, statistics.max_raw
            if name == "time":
                misses = _misses(first, last, wanted.start, None if wanted.end is None else wanted.end - 1)
            else:
                misses = _misses(first, last, None if wanted.after is None else wanted.after + 1, wanted.upto)
            if misses:
                return False
    return True


def _misses(first: int, last: int, lowest: int | None, highest: int | None) -> bool:
    return (lowest is not None and last < lowest) or (highest is not None and first > highest)


def chosen(table: pa.Table, wanted: Wanted) -> pa.Table:
    """The rows of a table that are wanted, with all its columns."""
    tests: list[Flags] = []
    for name, texts in (("service", wanted.services), ("metric", wanted.metrics)):
        if texts is not None:
            tests.append(_is_one_of(table.column(name), texts))
    if wanted.start is not None or wanted.end is not None:
        time = _integers(table, "time")
        tests += [time >= wanted.start] if wanted.start is not None else []
        tests += [time < wanted.end] if wanted.end is not None else []
    if wanted.after is not None or wanted.upto is not None:
        position = _integers(table, "position")
        tests += [position > wanted.after] if wanted.after is not None else []
        tests += [position <= wanted.upto] if wanted.upto is not None else []
    which = np.logical_and.reduce(tests) if tests else np.ones(table.num_rows, np.bool_)
    return table if which.all() else table.filter(pa.array(which))


def _is_one_of(column: pa.ChunkedArray, texts: Set[str]) -> Flags:
    """Which values of a dictionary column are one of these."""
    parts = []
    for chunk in column.chunks:
        known = np.array([text in texts for text in chunk.dictionary.to_pylist()], np.bool_)
        parts.append(known[chunk.indices.to_numpy()])
    return np.concatenate(parts) if parts else np.zeros(0, np.bool_)


def as_measurements(rows: pa.Table) -> pa.Table:
    """Rows of a file as a table of `measurements.model.COLUMNS`."""
    return pa.Table.from_arrays(
        [rows.column(name).cast(COLUMNS.field(name).type) for name in COLUMNS.names], schema=COLUMNS
    )


def batches_of_rows(rows: pa.Table) -> Iterator[tuple[int, pa.Table, str | None]]:
    """The batches that rows of files were, in order, each with its position and who delivered it; the inverse of
    `rows_of_batches`."""
    if not rows.num_rows:
        return
    position = _integers(rows, "position")
    order = np.lexsort((_integers(rows, "row"), position))
    rows = rows.take(pa.array(order)).unify_dictionaries().combine_chunks()
    ordered, source = as_measurements(rows), rows.column("source")
    position = position[order]
    starts = np.flatnonzero(np.concatenate([[True], position[1:] != position[:-1]])).tolist()
    for start, end in zip(starts, [*starts[1:], len(position)], strict=True):
        yield int(position[start]), ordered.slice(start, end - start), source[start].as_py()
