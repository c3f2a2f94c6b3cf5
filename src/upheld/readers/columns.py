"""Table files (CSV, Parquet, Arrow IPC) -> Arrow tables, as they stand; what they mean is for others to say."""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from upheld.readers.faults import Fault, InputError, did_you_mean
from upheld.readers.yaml_source import unreadable

Format = Literal["csv", "parquet", "arrow"]

_SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}


def format_of(path: Path, also: Sequence[str] = ()) -> Format:
    """The format that a file's name tells. Raises InputError where it tells none; `also` lists further suffixes that
    the caller reads itself."""
    for suffix, kind in _SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return kind
    known = ", ".join([*_SUFFIXES, *also])
    raise InputError([Fault(str(path), None, "", f"its name tells no format; it ends in one of {known}")])


def read_columnar(path: Path, kind: Format, dictionaries: Sequence[str] = ()) -> pa.Table:
    """A Parquet or Arrow file as a table. `dictionaries` are the columns that are best read as such."""
    name = str(path)
    if not path.is_file():
        raise InputError([Fault(name, None, "", "is a directory" if path.is_dir() else "no such file")])
    try:
        if kind == "parquet":
            table = pa.parquet.read_table(name, read_dictionary=list(dictionaries), partitioning=None)
        else:
            table = _read_arrow(name)
        _texts(table.schema)
        return table
    except UnicodeDecodeError:
        raise InputError([Fault(name, None, "", "its schema has a name or a zone that is not UTF-8")]) from None
    except pa.ArrowException as error:
        called = "a Parquet file" if kind == "parquet" else "an Arrow file or stream"
        raise InputError([Fault(name, None, "", f"is not {called}, or is cut off: {first_line(error)}")]) from None
    except OSError as error:
        raise InputError([Fault(name, None, "", unreadable(error))]) from None


def _texts(schema: pa.Schema) -> list[tuple[str, str | None]]:
    """The name and the zone of each column. Raises UnicodeDecodeError, as Arrow does only where they are used."""
    return [(column.name, getattr(column.type, "tz", None)) for column in schema]


def _read_arrow(name: str) -> pa.Table:
    with pa.memory_map(name) as source:
        if source.read(6) == b"ARROW1":
            source.seek(0)
            return pa.ipc.open_file(source).read_all()
        source.seek(0)
        return pa.ipc.open_stream(source).read_all()


def read_csv_columns(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    """A CSV file as a table of the given types. Raises ArrowInvalid where a line or a field does not fit: `csv_lines`
    then tells where. An empty field is null, and an empty string in a column of strings."""
    return pa.csv.read_csv(
        path,
        convert_options=pa.csv.ConvertOptions(column_types=dict(types), null_values=[""], strings_can_be_null=False),
    )


def csv_header(path: Path, allowed: Sequence[str]) -> list[str]:
    """The names in the first line of a CSV file. Raises InputError where there is none, or where that line is none:
    it names no column that is allowed."""
    for line, names in csv_lines(path):
        if not set(names) & set(allowed) and not _is_separated_otherwise(names):
            found = ",".join(names)
            shown = found if len(found) <= 80 else f"{found[:77]}..."
            said = f"is not a header: {shown!r} names none of the columns {', '.join(allowed)}"
            raise InputError([Fault(str(path), line, "", said)])
        return names
    raise InputError([Fault(str(path), None, "", "is empty")])


def _is_separated_otherwise(names: Sequence[str]) -> bool:
    return len(names) == 1 and (";" in names[0] or "\t" in names[0])


def csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file that are not blank, as (line number, fields). Raises InputError where it cannot go on."""
    name = str(path)
    line = 0
    try:
        with _open_text(path) as stream:
            rows = csv.reader(stream, strict=True)
            try:
                for row in rows:
                    line = rows.line_num
                    if row:
                        yield line, row
            except csv.Error as error:
                raise InputError([Fault(name, line + 1, "", f"is not a CSV line: {error}")]) from None
    except UnicodeDecodeError:
        raise InputError([Fault(name, _undecodable_line(path), "", "is not UTF-8 text")]) from None
    except (EOFError, gzip.BadGzipFile):
        raise InputError([Fault(name, None, "", "is not a whole gzip file")]) from None
    except OSError as error:
        raise InputError([Fault(name, None, "", unreadable(error))]) from None


def _undecodable_line(path: Path) -> int | None:
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
        return next((number for number, line in enumerate(stream, 1) if not _is_utf8(line)), None)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _open_text(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def ends_mid_line(path: Path) -> bool:
    """Whether the last line of a text file has no line end, as where its writing broke off."""
    if path.name.lower().endswith(".gz"):
        return False
    with path.open("rb") as stream:
        stream.seek(0, 2)
        if stream.tell() == 0:
            return False
        stream.seek(-1, 2)
        return stream.read(1) not in (b"\n", b"\r")


def column_faults(name: str, found: Sequence[str], needed: Sequence[str], allowed: Sequence[str]) -> list[Fault]:
    """The faults of a table's column names: unknown, twice, missing."""
    faults = []
    if _is_separated_otherwise(found):
        return [Fault(name, 1, "", f"the header is {found[0]!r}: columns are separated by commas")]
    for position, column in enumerate(found):
        if column not in allowed:
            near = did_you_mean(column, allowed)
            faults.append(Fault(name, None, column, f"unknown column{near}; allowed: {', '.join(allowed)}"))
        elif column in found[:position]:
            faults.append(Fault(name, None, column, "the column stands twice"))
    faults += [Fault(name, None, column, "the column is missing") for column in needed if column not in found]
    return faults


def first_line(error: Exception) -> str:
    """The first line of an error's text, without its end stop."""
    return str(error).strip().split("\n")[0].rstrip(".")
