"""What labelled samples and alarms become, as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Mapped:
    """The labels of a series; the service, the metric and the value that it becomes (None where it becomes nothing);
    and the objectives that read it, or why nothing does."""

    labels: Mapping[str, str]
    service: str | None
    metric: str | None
    value: str | None
    read_by: tuple[str, ...]
    reason: str = ""


def mapped_table(rows: Sequence[Mapped]) -> Table:
    """One row a series."""
    table = Table(title="What the samples become", title_justify="left", show_lines=False)
    for column in ("series", "service", "metric", "value", "read by"):
        table.add_column(column, overflow="fold", justify="right" if column == "value" else "left")
    for row in rows:
        read_by = ", ".join(row.read_by) or f"- ({row.reason})"
        table.add_row(series_text(row.labels), row.service or "-", row.metric or "-", row.value or "-", read_by)
    return table


@dataclass(frozen=True, slots=True)
class MappedAlarm:
    """An alarm, by its source and number, with some of its labels; the service that it concerns, and the metric, the
    priority, the opening and the closing of the event (None where there is none, or it is not told); the objectives
    that read it, or why nothing does."""

    number: str
    labels: Mapping[str, str]
    service: str | None
    metric: str | None
    priority: str | None
    opened: str | None
    closed: str | None
    read_by: tuple[str, ...]
    reason: str = ""


def alarms_table(rows: Sequence[MappedAlarm]) -> Table:
    """One row for each service that an alarm concerns."""
    table = Table(title="What the alarms become", title_justify="left", show_lines=False)
    for column in ("alarm", "service", "event", "read by"):
        table.add_column(column, overflow="fold")
    for row in rows:
        read_by = ", ".join(row.read_by) or f"- ({row.reason or 'the rule has no metric: no event'})"
        table.add_row(f"{row.number} {series_text(row.labels)}", row.service or "-", _event_text(row), read_by)
    return table


def _event_text(row: MappedAlarm) -> str:
    if row.metric is None:
        return "-"
    span = f"from {row.opened or 'an instant that is not told yet'} to {row.closed or '(open)'}"
    return " ".join(part for part in (row.metric, row.priority, span) if part)


def series_text(labels: Mapping[str, str]) -> str:
    """Labels as Prometheus writes them: name{label="value"}."""
    rest = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return labels.get("__name__", "") + (f"{{{rest}}}" if rest else "")
