"""A raw Arrow table -> a checked batch of `measurements.model.COLUMNS`, column by column.

What a reader of files and one of HTTP bodies have in common. No loop runs over rows, except over those at fault.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.units import END_OF_TIME, OUTSIDE, parse_instant
from upheld.measurements.model import COLUMNS
from upheld.readers.columns import column_faults, first_line
from upheld.readers.faults import SHOWN, Fault, Findings, InputError

_NAME = pa.dictionary(pa.int32(), pa.string())
_ZONED = pa.timestamp("ns", "UTC")

CSV_TYPES: Mapping[str, pa.DataType] = {
    "service": _NAME,
    "metric": _NAME,
    "time": _ZONED,
    "value": pa.float64(),
    "good": pa.int64(),
    "total": pa.int64(),
    "known_at": _ZONED,
}
"""What a CSV reader makes of each column for `measurement_columns`."""

NEEDED = ("service", "metric", "time")
LARGEST_COUNT = 2**63 - 1
LARGEST_EXACT = 2**53
"""Up to here a 64-bit float holds every whole number."""

UNNAMED = "is a service that no agreement names"
NO_FORM = "is missing; give value, or good and total"

Column: TypeAlias = pa.ChunkedArray


def check_header(name: str, found: Sequence[str]) -> None:
    """Raises InputError where the columns cannot be those of measurements."""
    findings = Findings()
    findings.add(*column_faults(name, found, NEEDED, COLUMNS.names))
    given = {"value", "good", "total"} & set(found)
    if not given and len(found) > 1:
        findings.add(Fault(name, None, "value", f"the column {NO_FORM}"))
    elif len(given & {"good", "total"}) == 1:
        lacks = "total" if "good" in given else "good"
        findings.add(Fault(name, None, lacks, "the column is missing; good and total belong together"))
    findings.raise_any()


def measurement_columns(raw: pa.Table, name: str, services: Collection[str] | None = None) -> pa.Table:
    """A raw table as one of `COLUMNS`. Raises InputError; each fault has the `name` and the row (1 is the first). A
    service that is not in `services` is a fault too; None admits all. `known_at` is by default the row's time."""
    check_header(name, raw.column_names)
    if raw.num_rows == 0:
        raise InputError([Fault(name, None, "", "holds no measurement")])
    findings = Findings()
    columns: dict[str, Column] = {}
    for column in COLUMNS.names:
        if column in raw.column_names:
            try:
                columns[column] = _converted(name, column, raw.column(column))
            except InputError as error:
                findings.add_error(error)
    findings.raise_any()
    _check_names(findings, name, columns, services)
    for column, wrong, message in _checks(columns):
        _add_rows(findings, name, column, columns[column], wrong, message)
    findings.raise_any()
    columns["known_at"] = (
        pc.coalesce(columns["known_at"], columns["time"]) if "known_at" in columns else columns["time"]
    )
    arrays = [columns[f.name] if f.name in columns else _nulls(raw.num_rows, f.type) for f in COLUMNS]
    return pa.table(arrays, schema=COLUMNS).unify_dictionaries()


# -- types ----------------------------------------------------------------------------------------------------


def _converted(name: str, column: str, array: Column) -> Column:
    kind = array.type
    if pa.types.is_null(kind):
        return array.cast(pa.string()).dictionary_encode() if column in CSV_NAMES else array.cast(pa.int64())
    if column in CSV_NAMES:
        return _names(name, column, array)
    if column in ("time", "known_at"):
        return _times(name, column, array)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if column == "value" and (number or pa.types.is_boolean(kind)):
        return _floats(name, array)
    if column != "value" and number:
        return _whole(name, column, array)
    raise _wrong_type(name, column, kind, "numbers are")


CSV_NAMES = ("service", "metric")


def _wrong_type(name: str, column: str, kind: pa.DataType, wanted: str) -> InputError:
    return InputError([Fault(name, None, column, f"the column is of type {kind}; {wanted} wanted")])


def _names(name: str, column: str, array: Column) -> Column:
    if array.type == _NAME:
        return array
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise _wrong_type(name, column, array.type, "strings are")
    return array.cast(kind).cast(pa.string()).dictionary_encode()


def _times(name: str, column: str, array: Column) -> Column:
    """Microseconds UTC; what is finer than a microsecond is cut off."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        array = _read_times(name, column, array)
    elif not pa.types.is_timestamp(kind):
        raise _wrong_type(name, column, kind, "a timestamp with a zone, or RFC 3339 text, is")
    elif kind.tz is None:
        raise InputError([Fault(name, None, column, "the timestamps have no time zone; give them one, such as UTC")])
    try:
        finer = array.type.unit == "ns"
        return array.cast(pa.timestamp("us", "UTC"), safe=not finer).cast(pa.int64())
    except pa.ArrowInvalid:
        raise InputError([Fault(name, None, column, f"a time {OUTSIDE}")]) from None


def _read_times(name: str, column: str, array: Column) -> Column:
    try:
        return array.cast(_ZONED)
    except pa.ArrowInvalid as error:
        findings = Findings()
        for row, text in enumerate(array.to_pylist(), 1):
            try:
                if text is not None:
                    parse_instant(text)
            except ValueError as wrong:
                findings.add(Fault(name, row, column, str(wrong), "row"))
        findings.raise_any()
        raise InputError([Fault(name, None, column, first_line(error))]) from None


def _floats(name: str, array: Column) -> Column:
    """Values as 64-bit floats; a whole number that such a float does not hold is a fault."""
    floats = array.cast(pa.float64(), safe=False)
    if not pa.types.is_integer(array.type) or not _leaves(array, -LARGEST_EXACT, LARGEST_EXACT):
        return floats
    pairs = zip(array.to_pylist(), floats.to_pylist(), strict=True)
    wrong = pa.array([whole is not None and int(held) != whole for whole, held in pairs])
    findings = Findings()
    said = "{found} is a whole number that a 64-bit float does not hold exactly"
    _add_rows(findings, name, "value", array, pa.chunked_array([wrong]), said)
    findings.raise_any()
    return floats


def _whole(name: str, column: str, array: Column) -> Column:
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        numbers = array.cast(pa.float64(), safe=False)
        findings = Findings()
        whole = pc.equal(pc.floor(numbers), numbers)
        _add_rows(findings, name, column, array, pc.invert(whole), "{found} is not a whole number")
        findings.raise_any()
        raise InputError([Fault(name, None, column, "a count is larger than 64 bits hold")]) from None


def _nulls(rows: int, kind: pa.DataType) -> Column:
    """A column of nulls, whose chunks share one buffer so that it costs no memory."""
    size = 1 << 16
    nulls = pa.nulls(min(size, rows), kind)
    return pa.chunked_array([nulls] * (rows // size) + [nulls[: rows % size]] * (rows % size > 0), kind)


# -- rows -----------------------------------------------------------------------------------------------------

Check = tuple[str, Column, str]
"""A column, which of its rows are wrong (null is not), and what to say of one; `{found}` is its value."""


def _checks(columns: Mapping[str, Column]) -> Iterator[Check]:
    yield "time", columns["time"].is_null(), "is missing"
    for column in ("time", "known_at"):
        if column in columns and _leaves(columns[column], 0, END_OF_TIME - 1):
            early, late = pc.less(columns[column], 0), pc.greater_equal(columns[column], END_OF_TIME)
            yield column, pc.or_(early, late), OUTSIDE
    yield from _form_checks(columns)
    if "value" in columns and not pc.all(pc.is_finite(columns["value"])).as_py():
        yield "value", pc.invert(pc.is_finite(columns["value"])), "{found} is not a finite number"
    if "good" in columns:
        for column in ("good", "total"):
            yield column, pc.less(columns[column], 0), "{found} is negative"
        yield "good", pc.greater(columns["good"], columns["total"]), "{found} is more than total"


def _leaves(column: Column, low: int, high: int) -> bool:
    found = pc.min_max(column).as_py()
    return found["min"] is not None and not low <= found["min"] <= found["max"] <= high


def _form_checks(columns: Mapping[str, Column]) -> Iterator[Check]:
    """A row has either a value, or good and total."""
    if "good" not in columns:
        yield "value", columns["value"].is_null(), "is missing"
        return
    good, total = columns["good"].is_valid(), columns["total"].is_valid()
    counts = pc.or_(good, total)
    yield "good", pc.and_(pc.invert(good), total), "is missing; good and total belong together"
    yield "total", pc.and_(good, pc.invert(total)), "is missing; good and total belong together"
    if "value" in columns:
        value = columns["value"].is_valid()
        yield "value", pc.invert(pc.or_(value, counts)), NO_FORM
        yield "value", pc.and_(value, counts), "{found} stands beside counts; give value, or good and total"
    else:
        yield "good", pc.invert(counts), "is missing"


def _add_rows(findings: Findings, name: str, column: str, array: Column, wrong: Column, message: str) -> None:
    count = pc.sum(wrong).as_py() or 0
    if count:
        rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy())[:SHOWN]
        found = [(int(row) + 1, message.format(found=array[int(row)].as_py())) for row in rows]
        findings.add_some([Fault(name, row, column, said, "row") for row, said in found], count)


def _check_names(
    findings: Findings, name: str, columns: Mapping[str, Column], services: Collection[str] | None
) -> None:
    for column in CSV_NAMES:
        admitted = services if column == "service" else None
        start = 0
        for chunk in columns[column].chunks:
            words = [*chunk.dictionary.to_pylist(), None]  # the last stands for null
            wrong = np.array([not word or (admitted is not None and word not in admitted) for word in words])
            if wrong[:-1].any() or chunk.null_count:
                codes = chunk.indices.fill_null(len(words) - 1).to_numpy()
                rows = np.flatnonzero(wrong[codes])
                found = [(start + int(row) + 1, words[codes[row]]) for row in rows[:SHOWN]]
                faults = [Fault(name, row, column, name_fault(word), "row") for row, word in found]
                findings.add_some(faults, len(rows))
            start += len(chunk)


def name_fault(word: str | None) -> str:
    """What to say of a service or metric that may not stand here."""
    return f"{word!r} {UNNAMED}" if word else "is missing"
