"""The measurement log read: what the database still holds of it, and what lies in files, as one.

All that one answer is made of is found in one transaction. A file that is merged into another meanwhile is gone when
its turn comes: then the answer is begun again.
"""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from upheld.measurements.model import COLUMNS
from upheld.store import log, manifest
from upheld.store.columnar import Wanted, as_measurements, batches_of_rows, selected
from upheld.store.folder import FILE_COLUMNS, FileMissing, Folder
from upheld.store.manifest import LogFile

T = TypeVar("T")
AT_ONCE = 500_000
"""About how many rows of files are held at a time when the log is read from one end to the other."""
TRIES = 8


DELIVERED = COLUMNS.append(pa.field("source", pa.dictionary(pa.int32(), pa.string())))


class Reading:
    """Reads what transactions of `begin` and files of a folder hold."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Connection]], folder: Folder | None) -> None:
        self._begin, self._folder = begin, folder

    def end(self, tenant: str) -> int:
        """The position of the tenant's last batch, 0 before the first."""
        return self.backlog(tenant, sys.maxsize)[0]

    def backlog(self, tenant: str, after: int) -> tuple[int, int]:
        """The position of the tenant's last batch, 0 before the first, and the rows behind position `after`: in files
        about as many as that."""
        with self._begin() as connection:
            last = log.end(connection, tenant) or manifest.last_position(connection, tenant)
            files = manifest.files(connection, tenant, Wanted(after=after)) if after < last else ()
            newest = log.rows_behind(connection, tenant, after)
        return last, newest + round(sum(_share(file, after, file.last_position) for file in files))

    def read(self, tenant: str, after: int = 0) -> Iterator[tuple[int, pa.Table, str | None]]:
        """Every batch behind position `after`, in order, also those that arrive while it is being read. No
        transaction is open between two of them."""
        while True:
            upto, batches = self._again(partial(self._next_batches, tenant, after))
            if upto == after:
                return
            yield from batches
            after = upto

    def _next_batches(self, tenant: str, after: int) -> tuple[int, Iterator[tuple[int, pa.Table, str | None]]]:
        """The next batches behind `after`, and up to which position they go: `after` where there are none."""
        with self._begin() as connection:
            files = manifest.files(connection, tenant, Wanted(after=after))
            packed = [] if files else log.page(connection, tenant, after)
        if not files:
            end = packed[-1][0] if packed else after
            return end, ((place, log.unpack(arrow), source) for place, arrow, source in packed)
        start, upto = _window_start(files, after), _window_end(files, after, AT_ONCE)
        while True:
            rows = self._rows_between(files, after, upto, None if upto == start else 4 * AT_ONCE)
            if rows is not None:
                return upto, batches_of_rows(rows)
            upto = (start + upto) // 2  # positions lie closer together here than they do in all of a file

    def _rows_between(self, files: Sequence[LogFile], after: int, upto: int, most: int | None) -> pa.Table | None:
        """The rows of the batches behind `after` up to `upto`; None where there are more than `most`."""
        wanted, parts, count = Wanted(after=after, upto=upto), [FILE_COLUMNS.empty_table()], 0
        for file in files:
            if file.first_position <= upto:
                within = Wanted() if after < file.first_position and file.last_position <= upto else wanted
                parts.append(selected(self._open(file), within, FILE_COLUMNS.names).cast(FILE_COLUMNS))
                count += parts[-1].num_rows
                if most is not None and count > most:
                    return None
        return pa.concat_tables(parts)

    def series(self, tenant: str, service: str, metric: str, start: int, end: int, upto: int | None) -> pa.Table:
        """The measurements that hold of one series with start <= time < end, by time, as a table of `COLUMNS`; of the
        batches up to position `upto`, None: of all."""
        wanted = Wanted({service}, {metric}, start, end, upto=upto)
        return log.holding(self._again(lambda: self._rows(tenant, wanted)))

    def rows(self, tenant: str, wanted: Wanted) -> pa.Table:
        """All measurements that are wanted: those that hold, and those that were corrected."""
        return self._again(lambda: self._rows(tenant, wanted)).unify_dictionaries()

    def _rows(self, tenant: str, wanted: Wanted) -> pa.Table:
        with self._begin() as connection:
            files = manifest.files(connection, tenant, wanted)
            newest = [rows for _, rows in log.parts(connection, tenant, wanted)]
        older = (as_measurements(selected(self._open(file), wanted, COLUMNS.names)) for file in files)
        return pa.concat_tables([COLUMNS.empty_table(), *older, *newest])

    def delivered(self, tenant: str, wanted: Wanted) -> pa.Table:
        """All measurements that are wanted, each with who delivered it (`source`)."""
        return self._again(lambda: self._delivered(tenant, wanted)).unify_dictionaries()

    def _delivered(self, tenant: str, wanted: Wanted) -> pa.Table:
        with self._begin() as connection:
            files = manifest.files(connection, tenant, wanted)
            newest = [_with_source(rows, source) for source, rows in log.parts(connection, tenant, wanted)]
        older = (selected(self._open(file), wanted, DELIVERED.names) for file in files)
        columns = ([rows.column(name).cast(DELIVERED.field(name).type) for name in DELIVERED.names] for rows in older)
        return pa.concat_tables(
            [DELIVERED.empty_table(), *(pa.Table.from_arrays(c, schema=DELIVERED) for c in columns), *newest]
        )

    def sources(self, tenant: str, series: Collection[tuple[str, str]], wanted: Wanted) -> set[str]:
        """Who delivered measurements of one of these (service, metric) that are wanted."""
        return self._again(lambda: self._sources(tenant, frozenset(series), wanted))

    def _sources(self, tenant: str, series: frozenset[tuple[str, str]], wanted: Wanted) -> set[str]:
        found: set[str] = set()
        with self._begin() as connection:
            files = manifest.files(connection, tenant, wanted)
            for source, rows in log.parts(connection, tenant, wanted, sourced=True):
                if (
                    source is not None
                    and source not in found
                    and series & _distinct(rows.select(("service", "metric")))
                ):
                    found.add(source)
        for file in files:
            rows = selected(self._open(file), wanted, ("service", "metric", "source"))
            found |= {source for *one, source in _distinct(rows) if source is not None and tuple(one) in series}
        return found

    def _open(self, file: LogFile) -> pq.ParquetFile:
        if self._folder is None:
            raise FileMissing("old measurements lie in files: UPHELD_LOG_FILES is to name their folder")
        return self._folder.open(file.name, file.hidden)

    def _again(self, find: Callable[[], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return find()
            except FileMissing:
                continue
        return find()


def _with_source(rows: pa.Table, source: str | None) -> pa.Table:
    codes = pa.array(np.zeros(rows.num_rows, np.int32), mask=np.full(rows.num_rows, source is None))
    return rows.append_column(
        DELIVERED.field("source"), pa.DictionaryArray.from_arrays(codes, pa.array([source or ""], pa.string()))
    )


def _distinct(rows: pa.Table) -> set[tuple[str | None, ...]]:
    """The combinations of texts that rows of dictionary columns have."""
    texts, codes, found = [], np.zeros(rows.num_rows, np.int64), rows.unify_dictionaries().combine_chunks()
    for column in found.columns if rows.num_rows else ():
        [chunk] = column.chunks
        texts.append([None, *chunk.dictionary.to_pylist()])
        codes = codes * len(texts[-1]) + chunk.indices.fill_null(-1).to_numpy() + 1
    return {_combination(code, texts) for code in np.unique(codes).tolist()} if texts else set()


def _combination(code: int, texts: Sequence[Sequence[str | None]]) -> tuple[str | None, ...]:
    found: list[str | None] = []
    for of_column in reversed(texts):
        code, at = divmod(code, len(of_column))
        found.append(of_column[at])
    return tuple(reversed(found))


def _window_start(files: Sequence[LogFile], after: int) -> int:
    """The first position behind `after` that may be in a file."""
    return max(after + 1, min(file.first_position for file in files))


def _window_end(files: Sequence[LogFile], after: int, most: int) -> int:
    """Up to which position files hold about `most` rows behind `after`, if positions lie evenly within each."""
    low, high = _window_start(files, after), max(file.last_position for file in files)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(_share(file, after, middle) for file in files) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _share(file: LogFile, after: int, upto: int) -> float:
    positions = min(upto, file.last_position) - max(after, file.first_position - 1)
    return file.rows * max(positions, 0) / (file.last_position - file.first_position + 1)
