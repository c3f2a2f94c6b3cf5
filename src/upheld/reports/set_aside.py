"""Dead letters in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

SHOWN = 3
"""Faults of one letter that are shown."""


def dead_letters_table(letters: Sequence[Mapping[str, Any]]) -> Table:
    """Dead letters (documents of the API) as a table that fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("id", no_wrap=True)  # to be copied into a command
    table.add_column("received", width=10)
    table.add_column("from", overflow="fold", max_width=14)
    table.add_column("what is wrong", overflow="fold")
    for letter in letters:
        times = f", {letter['times']:,} times" if letter["times"] > 1 else ""
        by = f"by {letter['protocol']} ({letter['format']}), {letter['size']:,} bytes{times}"
        wrong = f"{letter['reason']}: {faults_text(letter['detail'])}\n{by}"
        received = letter["received_at"].partition(".")[0].removesuffix("Z").replace("T", " ") + "Z"
        table.add_row(letter["id"], received, *map(escape, (letter["caller"] or "", wrong)), end_section=True)
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
