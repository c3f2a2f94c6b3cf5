"""Dead letters in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

SHOWN = 3
"""Faults of one letter that are shown."""


def dead_letters_table(letters: Sequence[Mapping[str, Any]]) -> Table:
    """Dead letters (documents of the API) as a table."""
    table = Table()
    table.add_column("id", no_wrap=True)  # to be copied into a command
    for column in ("received", "from", "by", "reason", "what is wrong"):
        table.add_column(column, overflow="fold")
    for column in ("bytes", "times"):
        table.add_column(column, justify="right")
    for letter in letters:
        by = f"{letter['protocol']} ({letter['format']})"
        wrong = faults_text(letter["detail"])
        cells = [letter["id"], letter["received_at"], letter["caller"] or "", by, letter["reason"], wrong]
        table.add_row(*cells, f"{letter['size']:,}", f"{letter['times']:,}")
    return table


def faults_text(detail: Sequence[Mapping[str, Any]]) -> str:
    """The first faults in words."""
    told = [
        ": ".join(str(part) for part in (_row(fault), fault.get("field"), fault["message"]) if part) for fault in detail
    ]
    more = [f"and {len(told) - SHOWN:,} more"] if len(told) > SHOWN else []
    return "; ".join([*told[:SHOWN], *more])


def _row(fault: Mapping[str, Any]) -> str:
    return f"row {fault['row']}" if fault.get("row") else ""
