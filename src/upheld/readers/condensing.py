"""Large Parquet files of regular measurements -> slots, block by block, in as many threads as Arrow is allowed:
the rows are never held together.

What the files must be for that is looked at in their footers first, and in each block as it is taken in. Where
anything is otherwise, nothing is said here: `tables` then reads them as it reads all files, and says what is wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from upheld.agreements.terms import Term
from upheld.agreements.units import END_OF_TIME
from upheld.assessment.batch import Condenser, Irregular, SlotBatch, readings_of, size_of
from upheld.readers.columns import format_of

LEAST_ROWS = 100_000
"""Below this number of rows there is little to save."""

_NAMES = ("service", "metric")
_COLUMNS = {"service", "metric", "time", "value"}


def condensed(paths: Sequence[Path], terms: Iterable[Term], least_rows: int = LEAST_ROWS) -> SlotBatch | None:
    """The measurements of the files as the slots of these terms; None where they are not such that this gives the same
    verdicts: Parquet, `least_rows` or more, only values, of series that the terms read slot by slot, at most one a
    slot, and nothing wrong with any."""
    readings = readings_of(terms)
    if not readings or not all(path.is_file() and format_of(path) == "parquet" for path in paths):
        return None
    try:
        blocks = [block for path in paths for block in _blocks(path)]
        rows = sum(block.rows for block in blocks)
        earliest = min((block.earliest for block in blocks), default=0)
        latest = max((block.latest for block in blocks), default=-1)
        if rows < least_rows or not 0 <= earliest <= latest < END_OF_TIME:
            return None
        if size_of(readings, earliest, latest) > 8 * rows + 2**20:  # so sparse that the rows take less
            return None
        condenser = Condenser(readings, earliest, latest)
        with ThreadPoolExecutor(pa.cpu_count()) as pool:
            for _ in pool.map(partial(_take_block, condenser), blocks):
                pass  # what a block raises is raised here
        return condenser.condensed()
    except (Irregular, pa.ArrowException, OSError):
        return None


# -- footers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A row group of a file, as its footer describes it: its number of rows, the bounds of its times (microseconds
    UTC), and the service and the metric where it holds but one."""

    path: Path
    number: int
    rows: int
    earliest: int
    latest: int
    service: str | None
    metric: str | None


def _blocks(path: Path) -> Iterator[Block]:
    """The row groups of a file that have rows. Raises Irregular where their columns or footers are not such as are
    needed."""
    with pq.ParquetFile(path, memory_map=True) as file:
        schema, metadata = file.schema_arrow, file.metadata
    if len(schema.names) != len(_COLUMNS) or set(schema.names) != _COLUMNS:
        raise Irregular
    kinds = {name: schema.field(name).type for name in _COLUMNS}
    kinds |= {name: kinds[name].value_type for name in _NAMES if pa.types.is_dictionary(kinds[name])}
    time = kinds["time"]
    if not (all(pa.types.is_string(kinds[name]) for name in _NAMES) and pa.types.is_float64(kinds["value"])):
        raise Irregular
    if not (pa.types.is_timestamp(time) and _has_zone(time) and time.unit == "us"):
        raise Irregular
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_rows:
            chunks = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
            found = chunks["time"].statistics
            if found is None or not found.has_min_max or found.physical_type != "INT64":
                raise Irregular
            sole = [_sole(chunks[name].statistics) for name in _NAMES]
            yield Block(path, number, group.num_rows, found.min_raw, found.max_raw, *sole)


def _has_zone(time: pa.TimestampType) -> bool:
    try:
        return time.tz is not None
    except UnicodeDecodeError:  # which the reader of any file says
        raise Irregular from None


def _sole(statistics: Any) -> str | None:
    """The one word that a chunk of a column holds; None where there are several, or nothing tells."""
    if statistics is None or not (statistics.has_min_max and statistics.has_null_count) or statistics.null_count:
        return None
    return str(statistics.min) if statistics.min == statistics.max and isinstance(statistics.min, str) else None


# -- blocks -----------------------------------------------------------------------------------------------------


def _decode(block: Block) -> pa.Table:
    """The columns of a block that its footer does not tell."""
    wanted = ["time", "value"]
    wanted += [name for name, sole in (("service", block.service), ("metric", block.metric)) if sole is None]
    with pq.ParquetFile(block.path, memory_map=True, read_dictionary=list(_NAMES)) as file:
        return file.read_row_group(block.number, columns=wanted, use_threads=False)


def _take_block(condenser: Condenser, block: Block) -> None:
    for batch in _decode(block).to_batches():
        _take_in(condenser, block, batch)


def _take_in(condenser: Condenser, block: Block, batch: pa.RecordBatch) -> None:
    """Gives a batch's rows to the condenser. Raises Irregular where one has a null, or is of a series not read."""
    if any(column.null_count for column in batch.columns):
        raise Irregular
    services, service_codes = _words(batch, "service", block.service)
    metrics, metric_codes = _words(batch, "metric", block.metric)
    positions = np.array([condenser.position(s, m) for s in services for m in metrics], np.int64)
    if len(metrics) == 1:
        codes = service_codes
    elif len(services) == 1:
        codes = metric_codes
    else:
        codes = service_codes * np.int32(len(metrics)) + metric_codes
    time = batch.column("time").cast(pa.int64()).to_numpy()
    condenser.take_in(positions, codes, time, batch.column("value").to_numpy())


def _words(batch: pa.RecordBatch, column: str, sole: str | None) -> tuple[list[str], Any]:
    if sole is not None:
        return [sole], np.zeros(batch.num_rows, np.int32)
    array = batch.column(column)
    words = array.dictionary.to_pylist()
    if not all(words):
        raise Irregular
    return words, array.indices.to_numpy()
