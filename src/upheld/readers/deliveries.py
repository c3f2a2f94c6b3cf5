"""Everything that was delivered for some terms, from files: measurements and events together."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from upheld.agreements.terms import Term
from upheld.assessment.batch import SlotBatch
from upheld.measurements.events import ServiceEvent, last_told
from upheld.readers.events import is_event_file, read_events
from upheld.readers.tables import forms_read, last_slot_end, read_measurements


@dataclass(frozen=True, slots=True)
class Delivered:
    """`batch` as `assessment.advance.assess` takes it, and the `events`. `begins` is the time of the first of all of
    them, `ends` the end of the last slot that holds a measurement, or the instant just after the last opening or
    closing; `latest` the time of the last measurement (microseconds UTC; None where there is none). `notes` are for
    people."""

    batch: pa.Table | SlotBatch
    events: tuple[ServiceEvent, ...]
    begins: int | None
    ends: int | None
    latest: int | None
    notes: tuple[str, ...]


def read_deliveries(
    paths: Sequence[Path],
    terms: Sequence[Term],
    *,
    as_rows: bool = False,
    known_at: int | None = None,
    strict: bool = False,
    services: Collection[str] | None = None,
    on_file: Callable[[Path], None] = lambda path: None,
) -> Delivered:
    """Reads files of measurements and of events, in any order. `as_rows` keeps every measurement as a row, for others
    than `assess`. `known_at` leaves out what became known later; `strict` and `on_file` as `read_measurements` has
    them; `services` are those that an event may name where `strict`. Raises InputError."""
    of_events = [path for path in paths if is_event_file(path)]
    told = [event for path in of_events for event in read_events(path, services if strict else None)]
    events = tuple(event for event in told if known_at is None or event.known_at <= known_at)
    measured = [term for term in terms if term.indicator.kind != "duration"]
    delivery = read_measurements(
        [path for path in paths if path not in of_events],
        forms_read(measured),
        terms=None if as_rows else measured,
        known_at=known_at,
        strict=strict,
        on_file=on_file,
    )
    starts = [event.opened for event in events] + ([] if delivery.earliest is None else [delivery.earliest])
    ends = [at for at in (last_slot_end(delivery.batch, measured), last_told(events)) if at is not None]
    return Delivered(
        batch=delivery.batch,
        events=events,
        begins=min(starts, default=None),
        ends=max(ends, default=None),
        latest=delivery.latest,
        notes=delivery.notes,
    )
