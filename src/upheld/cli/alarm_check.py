"""`upheld ingest check` of a file of alarms: the events that they would open, and the objectives that no rule feeds."""

from collections.abc import Iterator, Sequence

import typer
from rich.console import Console

from upheld.agreements.terms import Term
from upheld.agreements.units import format_instant
from upheld.analysis.alarms import Report, places_of
from upheld.measurements.mapping import Mapping, Unmapped, labels_named, may_feed
from upheld.process.assessing.in_force import reads_events
from upheld.reports.mapped import MappedAlarm, alarms_table


def check_alarms(mapping: Mapping, terms: Sequence[Term], reports: Sequence[Report]) -> bool:
    """Prints it; returns whether every alarm is mapped, what it opens is read, and every objective of kind `duration`
    is fed by a rule."""
    timed = [term for term in terms if term.indicator.kind == "duration"]
    reading = [*timed, *(term for term in terms if reads_events(term))]
    rows = [row for report in reports for row in _mapped(mapping, reading, report)]
    Console().print(alarms_table(rows))
    wanted = sorted({(service, metric, called(term)) for term in timed for service, metric in term.series})
    unfed = [one for one in wanted if not any(may_feed(rule, *one[:2]) for rule in mapping.alarms)]
    for service, metric, objective in unfed:
        typer.echo(f"no alarm rule feeds {objective} ({service} {metric})")
    return not unfed and not any(row.reason for row in rows)


def called(term: Term) -> str:
    """How messages call an objective."""
    return f"{term.agreement}/{term.objective}"


def _mapped(mapping: Mapping, reading: Sequence[Term], report: Report) -> Iterator[MappedAlarm]:
    """A row for each set of labels that the alarm has; where a rule is found, only with the labels that rules name."""
    opened = None if report.raised_at is None else format_instant(report.raised_at)
    closed = None if report.cleared_at is None else format_instant(report.cleared_at)
    number = f"{report.source} {report.number}".strip()
    named = labels_named(mapping)
    for labels, found in places_of(report, mapping):
        if isinstance(found, Unmapped):
            yield MappedAlarm(number, labels, None, None, None, opened, closed, (), found.reason)
            continue
        shown = {name: value for name, value in labels.items() if name in named}
        key = found.service, found.metric
        readers = tuple(dict.fromkeys(called(term) for term in reading if key in term.series))
        reason = "" if readers or found.metric is None else "no objective reads it"
        yield MappedAlarm(number, shown, *key, found.priority, opened, closed, readers, reason)
