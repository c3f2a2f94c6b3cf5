"""Planned works as CSV, one a line."""

import csv
import io
from collections.abc import Collection
from functools import partial
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document, Name
from upheld.agreements.units import parse_instant
from upheld.maintenance.model import Maintenance, Window, WorkKind
from upheld.maintenance.window import MOST, planned_in, windows_fault
from upheld.readers.columns import column_faults
from upheld.readers.faults import Fault, Findings, InputError, did_you_mean
from upheld.readers.validation import validate_record

MOST_WORKS = 10_000
BETWEEN = ";"
"""What stands between the names in one field."""


def _names(text: object) -> object:
    return [name.strip() for name in text.split(BETWEEN) if name.strip()] if isinstance(text, str) else text


def _instants(text: object) -> object:
    names = _names(text)
    return [parse_instant(name) for name in names] if isinstance(names, list) else names


Instants = Annotated[list[int], BeforeValidator(_instants), Field(min_length=1, max_length=MOST)]


class WorkLine(Document):
    """A work as a user writes it. The `id` is the caller's own: with it, a file sent twice plans each work once. The
    n-th `start` and the n-th `end` are the n-th window's."""

    id: Name
    title: Annotated[str, Field(min_length=1, max_length=200)]
    start: Instants
    end: Instants
    services: Annotated[list[Name], BeforeValidator(_names), Field(min_length=1)]
    approved_by: Name
    description: Annotated[str, Field(max_length=10_000)] = ""
    emergency: bool = False
    kind: WorkKind = "maintenance"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if len(self.end) != len(self.start):
            raise ValueError(f"end: holds {len(self.end)} instants, and start {len(self.start)}: one of each a window")
        if any(end <= start for start, end in self.spans):
            raise ValueError("end: must be later than start")
        return self

    @property
    def spans(self) -> list[Window]:
        """The windows."""
        return list(zip(self.start, self.end, strict=True))


COLUMNS = tuple(WorkLine.model_fields)
_NEEDED = tuple(name for name, field in WorkLine.model_fields.items() if field.is_required())


def read_works(text: str, name: str, nodes: Collection[str], known: Collection[str], now: int) -> list[Maintenance]:
    """The works of a CSV file called `name`, in its order, planned `now` (microseconds UTC). `nodes` are what they may
    touch, `known` the ids of works that are there, whose windows may be over. Raises InputError with every fault."""
    findings = Findings()
    found: dict[str, Maintenance] = {}
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in filter(any, rows):
            if header is None:
                header = [column.strip() for column in row]
                if faults := column_faults(name, header, _NEEDED, COLUMNS):
                    raise InputError(faults)
                continue
            fault = partial(Fault, name, rows.line_num)
            if len(row) != len(header):
                findings.add(fault("", f"the line has {len(row)} of {len(header)} fields ({', '.join(header)})"))
                continue
            line = validate_record(
                WorkLine, {c: s.strip() for c, s in zip(header, row, strict=True) if s.strip()}, fault
            )
            if not isinstance(line, WorkLine):
                findings.add(*line)
                continue
            findings.add(*(fault(field, said) for field, said in _faults(line, nodes, found, known, now)))
            found[line.id] = Maintenance(
                id=line.id,
                title=line.title,
                services=tuple(dict.fromkeys(line.services)),
                approved_by=line.approved_by,
                planned_at=now,
                description=line.description,
                emergency=line.emergency,
                kind=line.kind,
                **planned_in(line.spans),
            )
    except csv.Error as error:
        raise InputError([Fault(name, rows.line_num, "", f"is not a CSV line: {error}")]) from None
    if header is None or (not found and not findings.faults):
        raise InputError([Fault(name, None, "", "has no works")])
    findings.raise_any()
    return list(found.values())


def _faults(
    line: WorkLine, nodes: Collection[str], before: Collection[str], known: Collection[str], now: int
) -> list[tuple[str, str]]:
    faults = [
        ("services", f"{service!r} is no service or resource in force{did_you_mean(service, nodes)}")
        for service in line.services
        if service not in nodes
    ]
    if line.id in before:
        faults.append(("id", f"{line.id!r} stands twice"))
    if len(before) >= MOST_WORKS:
        faults.append(("", f"a file has at most {MOST_WORKS:,} works"))
    if line.id not in known and (fault := windows_fault(line.spans, now)) is not None:
        faults.append((fault[0].replace("windows", "start"), fault[1]))
    return faults
