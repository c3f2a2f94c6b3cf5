"""Compaction: old batches go from the database to Parquet files, and many small files of a month into one.

    note in the database that a file is being written -> write it under a hidden name -> commit: the file belongs to
    the log, its batches (or the files that it replaces) do not any more -> delete what was replaced, give the file its
    name -> note that in the database

The commit alone decides what belongs to the log. Whatever a crash leaves before it is a file that the next round throws
away, and what it leaves after it is work that the next round does: so Upheld never reads a measurement twice or misses
one, and others who read the folder do so for the moment between two renames at most.

A process that has lost its lock may be writing still while another throws away what it takes for left behind. So a file
is deleted only after its note is: without that the commit fails, and the batches stay.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from sqlalchemy import Connection, Engine, delete, func, select, text

from upheld.agreements.units import HOUR
from upheld.store import log as head
from upheld.store import manifest
from upheld.store.columnar import Wanted, by_month, rows_of_batches, selected
from upheld.store.folder import FILE_COLUMNS, Folder, file_name, hidden_name
from upheld.store.manifest import LogFile
from upheld.store.tables import log_batches

log = structlog.get_logger()

AT_ONCE = 1_000_000
"""Rows that are compacted in one round; a single batch may have more."""
BATCHES_AT_ONCE = 10_000
FULL = 2_000_000
"""Rows of a file that is large enough not to be merged with others."""
MERGED_TOGETHER = 4
"""Files of a month, at least, that are merged into one."""
_LOCK = 0x55704C67  # "UpLg": the advisory lock of whoever compacts on PostgreSQL


@dataclass(frozen=True, slots=True)
class When:
    """When batches of a tenant are compacted: once the first of them has no measurement younger than `age`
    (microseconds), or once there are `rows`."""

    age: int = 6 * HOUR
    rows: int = AT_ONCE


class Compactor:
    """Compacts what is in a database into a folder. Any number of processes may: one at a time does."""

    def __init__(
        self, begin: Callable[[bool], AbstractContextManager[Connection]], engine: Engine, folder: Folder
    ) -> None:
        self._begin, self._engine, self._folder = begin, engine, folder

    def run(self, now: int, when: When = When()) -> int:
        """A round: compacts of each tenant the first rows that are due at `now` (microseconds UTC), and merges files.
        Returns how many rows were compacted: none where nothing was due, or another process is at it."""
        count = 0
        with self._alone() as is_alone:
            if not is_alone:
                return 0
            self.finish()
            for tenant, last in self._due(now, when).items():
                try:
                    count += self._compact(tenant, last)
                    self._merge(tenant)
                except Exception:  # what stays in the database loses nothing, and must not hold up other tenants
                    log.exception("compaction failed", tenant=tenant)
        return count

    # -- batches into files -------------------------------------------------------------------------------------

    def _due(self, now: int, when: When) -> Mapping[str, int]:
        """The tenants whose batches are to be compacted, each with the position up to which."""
        t = log_batches.c
        with self._begin(False) as connection:
            found = connection.execute(
                select(t.tenant, func.min(t.position), func.max(t.position), func.sum(t.rows)).group_by(t.tenant)
            ).all()
            due = {}
            for tenant, first, last, rows in found:
                oldest = select(t.max_time).where(t.tenant == tenant, t.position == first)
                if rows >= when.rows or connection.execute(oldest).scalar_one() < now - when.age:
                    due[tenant] = last
        return due

    def _compact(self, tenant: str, last: int) -> int:
        """Moves the first batches of a tenant, up to position `last`, into files; returns their rows."""
        batches = self._first_batches(tenant, last)
        if not batches:
            return 0
        rows = rows_of_batches((place, source, head.unpack(arrow)) for place, source, arrow in batches)
        first, last = batches[0][0], batches[-1][0]
        t = log_batches.c
        with self._written(tenant, by_month(rows), first, last) as files, self._begin(True) as connection:
            gone = delete(log_batches).where(t.tenant == tenant, t.position >= first, t.position <= last)
            count = connection.execute(gone, execution_options={"preserve_rowcount": True}).rowcount
            if count != len(batches):
                raise RuntimeError("another process has compacted the same batches")
            _admit(connection, files)
        self._settle(files, [])
        return int(rows.num_rows)

    def _first_batches(self, tenant: str, last: int) -> list[tuple[int, str | None, bytes]]:
        t = log_batches.c
        query = (
            select(t.position, t.source, t.rows, t.arrow)
            .where(t.tenant == tenant, t.position <= last)
            .order_by(t.position)
            .limit(BATCHES_AT_ONCE)
            .execution_options(yield_per=64)
        )
        count, found = 0, list[tuple[int, str | None, bytes]]()
        with self._begin(False) as connection:
            for row in connection.execute(query):
                count += row.rows
                if found and count > AT_ONCE:
                    break
                found.append((row.position, row.source, row.arrow))
        return found

    # -- small files into larger ones ---------------------------------------------------------------------------

    def _merge(self, tenant: str) -> None:
        """Merges files of a month that follow one another until none are worth it."""
        with self._begin(False) as connection:
            files = manifest.files(connection, tenant, Wanted())
        for _, of_month in groupby(files, key=lambda file: file.month):
            merging = mergeable(list(of_month))
            if merging:
                self._merge_files(tenant, merging)

    def _merge_files(self, tenant: str, merging: Sequence[LogFile]) -> None:
        rows = pa.concat_tables(
            selected(self._folder.open(file.name, file.hidden), Wanted(), FILE_COLUMNS.names).cast(FILE_COLUMNS)
            for file in merging
        )
        first, last = merging[0].first_position, merging[-1].last_position
        with self._written(tenant, by_month(rows), first, last) as merged, self._begin(True) as connection:
            if manifest.mark(connection, merging, "gone") != len(merging):
                raise RuntimeError("another process has merged the same files")
            _admit(connection, merged)
        self._settle(merged, merging)

    # -- what is not needed any more ------------------------------------------------------------------------------

    def remove(self, tenant: str, before: int, behind: int) -> int:
        """Removes the files in which all was measured before an instant (microseconds UTC) and which end before
        position `behind`; returns their rows: 0 where another process is at it."""
        with self._alone() as is_alone:
            if not is_alone:
                return 0
            self.finish()
            with self._begin(True) as connection:
                old = manifest.wholly_before(connection, tenant, before, behind)
                if old:
                    manifest.mark(connection, old, "gone")
            self._settle([], old)
        return sum(file.rows for file in old)

    # -- files --------------------------------------------------------------------------------------------------

    @contextmanager
    def _written(
        self, tenant: str, parts: Iterable[tuple[str, pa.Table]], first: int, last: int
    ) -> Iterator[Sequence[LogFile]]:
        """Writes a file for each (month, rows), of batches from position `first` to `last`, for the block to let them
        belong to the log. Where it does not come to that they are deleted again."""
        files = list[LogFile]()
        try:
            for month, rows in parts:
                files.append(_writing(tenant, month, rows, first, last))
                with self._begin(True) as connection:
                    if not manifest.announce(connection, files[-1]):
                        raise RuntimeError("another process is compacting the same, or has done so")
                self._folder.write(rows, files[-1].hidden)
            yield files
        except Exception:  # the commit may have been done all the same, when the connection broke: the database knows
            self._abandon(files)
            raise

    def _abandon(self, files: Collection[LogFile]) -> int:
        """Deletes files that were being written, but for those that belong to the log meanwhile; returns how many."""
        with self._begin(True) as connection:
            abandoned = manifest.abandon(connection, files)
        for hidden in abandoned:
            self._folder.remove(hidden)
        return len(abandoned)

    def finish(self) -> None:
        """Does what a crash has left undone, and deletes files that belong to nothing."""
        hidden = list(self._folder.hidden())  # before the notes are read: what comes after has its note
        with self._begin(False) as connection:
            unfinished = manifest.unfinished(connection)
        writing, new, gone = ([file for file in unfinished if file.state == s] for s in ("writing", "new", "gone"))
        known = {file.hidden for file in unfinished}
        strays = [name for name in hidden if name not in known]
        for name in strays:
            self._folder.remove(name)
        discarded = len(strays) + (self._abandon(writing) if writing else 0)
        if discarded or new or gone:
            log.info("compaction was cut off", discarded=discarded, finished=len(new) + len(gone))
        self._settle(new, gone)

    def _settle(self, new: Sequence[LogFile], gone: Sequence[LogFile]) -> None:
        """Deletes what is gone and gives what is new its place."""
        for file in gone:
            self._folder.remove(file.name)
            self._folder.remove(file.hidden)
        for file in new:
            self._folder.place(file.hidden, file.name)
        if new or gone:
            with self._begin(True) as connection:
                manifest.forget(connection, gone)
                manifest.mark(connection, new, "placed")

    # -- one at a time ------------------------------------------------------------------------------------------

    def _alone(self) -> AbstractContextManager[bool]:
        """Whether nobody else compacts, in this process or another, until the end of the block."""
        if self._engine.dialect.name == "postgresql":
            return _advisory_lock(self._engine)
        self._folder.make()
        database = Path(str(self._engine.url.database))
        return _folder_lock(Path(self._folder.root) if self._folder.is_local else database.parent)


def _writing(tenant: str, month: str, rows: pa.Table, first: int, last: int) -> LogFile:
    """A file that is to be written, of batches from position `first` to `last`."""
    time = pc.min_max(rows.column("time").cast(pa.int64())).as_py()
    return LogFile(
        tenant=tenant,
        name=file_name(tenant, month, first, last),
        hidden=hidden_name(),
        state="writing",
        month=month,
        first_position=first,
        last_position=last,
        min_time=time["min"],
        max_time=time["max"],
        rows=rows.num_rows,
    )


def _admit(connection: Connection, files: Sequence[LogFile]) -> None:
    if manifest.admit(connection, files) != len(files):
        raise RuntimeError("another process has thrown away what was being written")


def mergeable(files: Sequence[LogFile]) -> Sequence[LogFile]:
    """Of the files of a month, by position, the newest that follow one another and are worth merging: each of them no
    more than four times as large as those behind it together, so that a row is written a few times only, and all of
    them no larger than a file may be."""
    for end in range(len(files), MERGED_TOGETHER - 1, -1):
        start, rows = end - 1, files[end - 1].rows
        while start and files[start - 1].rows <= 4 * rows and rows + files[start - 1].rows <= FULL:
            start -= 1
            rows += files[start].rows
        if end - start >= MERGED_TOGETHER:
            return files[start:end]
    return ()


@contextmanager
def _advisory_lock(engine: Engine) -> Iterator[bool]:
    of_schema = {"lock": _LOCK}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taking = text("SELECT pg_try_advisory_lock(:lock, hashtext(current_schema()))")
        if not connection.execute(taking, of_schema).scalar_one():
            yield False
            return
        try:
            yield True
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock, hashtext(current_schema()))"), of_schema)


@contextmanager
def _folder_lock(folder: Path) -> Iterator[bool]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
