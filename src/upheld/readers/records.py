"""Small tables, such as exclusions and events, read record by record: CSV, Parquet or Arrow files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from upheld.readers.columns import column_faults, csv_header, csv_lines, format_of, read_columnar
from upheld.readers.faults import Fault, Findings, InputError


def read_records(
    path: Path, columns: Sequence[str], needed: Sequence[str], also: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record of a file as (its line or row, the fields that are given). `columns` may stand in it, those `needed`
    must; `also` lists further suffixes that the caller reads itself. Raises InputError."""
    kind = format_of(path, also=also)
    if kind == "csv":
        yield from _csv_records(path, columns, needed)
        return
    table = read_columnar(path, kind)
    _check_columns(str(path), table.column_names, columns, needed)
    for row, record in enumerate(table.to_pylist(), 1):
        yield row, {column: value for column, value in record.items() if value is not None}


def record_fault(path: Path, number: int, field: str, message: str) -> Fault:
    """A fault of the record with this number, as `read_records` counts them."""
    return Fault(str(path), number, field, message, "line" if format_of(path) == "csv" else "row")


def _csv_records(path: Path, columns: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    header = csv_header(path, columns)
    _check_columns(str(path), header, columns, needed)
    lines = csv_lines(path)
    next(lines)  # the header
    for line, fields in lines:
        if len(fields) != len(header):
            said = f"the line has {len(fields)} of {len(header)} fields ({', '.join(header)}); is it cut off?"
            raise InputError([Fault(str(path), line, "", said)])
        yield line, {c: text.strip() for c, text in zip(header, fields, strict=True) if text.strip()}


def _check_columns(name: str, found: Sequence[str], columns: Sequence[str], needed: Sequence[str]) -> None:
    findings = Findings()
    findings.add(*column_faults(name, found, needed, columns))
    findings.raise_any()
