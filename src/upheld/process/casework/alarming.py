"""Alarms through the store: kept, and told as the events that they open and close."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from upheld.analysis.alarms import Alarm, Contradiction, Report, taken
from upheld.measurements.mapping import Mapping
from upheld.ports import Transaction


@dataclass(frozen=True, slots=True)
class Taken:
    """What a report came to: the alarm as it is kept, or why the report was rejected. `reasons` say why something of it
    opens no event."""

    alarm: Alarm | None
    rejected: str = ""
    reasons: tuple[str, ...] = ()


def take(
    t: Transaction, reports: Sequence[Report], mapping: Mapping, read: Collection[tuple[str, str]], now: int
) -> list[Taken]:
    """Keeps what is reported, in this order, and what follows for events. `read` are the (service, metric) whose events
    an objective reads."""
    return [_take(t, report, mapping, read, now) for report in reports]


def _take(t: Transaction, report: Report, mapping: Mapping, read: Collection[tuple[str, str]], now: int) -> Taken:
    known = t.alarms_numbered(report.number, report.source or None, changing=True)
    if not report.source and len(known) != 1:
        said = "no alarm is known by" if not known else f"{len(known)} alarms of different systems have"
        return Taken(None, f"{said} the number {report.number}, and the report does not say whose it is")
    try:
        outcome = taken(known[0] if known else None, report, mapping, read, now)
    except Contradiction as error:
        return Taken(None, str(error))
    if not outcome.changed:
        return Taken(outcome.alarm, reasons=outcome.reasons)
    alarm = t.save_alarm(outcome.alarm)
    t.add_service_events(outcome.events)
    return Taken(alarm, reasons=outcome.reasons)
