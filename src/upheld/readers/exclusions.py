"""Exclusions from a file: CSV, Parquet, Arrow or YAML."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document
from upheld.agreements.units import parse_instant
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion
from upheld.readers.columns import column_faults, csv_header, csv_lines, format_of, read_columnar
from upheld.readers.faults import Fault, Findings, InputError, did_you_mean
from upheld.readers.measurement_columns import name_fault
from upheld.readers.validation import validate, validate_record
from upheld.readers.yaml_source import parse_yaml, read_text

Instant = Annotated[int, BeforeValidator(parse_instant)]

_YAML = (".yaml", ".yml")


class ExclusionEntry(Document):
    """One exclusion as a user writes it."""

    service: Annotated[str, Field(min_length=1)]
    start: Instant
    end: Instant
    reason: Annotated[str, Field(min_length=1)]
    approved_by: str | None = None
    agreement: str | None = None
    known_at: Instant | None = None
    revoked_at: Instant | None = None
    revoked_by: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end: must be later than start")
        if self.revoked_at is not None and self.revoked_at <= (self.known_at or 0):
            raise ValueError("revoked_at: must be later than known_at")
        if self.revoked_by and self.revoked_at is None:
            raise ValueError("revoked_by: needs revoked_at")
        return self

    def exclusion(self) -> Exclusion:
        """The core's form of it: known from the beginning where it does not say since when."""
        return Exclusion(
            service=self.service,
            start=self.start,
            end=self.end,
            reason=self.reason,
            approved_by=self.approved_by or None,
            agreement=self.agreement,
            known_at=self.known_at or 0,
            revoked_at=self.revoked_at,
            revoked_by=self.revoked_by or None,
        )


class ExclusionsFile(Document):
    """A YAML file of exclusions."""

    exclusions: tuple[ExclusionEntry, ...]


_COLUMNS = tuple(ExclusionEntry.model_fields)
_NEEDED = ("service", "start", "end", "reason", "approved_by")


def read_exclusions(
    path: Path, services: Collection[str] | None = None, agreements: Collection[str] | None = None
) -> list[Exclusion]:
    """The exclusions of a file, in its order. A service that is not in `services` is a fault, and so is an agreement
    that is not in `agreements`; None admits all. Raises InputError: at most 20 faults, and the number of the rest."""
    if path.name.lower().endswith(_YAML):
        return _read_yaml(path, services, agreements)
    findings = Findings()
    read = []
    for number, record in _records(path):
        entry = validate_record(ExclusionEntry, record, partial(_fault, path, number))
        if not isinstance(entry, ExclusionEntry):
            findings.add(*entry)
        else:
            findings.add(
                *(_fault(path, number, field, said) for field, said in _strangers(entry, services, agreements))
            )
            read.append(entry.exclusion())
    findings.raise_any()
    return read


def _read_yaml(path: Path, services: Collection[str] | None, agreements: Collection[str] | None) -> list[Exclusion]:
    source = parse_yaml(read_text(path), str(path))
    entries = validate(ExclusionsFile, source).exclusions
    findings = Findings()
    for i, entry in enumerate(entries):
        for field, said in _strangers(entry, services, agreements):
            line = source.line(("exclusions", i, field))
            findings.add(Fault(str(path), line, f"exclusions[{i}].{field}", said))
    findings.raise_any()
    return [entry.exclusion() for entry in entries]


def _strangers(
    entry: ExclusionEntry, services: Collection[str] | None, agreements: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    """(field, message) of each name that may not stand here."""
    if services is not None and entry.service != EVERY_SERVICE and entry.service not in services:
        yield "service", name_fault(entry.service)
    if agreements is not None and entry.agreement is not None and entry.agreement not in agreements:
        yield "agreement", f"{entry.agreement!r} is not an agreement{did_you_mean(entry.agreement, agreements)}"


def _fault(path: Path, number: int, field: str, message: str) -> Fault:
    return Fault(str(path), number, field, message, "line" if format_of(path) == "csv" else "row")


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line or row, fields that are given)."""
    kind = format_of(path, also=_YAML)
    if kind == "csv":
        yield from _csv_records(path)
        return
    table = read_columnar(path, kind)
    _check_columns(str(path), table.column_names)
    for row, record in enumerate(table.to_pylist(), 1):
        yield row, {column: value for column, value in record.items() if value is not None}


def _csv_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    header = csv_header(path, _COLUMNS)
    _check_columns(str(path), header)
    lines = csv_lines(path)
    next(lines)  # the header
    for line, fields in lines:
        if len(fields) != len(header):
            said = f"the line has {len(fields)} of {len(header)} fields ({', '.join(header)}); is it cut off?"
            raise InputError([Fault(str(path), line, "", said)])
        yield line, {c: text.strip() for c, text in zip(header, fields, strict=True) if text.strip()}


def _check_columns(name: str, found: list[str]) -> None:
    findings = Findings()
    findings.add(*column_faults(name, found, _NEEDED, _COLUMNS))
    findings.raise_any()
