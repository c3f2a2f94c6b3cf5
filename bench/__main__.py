"""`python -m bench [B1 ...]`: runs the bars, prints the table, and exits with 1 where one falls short."""

import os
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.measuring import in_words
from bench.running import Ran, measure

BARS = tuple(f"B{n}" for n in range(1, 12))


def main(arguments: Sequence[str]) -> int:
    """Exit status 0: all hold; 1: one falls short or could not be measured; 2: there is no such bar."""
    wanted = tuple(dict.fromkeys(name.upper() for name in arguments)) or BARS
    if unknown := [name for name in wanted if name not in BARS]:
        print(f"no bar {', '.join(unknown)}; the bars are {', '.join(BARS)}", file=sys.stderr)
        return 2
    console = Console()
    results = {}
    for bar in wanted:
        with console.status(f"{bar} ...", spinner="line"):
            results[bar] = measure(bar)
        console.print(_summary(bar, results[bar]), highlight=False, markup=False)
    # A terminal is as wide as it is; a file or a pipe gets lines that are not cut.
    (console if console.is_terminal else Console(width=200)).print(_table(results))
    console.print(_load(), highlight=False)
    return 0 if all(ran.holds for ran in results.values()) else 1


def _summary(bar: str, ran: Ran) -> str:
    cost = f"{ran.wall:.0f} s, {ran.cpu:.0f} s of CPU, at most {in_words(ran.peak)} in memory"
    return f"{bar}: {ran.fault.rstrip()}" if ran.fault else f"{bar}: {'holds' if ran.holds else 'FALLS SHORT'} ({cost})"


def _table(results: dict[str, Ran]) -> Table:
    table = Table("bar", "claim", "ours", "peer", title="Speed bars: CPU and peak memory", title_justify="left")
    for heading in ("ratio", "limit"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("holds")
    table.add_column("note")
    for bar, ran in results.items():
        for row in ran.rows:
            limit = f"{'at most' if row.at_most else 'at least'} {row.limit:,.4g}"
            verdict = "[green]yes[/]" if row.holds else "[bold red]NO[/]"
            table.add_row(row.bar, row.claim, row.ours, row.peer, f"{row.ratio:,.4g}", limit, verdict, row.note)
        if ran.fault:
            last_line = ran.fault.strip().splitlines()[-1].replace("[", r"\[")
            table.add_row(bar, "could not be measured", "", "", "", "", "[bold red]NO[/]", last_line)
        table.add_section()
    return table


def _load() -> str:
    return f"{os.cpu_count()} cores; load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
