"""Events of `duration` objectives, such as faults from report to restoration: from files, and from request bodies."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

import msgspec
import pyarrow.ipc
import pyarrow.parquet
from pydantic import Field, model_validator

from upheld.agreements.fields import Document, Name
from upheld.measurements.events import ServiceEvent
from upheld.readers.body_faults import RowFault
from upheld.readers.columns import csv_lines, format_of
from upheld.readers.exclusions import Instant
from upheld.readers.faults import Fault, Findings
from upheld.readers.records import read_records, record_fault
from upheld.readers.validation import validate_record


class EventEntry(Document):
    """One event as a user writes it; a `closed` that is not given is still to come."""

    service: Name
    metric: Name
    opened: Instant
    closed: Instant | None = None
    priority: Name | None = None
    due: Instant | None = None
    event: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    known_at: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closed is not None and self.closed < self.opened:
            raise ValueError("closed: must not be before opened")
        return self

    def service_event(self, known_at: int = 0) -> ServiceEvent:
        """The core's form of it, known at `known_at` (microseconds UTC) where it does not say since when."""
        return ServiceEvent(
            service=self.service,
            metric=self.metric,
            opened=self.opened,
            closed=self.closed,
            priority=self.priority,
            due=self.due,
            event=self.event,
            known_at=known_at if self.known_at is None else self.known_at,
        )


_COLUMNS = tuple(EventEntry.model_fields)
_NEEDED = ("service", "metric", "opened")


def is_event_file(path: Path) -> bool:
    """Whether a table file holds events and not measurements: it then has a column `opened`. What cannot be read is
    not: reading it as measurements says what is wrong with it."""
    try:
        return "opened" in _column_names(path)
    except Exception:  # every fault of the file is told by who reads it
        return False


def _column_names(path: Path) -> list[str]:
    match format_of(path):
        case "csv":
            return next((names for _, names in csv_lines(path)), [])
        case "parquet":
            return list(pyarrow.parquet.read_schema(path).names)
    with path.open("rb") as stream:
        is_file = stream.read(6) == b"ARROW1"
        stream.seek(0)
        reader = pyarrow.ipc.open_file(stream) if is_file else pyarrow.ipc.open_stream(stream)
        return list(reader.schema.names)


def read_events(path: Path, services: Collection[str] | None = None) -> list[ServiceEvent]:
    """The events of a CSV, Parquet or Arrow file, in its order. A service that is not in `services` is a fault; None
    admits all. Raises InputError: at most 20 faults, and the number of the rest."""
    findings = Findings()
    read = []
    for number, record in read_records(path, _COLUMNS, _NEEDED):
        record |= {name: str(record[name]) for name in ("priority", "event") if name in record}
        entry = validate_record(EventEntry, record, partial(record_fault, path, number))
        if not isinstance(entry, EventEntry):
            findings.add(*entry)
        elif services is not None and entry.service not in services:
            findings.add(
                record_fault(path, number, "service", f"{entry.service!r} is a service that no agreement names")
            )
        else:
            read.append(entry.service_event())
    findings.raise_any()
    return read


def read_event_lines(
    body: bytes, known: Collection[tuple[str, str]], received_at: int
) -> tuple[list[ServiceEvent], list[RowFault]]:
    """JSON lines, an event each, known at `received_at` -> the good ones, and the faults of the others. `known` are the
    (service, metric) that commitments are made of."""
    events, faults = [], []
    for row, line in enumerate(body.splitlines(), 1):
        if not line.strip():
            continue
        found = _entry(row, line, known)
        if isinstance(found, EventEntry):
            events.append(found.service_event(received_at))
        else:
            faults += found
    return events, faults


def _entry(row: int, line: bytes, known: Collection[tuple[str, str]]) -> EventEntry | list[RowFault]:
    try:
        record: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return [RowFault(row, "", f"is not JSON: {error}")]
    if not isinstance(record, dict):
        return [RowFault(row, "", f"is not an object with the fields {', '.join(_COLUMNS)}")]
    if "known_at" in record:
        return [RowFault(row, "known_at", "is not taken: an event is known when it is delivered")]
    entry = validate_record(EventEntry, record, lambda field, said: Fault("", row, field, said))
    if not isinstance(entry, EventEntry):
        return [RowFault(row, fault.field, fault.message) for fault in entry]
    return list(_strangers(row, entry, known)) or entry


def _strangers(row: int, entry: EventEntry, known: Collection[tuple[str, str]]) -> Iterator[RowFault]:
    if (entry.service, entry.metric) not in known:
        yield RowFault(row, "metric", f"no objective of kind duration reads {entry.metric!r} of {entry.service!r}")
