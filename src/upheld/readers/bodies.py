"""The body of a request, a message or a file -> a batch of measurements: JSON lines, CSV, Parquet, or Arrow IPC.

JSON lines hold one object a line: `service`, `metric`, `time` (RFC 3339 with its zone), and `value`, or `good` and
`total`. The others have the same as columns; in Parquet and Arrow `time` is a timestamp with a zone, or text as above.
"""

import io
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.agreements.units import parse_instant
from upheld.measurements.model import AHEAD, COLUMNS
from upheld.readers.body_faults import (
    ALLOWED,
    FIELDS,
    INT64_MAX,
    MAX_FAULTS,
    MAX_NAME,
    Faults,
    Integers,
    MalformedBody,
    Mask,
    RowFault,
    TooManyFaults,
    WrongContentType,
)
from upheld.readers.body_rows import Coded, Rows, Series, check, to_measurements
from upheld.readers.body_tables import BrokenTable, Parquet, read_csv
from upheld.readers.ipc_stream import BrokenStream, CompressedBuffers, plain_text, read_stream

JSON_LINES = ("application/x-ndjson", "application/jsonl")
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
CONTENT_TYPES = (*JSON_LINES, CSV, PARQUET, ARROW_STREAM, ARROW_FILE)

MAX_UNKNOWN = 3
"""Unknown fields of a line that are told."""
_UNKNOWN = f"unknown field; allowed: {FIELDS}"


@dataclass(frozen=True, slots=True)
class Batch:
    """The good rows as a table of `measurements.model.COLUMNS`, and the faults of the others in the order of their
    rows. `cut` says that there were more than `MAX_FAULTS` faults: the table is then empty."""

    table: pa.Table
    faults: tuple[RowFault, ...] = ()
    cut: bool = False


def read_body(
    content_type: str, body: bytes, *, known: Set[Series] | None, received_at: int, ahead: int = AHEAD
) -> Batch:
    """A request's body -> its batch, every row known at `received_at`.

    `known` are the (service, metric) that are assessed: any other is a fault; None takes every name. A time more than
    `ahead` after `received_at` is a fault (both in microseconds). Raises WrongContentType and MalformedBody."""
    kind = media_type(content_type)
    faults = Faults()
    rows: Rows | None
    try:
        if kind in JSON_LINES:
            rows = _json_rows(body, faults)
        elif kind in (ARROW_STREAM, ARROW_FILE):
            rows = _arrow_rows(body if kind == ARROW_STREAM else _stream_of(body), faults)
        elif kind == CSV:
            rows = _csv_rows(body, faults)
        elif kind == PARQUET:
            rows = _parquet_rows(body, faults)
        else:
            raise WrongContentType(f"Content-Type is one of {', '.join(CONTENT_TYPES)}")
        good = check(rows, faults, known, received_at, ahead) if rows is not None else None
    except TooManyFaults:
        return Batch(COLUMNS.empty_table(), tuple(sorted(faults[:MAX_FAULTS], key=_place)), cut=True)
    table = COLUMNS.empty_table() if rows is None or good is None else to_measurements(rows, good, received_at)
    return Batch(table, tuple(sorted(faults, key=_place)))


def media_type(content_type: str) -> str:
    """`"Application/JSONL; charset=UTF-8"` -> "application/jsonl". Raises WrongContentType on another charset."""
    kind, _, parameters = content_type.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8"):
        raise WrongContentType("charset is utf-8")
    return kind.strip().lower()


def rejected_part(content_type: str, body: bytes, faults: Sequence[RowFault]) -> bytes:
    """Of a body that `read_body` has read: what is needed to read its faulty rows again. Lines of JSON can be taken one
    by one, and those of CSV with the header, where none is quoted and may go on over several; of everything else it is
    the whole body."""
    kind, rows = media_type(content_type), {fault.row for fault in faults}
    if kind == CSV and b'"' not in body:
        rows.add(1)
    elif kind not in JSON_LINES:
        return body
    if 0 in rows:
        return body
    return b"".join(line + b"\n" for row, line in enumerate(body.split(b"\n"), 1) if row in rows)


def _place(fault: RowFault) -> tuple[int, str]:
    return fault.row, fault.field


# -- JSON lines -----------------------------------------------------------------------------------------------------

_Count = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    service: str
    metric: str
    time: str
    value: float | None = None
    good: _Count | None = None
    total: _Count | None = None


_decode = msgspec.json.Decoder(_Line).decode

_AT_FIELD = re.compile(r"(.*) - at `\$\.(\w+)`", re.DOTALL)
_GOT = re.compile(r"Expected `.*`, got `(\w+)`")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING_FIELD = re.compile(r"Object missing required field `(\w+)`")
_NOT_FINITE = re.compile(rb"(?<![\"\w])[-+]?(nan|inf(inity)?)\b", re.IGNORECASE)


def _json_rows(body: bytes, faults: Faults) -> Rows:
    found: list[int] = []
    lines: list[_Line] = []
    for number, line in enumerate(io.BytesIO(body.removeprefix(b"\xef\xbb\xbf")), 1):
        try:
            lines.append(_decode(line))
            found.append(number)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if line.strip():
                for said in _explain(line, error):
                    faults.note(number, *said)
    numbers = np.array(found, np.int64)
    times, timed = _read_times(_coded([pa.array([x.time for x in lines], pa.string())]), numbers, faults)
    return Rows(
        numbers=numbers,
        service=_coded([pa.array([x.service for x in lines], pa.string())]),
        metric=_coded([pa.array([x.metric for x in lines], pa.string())]),
        time=times,
        timed=timed,
        value=_floats(pa.array([x.value for x in lines], pa.float64())),
        good=_integers(pa.array([x.good for x in lines], pa.int64())),
        total=_integers(pa.array([x.total for x in lines], pa.int64())),
    )


def _explain(line: bytes, error: Exception) -> Iterator[tuple[str, str]]:
    """A line that cannot be decoded -> (field, what is wrong and what is allowed), for each field at fault."""
    first = _explain_first(line, error)
    yield first
    if not isinstance(error, msgspec.ValidationError):
        return
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # it is broken behind its first fault
        return
    if isinstance(record, dict):
        told = [(name[:MAX_NAME], _UNKNOWN) for name in record if name not in ALLOWED][:MAX_UNKNOWN]
        told += [(name, "is missing") for name in ("service", "metric", "time") if name not in record]
        yield from (one for one in told if one[0] != first[0])


def _explain_first(line: bytes, error: Exception) -> tuple[str, str]:
    if isinstance(error, UnicodeDecodeError):
        return "", "is not UTF-8"
    text = str(error)
    if match := _AT_FIELD.fullmatch(text):
        got = _GOT.fullmatch(match[1])
        found = f"; found {got[1]}" if got else ""
        return match[2], f"{ALLOWED.get(match[2], match[1])}{found}"
    if match := _UNKNOWN_FIELD.fullmatch(text):
        return match[1][:MAX_NAME], _UNKNOWN
    if match := _MISSING_FIELD.fullmatch(text):
        return match[1], "is missing"
    if isinstance(error, msgspec.ValidationError):
        return "", f"is an object with {FIELDS}"
    if _NOT_FINITE.search(line):
        return "value", "is a finite number: NaN and infinities are not JSON"
    if not line.endswith(b"\n"):
        return "", "is not a whole line of JSON: the last line seems cut off"
    return "", f"is not JSON: {text.removeprefix('JSON is malformed: ')}"


# -- CSV and Parquet ------------------------------------------------------------------------------------------------


def _csv_rows(body: bytes, faults: Faults) -> Rows | None:
    try:
        table, numbers = read_csv(body, faults.note, ALLOWED)
    except BrokenTable as error:
        raise MalformedBody(f"not a valid CSV text: {error}") from None
    whole = len(faults)
    _check_schema(table.schema, faults)
    return None if len(faults) > whole else _table_rows(table, numbers, faults)


def _parquet_rows(body: bytes, faults: Faults) -> Rows | None:
    try:
        file = Parquet(body)
        _check_schema(file.schema, faults)
        return None if faults else _table_rows(file.table(), None, faults)
    except BrokenTable as error:
        raise MalformedBody(f"not a valid Parquet file: {error}") from None


# -- Arrow ----------------------------------------------------------------------------------------------------------

_MAGIC = b"ARROW1"


def _stream_of(body: bytes) -> bytes:
    """An Arrow IPC file is a stream between its magic and its footer."""
    if not (body.startswith(_MAGIC + b"\0\0") and body.endswith(_MAGIC)):
        raise MalformedBody("not a valid Arrow IPC file: it is cut off, or something else")
    return body[8:]


def _arrow_rows(body: bytes, faults: Faults) -> Rows | None:
    try:
        schema, batches = read_stream(body)
        _check_schema(schema, faults)
        chunks = list(batches)
        return None if faults else _table_rows(pa.Table.from_batches(chunks, schema), None, faults)
    except CompressedBuffers:
        raise WrongContentType("compressed Arrow buffers are not taken: write them without compression") from None
    except BrokenStream as error:
        raise MalformedBody(f"not valid Arrow IPC: {error}") from None


def _table_rows(table: pa.Table, lines: Integers | None, faults: Faults) -> Rows:
    """`lines` are the rows' numbers, where they are other than 1, 2, 3 and so on."""
    numbers = np.arange(1, table.num_rows + 1, dtype=np.int64) if lines is None else lines
    times, timed = _arrow_times(table.column("time"), numbers, faults)
    return Rows(
        numbers=numbers,
        service=_coded(table.column("service").chunks),
        metric=_coded(table.column("metric").chunks),
        time=times,
        timed=timed,
        value=_floats(_column(table, "value", pa.float64())),
        good=_counts(table, "good", numbers, faults),
        total=_counts(table, "total", numbers, faults),
    )


def _check_schema(schema: pa.Schema, faults: Faults) -> None:
    try:
        _check_columns(schema, faults)
    except UnicodeDecodeError:
        raise MalformedBody("the schema has a name or a zone that is not UTF-8") from None


def _check_columns(schema: pa.Schema, faults: Faults) -> None:
    for name in ("service", "metric", "time"):
        if name not in schema.names:
            faults.note(0, name, "the column is missing")
    for name in sorted(set(schema.names)):
        if name not in ALLOWED:
            faults.note(0, name[:MAX_NAME], f"unknown column; allowed: {FIELDS}")
        elif schema.names.count(name) > 1:
            faults.note(0, name, "the column stands twice")
        elif (wanted := _wanted_type(name, schema.field(name).type)) is not None:
            faults.note(0, name, f"{wanted}; found {str(schema.field(name).type)[:100]}")


def _wanted_type(name: str, kind: pa.DataType) -> str | None:
    """What type the column is of, where it is not of it."""
    if name in ("service", "metric"):
        return None if _is_text(kind) else "the column is text, plain or as a dictionary"
    if name == "time":
        if pa.types.is_timestamp(kind):
            return None if kind.tz is not None else "the column is a timestamp with a zone, such as UTC; this has none"
        return None if _is_text(kind) else "the column is a timestamp with a zone, or RFC 3339 text"
    if name == "value":
        numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
        return None if numeric else "the column is of numbers"
    whole = pa.types.is_integer(kind) or pa.types.is_null(kind)
    return None if whole else "the column is of whole numbers"


def _is_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    """A column as one array of `kind`; all null where the table does not have it."""
    if name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    return _one(table.column(name).cast(kind, safe=False))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _counts(table: pa.Table, name: str, numbers: Integers, faults: Faults) -> tuple[Integers, Mask]:
    column = _column(table, name, pa.int64())
    if name in table.column_names and pa.types.is_uint64(table.schema.field(name).type):
        beyond = _numpy(_one(table.column(name)).fill_null(0)) > INT64_MAX
        faults.note_each(beyond, numbers, name, ALLOWED[name])
    return _integers(column)


def _arrow_times(column: pa.ChunkedArray, numbers: Integers, faults: Faults) -> tuple[Integers, Mask]:
    if not pa.types.is_timestamp(column.type):
        return _read_times(_coded(column.chunks), numbers, faults)
    ticks = _one(column.cast(pa.timestamp(column.type.unit)).cast(pa.int64()))
    given = _numpy(ticks.is_valid())
    faults.note_each(~given, numbers, "time", "is missing")
    raw = _numpy(ticks.fill_null(0))
    shrink, stretch = {"s": (1, 10**6), "ms": (1, 10**3), "us": (1, 1), "ns": (10**3, 1)}[column.type.unit]
    beyond = np.abs(raw.astype(np.float64)) * stretch >= 2.0**62
    faults.note_each(beyond & given, numbers, "time", "is out of range")
    return np.where(beyond, 0, raw) // shrink * stretch, given & ~beyond


# -- columns --------------------------------------------------------------------------------------------------------


def _coded(chunks: list[pa.Array]) -> Coded:
    """Chunks of text, coded together. A dictionary's text is not copied out
    for each row: a small body can stand for a great deal of it."""
    codes: dict[str, int] = {}
    parts = []
    for chunk in chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else plain_text(chunk).dictionary_encode()
        texts = plain_text(encoded.dictionary)
        places = _numpy(encoded.indices.cast(pa.int64(), safe=False).fill_null(-1))
        used = np.unique(places[places >= 0])
        lookup = np.full(int(used[-1]) + 1 if used.size else 1, -1, np.int64)
        for place, name in zip(used, texts.take(pa.array(used)).to_pylist(), strict=True):
            if name is not None:
                lookup[place] = codes.setdefault(name, len(codes))
        parts.append(np.where(places >= 0, lookup[np.maximum(places, 0)], -1))
    return np.concatenate(parts) if parts else np.empty(0, np.int64), list(codes)


def _read_times(texts: Coded, numbers: Integers, faults: Faults) -> tuple[Integers, Mask]:
    """RFC 3339 texts -> microseconds, and which of them could be read."""
    codes, names = texts
    instants, readable = _parse_instants(names)
    given = codes >= 0
    read = given.copy()
    read[given] = readable[codes[given]]
    times = np.zeros(len(codes), np.int64)
    times[read] = instants[codes[read]]
    faults.note_each(~given, numbers, "time", "is missing")
    for position in np.flatnonzero(given & ~read):
        faults.note(int(numbers[position]), "time", _time_fault(names[codes[position]]))
    return times, read


def _parse_instants(texts: list[str]) -> tuple[Integers, Mask]:
    """Arrow reads all at once where all are in its common form, and to the same instants as `parse_instant` does."""
    try:
        instants = pa.array(texts, pa.string()).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        return _numpy(instants), np.ones(len(texts), np.bool_)
    except pa.ArrowInvalid:
        pass
    instants, readable = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for position, text in enumerate(texts):
        try:
            instants[position], readable[position] = parse_instant(text), True
        except ValueError:
            continue
    return instants, readable


def _time_fault(text: str) -> str:
    try:
        parse_instant(text[:100])
    except ValueError as error:
        return str(error)
    return ALLOWED["time"]


def _floats(array: pa.Array) -> tuple[npt.NDArray[np.float64], Mask]:
    return _numpy(array.fill_null(0.0)), _numpy(array.is_valid())


def _integers(array: pa.Array) -> tuple[Integers, Mask]:
    return _numpy(array.fill_null(0)), _numpy(array.is_valid())


def _numpy(array: pa.Array) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return numbers
