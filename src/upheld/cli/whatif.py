"""The command that compares what two portfolios make of the same past."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, instant, plural, progress, refuse, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upheld.agreements.model import Portfolio
    from upheld.reports.whatif import Comparison

commands = typer.Typer()


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    HTML = "html"


@commands.command(
    epilog='Example:  upheld whatif agreements.yaml june.parquet --set "acme-vpn-gold/availability/target=99.95 %" '
    "--as-of 2026-07-01T00:00:00Z --format html --output whatif.html"
)
def whatif(
    agreements: Annotated[Path, typer.Argument(help="The agreements as they are.", metavar="AGREEMENTS.yaml")],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="The agreements as they would be (YAML; may be left out with --set), and files of measurements.",
            metavar="[CHANGED.yaml] MEASUREMENTS...",
        ),
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help='A single change, such as "acme-vpn-gold/availability/target=99.95 %"; may be given again.',
            metavar="PATH=VALUE",
        ),
    ] = None,
    exclusions: Annotated[
        Path | None,
        typer.Option(help="What does not count: a CSV, Parquet, Arrow or YAML file.", metavar="FILE"),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Assess up to this instant. By default the end of the last slot that holds a measurement.",
            metavar="INSTANT",
        ),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(help="Write to this file instead of the standard output.", metavar="FILE")
    ] = None,
) -> None:
    """Assess past measurements under two sets of agreements and show what differs: verdicts, notices and credits.

    Notices are those that the agreements' terms promise at the instants at which thresholds were crossed.

    Exit status: 0 no difference, 1 something differs, 2 the input is wrong.
    """
    from upheld.readers.faults import InputError

    changed = files.pop(0) if files[0].suffix.lower() in (".yaml", ".yml") else None
    if changed is None and not changes:
        refuse("nothing is changed: give CHANGED.yaml before the measurements, or --set")
    if not files:
        refuse("no measurements: give the files of what was measured")
    at = instant("--as-of", as_of)
    try:
        comparison, end = _compared(agreements, changed, changes or [], files, exclusions, at)
    except InputError as error:
        raise input_exit(error) from None
    made = [*([changed.name] if changed is not None else []), *(changes or [])]
    _write(comparison, end, output_format, output, agreements.name, made)
    raise typer.Exit(NOT_ALL_MET if comparison.differs else ALL_MET)


def _compared(
    agreements: Path,
    changed: Path | None,
    changes: "Sequence[str]",
    measurements: "Sequence[Path]",
    exclusions: Path | None,
    as_of: int | None,
) -> "tuple[Comparison, int]":
    from upheld.agreements.terms import compile_terms
    from upheld.agreements.units import DAY, format_instant, to_microseconds
    from upheld.assessment.advance import assess
    from upheld.readers.deliveries import read_deliveries
    from upheld.readers.exclusions import read_exclusions
    from upheld.readers.portfolio import read_portfolio
    from upheld.reports.whatif import compare

    with progress() as bar:
        reading = bar.add_task("reading", total=len(measurements) + 1)
        before = read_portfolio(agreements)
        after = _after(changed or agreements, changes)
        terms = [compile_terms(portfolio.agreements) for portfolio in (before, after)]
        every = [*terms[0], *terms[1]]
        excluded = [] if exclusions is None else read_exclusions(exclusions)
        delivery = read_deliveries(
            measurements,
            every,
            as_rows=True,
            on_file=lambda path: bar.update(reading, advance=1, description=f"reading {path.name}"),
        )
        batch, latest = delivery.batch, delivery.latest
        for note in delivery.notes:
            say(note)
        if latest is not None and latest > to_microseconds(datetime.now(UTC)) + DAY:
            refuse(f"a measurement at {format_instant(latest)} lies in the future: is its date right?")
        end = delivery.ends if as_of is None else as_of
        if end is None:
            refuse("no measurement is left to assess; give --as-of to assess without any")
        bar.add_task(f"assessing {batch.num_rows:,} measurements twice", total=None)
        since = end - 1 if delivery.begins is None else delivery.begins
        verdicts = [assess(one, batch, excluded, end, since=since, events=delivery.events) for one in terms]
    still = sum(verdict.period_end > end for verdict in verdicts[1])
    if still and as_of is None:
        say(f"{still:,} {plural(still, 'period')} not over at {format_instant(end)}; credits follow when they are")
    return compare(before, after, *verdicts), end


def _after(path: Path, changes: "Sequence[str]") -> "Portfolio":
    from upheld.readers.changing import changed_portfolio
    from upheld.readers.portfolio import parse_portfolio
    from upheld.readers.yaml_source import parse_yaml, read_text

    text = read_text(path)
    portfolio = parse_portfolio(text, str(path))
    return changed_portfolio(parse_yaml(text, str(path)), changes) if changes else portfolio


def _write(
    comparison: "Comparison", end: int, output_format: Format, output: Path | None, title: str, made: "Sequence[str]"
) -> None:
    try:
        match output_format:
            case Format.TABLE:
                _write_table(comparison, output)
            case Format.JSON:
                import json

                from upheld.reports.whatif import to_document

                _write_text(json.dumps(to_document(comparison, end), ensure_ascii=False, indent=1) + "\n", output)
            case Format.HTML:
                from upheld.reports.whatif_page import whatif_page

                _write_text(whatif_page(comparison, end, title, made), output)
    except BrokenPipeError:
        raise  # who reads the output has had enough: the command ends quietly
    except OSError as error:
        refuse(f"{output or 'the standard output'} cannot be written: {error.strerror or error}")


def _write_table(comparison: "Comparison", output: Path | None) -> None:
    from rich.console import Console

    from upheld.reports.whatif_table import whatif_report

    if output is None:
        Console().print(whatif_report(comparison))
        return
    with output.open("w", encoding="utf-8") as stream:
        Console(file=stream, width=120).print(whatif_report(comparison))


def _write_text(text: str, output: Path | None) -> None:
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
