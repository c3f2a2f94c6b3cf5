"""A rehearsal of playbooks as a table."""

from collections.abc import Sequence

from rich.table import Table

from upheld.actions.rehearsal import Rehearsed
from upheld.agreements.units import format_instant


def rehearsal_table(rows: Sequence[Rehearsed]) -> Table:
    """Each step with what began it, who owns it, where it goes, when, by when, and what would become of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("at", "event", "playbook", "step", "does", "to", "owner", "due by", "outcome"):
        table.add_column(name, overflow="fold")
    for row in rows:
        action = row.action
        due_by = "" if action.due_by is None else format_instant(action.due_by)
        outcome = "taken" if action.state == "done" else f"skipped: {action.outcome}"
        table.add_row(
            format_instant(row.at),
            row.event.type,
            action.playbook,
            action.step,
            action.kind,
            action.channel or "",
            action.owner or "",
            due_by,
            outcome,
        )
    return table
