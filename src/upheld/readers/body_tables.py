"""CSV and Parquet from a stranger -> tables with the columns of measurements, as they stand."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from upheld.readers.parquet_sizes import BrokenFile, sizes

MAX_ROWS = 10_000_000
MAX_UNPACKED = 512 * 1024 * 1024
"""So many rows, and so many bytes when it is unpacked, may a Parquet file have."""
MAX_PAGE = 64 * 1024 * 1024
"""So many bytes may a page of it have when it is unpacked: common writers make them of one MiB."""

Note = Callable[[int, str, str], None]
"""Takes a fault: the row's number, the field, what is wrong."""

TEXTS = ["service", "metric", "time"]
"""Text comes as a dictionary: a few bytes of it can stand for any number of rows."""

_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,6})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,40}", re.ASCII)
_TYPES = {"value": pa.float64(), "good": pa.int64(), "total": pa.int64()}


class BrokenTable(Exception):
    """The bytes as a whole cannot be read; `str()` says why."""


def read_csv(body: bytes, note: Note, allowed: dict[str, str]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """A CSV text with a header -> its table, and each row's line (1 is the first). An empty field is null. `allowed`
    says of each column of numbers what may stand there. Raises BrokenTable."""
    lines = _lines(_text(body))
    try:
        _, header = next(lines)
    except StopIteration:
        raise BrokenTable("it is empty: the first line names the columns") from None
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise BrokenTable(f"its header is {header[0][:100]!r}: columns are separated by commas")
    numbers: list[int] = []
    rows: list[Sequence[str]] = []
    for line, fields in lines:
        if len(fields) == len(header):
            numbers.append(line)
            rows.append(fields)
        else:
            note(line, "", f"the line has {len(fields)} of {len(header)} fields; is it cut off?")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    arrays = [_array(name, texts, numbers, note, allowed) for name, texts in zip(header, columns, strict=True)]
    return pa.Table.from_arrays(arrays, names=header), np.array(numbers, np.int64)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise BrokenTable(f"its line {line} is not UTF-8 text") from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from ((rows.line_num, row) for row in rows if row)
    except csv.Error as error:
        raise BrokenTable(f"its line {rows.line_num} is not a CSV line: {error}") from None


def _array(name: str, texts: Sequence[str], numbers: Sequence[int], note: Note, allowed: dict[str, str]) -> pa.Array:
    given = pa.array([text or None for text in texts], pa.string())
    kind = _TYPES.get(name)
    if kind is None:
        return given
    try:
        return given.cast(kind)
    except pa.ArrowInvalid:  # one of them is no number, or is written in a way that Arrow does not read
        read = [_number(kind, text.strip()) for text in texts]
        for number, text, found in zip(numbers, texts, read, strict=True):
            if text and found is None:
                note(number, name, f"{allowed[name]}; found {text[:80]!r}")
        return pa.array(read, kind)


def _number(kind: pa.DataType, text: str) -> float | int | None:
    if pa.types.is_floating(kind):
        return float(text) if _FLOAT.fullmatch(text) else None
    found = int(text) if _WHOLE.fullmatch(text) else None
    return found if found is not None and found < 2**63 else None


class Parquet:
    """A Parquet file in memory. Raises BrokenTable."""

    def __init__(self, body: bytes) -> None:
        try:
            _check_size(body)
            plain = pa.parquet.ParquetFile(pa.BufferReader(body))
            texts = [name for name in TEXTS if name in plain.schema_arrow.names]
            self._file = pa.parquet.ParquetFile(pa.BufferReader(body), read_dictionary=texts)
            self.schema = self._file.schema_arrow
        except BrokenFile as error:
            raise BrokenTable(str(error)) from None
        except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
            raise BrokenTable(f"it is cut off, or its columns are not flat: {_first_line(error)}") from None

    def table(self) -> pa.Table:
        """Its rows, valid. Raises BrokenTable."""
        try:
            table = self._file.read()
            table.validate(full=True)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise BrokenTable(f"it cannot be unpacked: {_first_line(error)}") from None
        return table


def _check_size(body: bytes) -> None:
    found = sizes(body)
    if found.rows > MAX_ROWS:
        raise BrokenTable(f"it has more than {MAX_ROWS:,} rows; send several")
    if found.unpacked > MAX_UNPACKED:
        raise BrokenTable(f"it unpacks to more than {MAX_UNPACKED:,} bytes; send several")
    if found.largest_page > MAX_PAGE:
        raise BrokenTable(f"one of its pages unpacks to more than {MAX_PAGE:,} bytes; write smaller ones")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
