"""The folder of the log's Parquet files: a local one, or what fsspec knows, such as s3://bucket/upheld.

    tenant=TENANT/month=2026-06/FIRST-LAST.parquet     what may be read; the tenant percent-encoded
    _writing/TOKEN.parquet                             what is being written, or not in its place yet

A file is on the disk, and so is its name, when a function here returns.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

WRITING = "_writing"
ROW_GROUP = 16_384
NAMES = ("service", "metric", "source")
INSTANT = pa.timestamp("us", "UTC")
FILE_COLUMNS = pa.schema(
    [
        pa.field("service", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("metric", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("time", INSTANT, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("good", pa.int64()),
        pa.field("total", pa.int64()),
        pa.field("known_at", INSTANT, nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("source", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""The columns of a file: those of a measurement, then the position of its batch, its place in that, and who delivered
it. Rows are sorted by service, metric, time, position and row."""


class FileMissing(Exception):
    """A file of the log is not where it should be."""


def file_name(tenant: str, month: str, first_position: int, last_position: int) -> str:
    """The name of a file within the folder. `month` as `2026-06`."""
    return f"tenant={quote(tenant, safe='')}/month={month}/{first_position}-{last_position}.parquet"


def hidden_name() -> str:
    """A name that no file has had, for one that is not in its place yet."""
    return f"{WRITING}/{secrets.token_hex(8)}.parquet"


class Folder:
    """The files under a path or URL."""

    def __init__(self, url: str) -> None:
        self._files, root = fsspec.core.url_to_fs(url)
        self.root = root.rstrip("/")
        self.is_local = isinstance(self._files, LocalFileSystem)

    def make(self) -> None:
        """Makes the folder, as private as the database is, if it is not there."""
        if self.is_local:
            Path(self.root).mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, rows: pa.Table, hidden: str) -> None:
        """Writes rows (`FILE_COLUMNS`, sorted) as a file of this hidden name, not in its place yet."""
        path = self._path(hidden)
        self.make()
        self._files.makedirs(self._path(WRITING), exist_ok=True)
        try:
            with open(path, "wb") if self.is_local else self._files.open(path, "wb") as stream:
                pq.write_table(
                    rows,
                    stream,
                    row_group_size=ROW_GROUP,
                    compression="zstd",
                    store_schema=False,  # others are to see texts and instants, not how Arrow holds them here
                    use_dictionary=list(NAMES),
                    column_encoding=dict.fromkeys(("time", "known_at", "position", "row"), "DELTA_BINARY_PACKED"),
                )
                stream.flush()
                if self.is_local:
                    os.fsync(stream.fileno())
        except BaseException:
            with suppress(OSError):
                self.remove(hidden)
            raise
        self._sync_folder(WRITING)

    def place(self, hidden: str, name: str) -> None:
        """Gives a file its name. That it has it already changes nothing."""
        path, folder = self._path(name), name.rpartition("/")[0]
        self._files.makedirs(self._path(folder), exist_ok=True)
        if self._files.exists(self._path(hidden)):
            if self.is_local:
                os.replace(self._path(hidden), path)
            else:
                self._files.cp_file(self._path(hidden), path)
                self._files.rm_file(self._path(hidden))
        elif not self._files.exists(path):
            raise FileMissing(f"{path}, a file of the measurement log, is not there")
        for changed in (folder, folder.partition("/")[0], "", WRITING):
            self._sync_folder(changed)

    def remove(self, name: str) -> None:
        """Deletes a file, if it is there."""
        with suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def hidden(self) -> Iterator[str]:
        """The names of what is not in its place."""
        if self._files.exists(self._path(WRITING)):
            for path in self._files.ls(self._path(WRITING), detail=False):
                yield f"{WRITING}/{Path(path).name}"

    def open(self, name: str, hidden: str) -> pq.ParquetFile:
        """The file of a name, where it is in its place or not. Raises FileMissing."""
        for tried in (name, hidden, name):  # it may be put in its place meanwhile
            path = self._path(tried)
            try:
                if self.is_local:
                    return pq.ParquetFile(path, memory_map=True, read_dictionary=list(NAMES))
                return pq.ParquetFile(self._files.open(path, "rb"), read_dictionary=list(NAMES))
            except FileNotFoundError:
                continue
        raise FileMissing(f"{self._path(name)}, a file of the measurement log, is not there")

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def _sync_folder(self, name: str) -> None:
        if self.is_local and os.path.isdir(self._path(name)):
            handle = os.open(self._path(name), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
