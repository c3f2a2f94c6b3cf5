"""What labelled samples become, as a table."""

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


def series_text(labels: Mapping[str, str]) -> str:
    """Labels as Prometheus writes them: name{label="value"}."""
    rest = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return labels.get("__name__", "") + (f"{{{rest}}}" if rest else "")
