"""The command that looks for what is allowed in agreements and yet hardly meant."""

from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, instant, refuse, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upheld.agreements.lint import Finding
    from upheld.agreements.model import Portfolio

commands = typer.Typer()


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


@commands.command(epilog="Example:  upheld lint agreements.yaml june.parquet --ignore miss-without-credit")
def lint(
    agreements: Annotated[Path, typer.Argument(help="The agreements, a YAML file.", metavar="AGREEMENTS.yaml")],
    measurements: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of measurements and events, as of `upheld assess`: are they what the agreements wait for?",
            metavar="[MEASUREMENTS...]",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Leave out what this rule finds; may be given again.", metavar="RULE")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="At which instant agreements should be valid. By default now.", metavar="INSTANT"),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TABLE,
    rules: Annotated[bool, typer.Option("--rules", help="Print every rule and end.", is_eager=True)] = False,
) -> None:
    """Look for what is allowed in agreements and yet hardly meant.

    Such as a target that its slots cannot measure, a soft threshold that is crossed only together with the target, a
    credit tier that nothing reaches, a role without contacts; and with measurements, a promise whose data never arrived
    and data that no promise reads.

    Exit status: 0 nothing found, 1 something found, 2 the input is wrong.
    """
    from upheld.agreements.lint import RULES
    from upheld.agreements.units import to_microseconds
    from upheld.measurements.delivered import RULES as DATA_RULES
    from upheld.readers.faults import InputError, did_you_mean
    from upheld.readers.portfolio import parse_portfolio
    from upheld.readers.yaml_source import parse_yaml, read_text
    from upheld.reports.findings import Placed, findings_json, summary

    known = {**RULES, **DATA_RULES}
    if rules:
        for name, finds in known.items():
            typer.echo(f"{name:<29} {finds}")
        raise typer.Exit(ALL_MET)
    for name in ignore or []:
        if name not in known:
            refuse(f"--ignore {name} is no rule{did_you_mean(name, known)}; see --rules")
    at = instant("--as-of", as_of)
    try:
        text = read_text(agreements)
        portfolio = parse_portfolio(text, str(agreements))
        source = parse_yaml(text, str(agreements))
        found = _found(portfolio, measurements or [], to_microseconds(datetime.now(UTC)) if at is None else at)
    except InputError as error:
        raise input_exit(error) from None
    placed = [
        Placed(one, str(agreements), source.line(one.path)) if one.path else Placed(one, None, None)
        for one in found
        if one.rule not in (ignore or [])
    ]
    placed.sort(key=lambda one: (one.line is None, one.line or 0))
    if output_format is Format.JSON:
        typer.echo(findings_json(placed), nl=False)
    elif placed:
        from rich.console import Console

        from upheld.reports.findings import findings_table

        Console().print(findings_table(placed))
    else:
        say(summary(placed))
    raise typer.Exit(NOT_ALL_MET if placed else ALL_MET)


def _found(portfolio: "Portfolio", measurements: "Sequence[Path]", now: int) -> "list[Finding]":
    from upheld.agreements.lint import lint as lint_agreements

    found = lint_agreements(portfolio, now)
    if not measurements:
        return found
    from upheld.agreements.terms import compile_terms
    from upheld.measurements.delivered import delivered, lint_delivered
    from upheld.readers.events import is_event_file, read_events
    from upheld.readers.tables import read_measurements

    terms = compile_terms(portfolio.agreements)
    places: dict[tuple[str, str], tuple[str | int, ...]] = {}
    for number, agreement in enumerate(portfolio.agreements):
        for position, objective in enumerate(agreement.objectives):
            for promise in objective.promises():
                places[agreement.id, promise.id] = ("agreements", number, "objectives", position)
    of_events = [path for path in measurements if is_event_file(path)]
    others = [path for path in measurements if path not in of_events]
    came = delivered(read_measurements(others).batch) if others else {}
    events = Counter((event.service, event.metric) for path in of_events for event in read_events(path))
    return found + lint_delivered(terms, places, came, events)
