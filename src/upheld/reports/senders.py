"""Senders in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def senders_table(senders: Sequence[Mapping[str, Any]]) -> Table:
    """Senders (documents of the API) as a table that fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, show_lines=True, padding=(0, 1))
    table.add_column("sender", overflow="fold", max_width=14)
    table.add_column("delivered", width=10)
    table.add_column("measurements", min_width=13)
    table.add_column("clock", width=9)
    table.add_column("last error", overflow="fold")
    for one in senders:
        error = "-" if one["error"] is None else f"{_instant(one['error_at'])} {one['error']}"
        cells = (_instant(one["delivered_at"]), _counts(one), skewescape(one["skew_seconds"]))
        table.add_row(escape(one["name"]), *cells, escape(error))
    return table


def skewescape(seconds: float | None) -> str:
    """How far a clock is ahead of ours, or behind it, in its largest unit."""
    if seconds is None:
        return "-"
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= 2 * size), (1, "s"))
    return f"{abs(seconds) / size:,.1f} {unit} {'ahead' if seconds < 0 else 'behind'}"


def _counts(one: Mapping[str, Any]) -> str:
    said = {"duplicates": "repeated", "conflicts": "in conflict", "future": "too early", "refused": "refused"}
    lines = [f"{one[name]:,} {word}" for name, word in said.items() if one[name]]
    return "\n".join([f"{one['measurements']:,}", *lines])


def _instant(text: str | None) -> str:
    return "never" if text is None else text.partition(".")[0].removesuffix("Z").replace("T", " ") + "Z"
