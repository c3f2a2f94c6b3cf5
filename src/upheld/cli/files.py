"""The commands that work on files alone: assess and test."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, instant, plural, progress, refuse, say

if TYPE_CHECKING:
    import pyarrow as pa

    from upheld.agreements.model import Portfolio
    from upheld.agreements.terms import Term
    from upheld.assessment.verdict import Verdict
    from upheld.assessment.versions import Version
    from upheld.measurements.events import ServiceEvent
    from upheld.measurements.exclusions import Exclusion
    from upheld.readers.scenario import Scenario

commands = typer.Typer()


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    PARQUET = "parquet"


class Engine(StrEnum):
    LOCAL = "local"
    SPARK = "spark"


@commands.command(
    epilog="Example:  upheld assess agreements.yaml june.parquet july.csv --exclusions exclusions.csv "
    "--as-of 2026-08-01T00:00:00Z --format json"
)
def assess(
    agreements: Annotated[Path, typer.Argument(help="The agreements, a YAML file.", metavar="AGREEMENTS.yaml")],
    measurements: Annotated[
        list[Path],
        typer.Argument(
            help="Files of measurements: .csv, .csv.gz, .parquet, .arrow, .feather or .ipc, in any order. Of rows of "
            "the same service, metric and time, the one with the latest known_at holds.",
            metavar="MEASUREMENTS...",
        ),
    ],
    exclusions: Annotated[
        Path | None,
        typer.Option(help="What does not count: a CSV, Parquet, Arrow or YAML file.", metavar="FILE"),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Assess up to this instant, such as 2026-07-01T00:00:00Z. By default the end of the last slot that "
            "holds a measurement.",
            metavar="INSTANT",
        ),
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option(
            help="Count only what was known at this instant, and what had not been revoked then: the report of that "
            "day again. By default everything counts.",
            metavar="INSTANT",
        ),
    ] = None,
    with_history: Annotated[
        bool,
        typer.Option(
            "--history",
            help="Print every version of each verdict: when it came to be known, why, who approved it, and the figures "
            "before and after.",
        ),
    ] = False,
    output_format: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(help="Write to this file instead of the standard output.", metavar="FILE")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Where to compute; spark is not in this version.")] = Engine.LOCAL,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse what is otherwise only noted: services and agreements that are not in AGREEMENTS.yaml, "
            "measurements of a form that no objective reads, and measurements that contradict each other.",
        ),
    ] = False,
    fail_on_no_data: Annotated[
        bool,
        typer.Option("--fail-on-no-data", help="End with 1 also where a verdict is without data, or there is none."),
    ] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Assess by the plain model that defines the rules; slow.")
    ] = False,
) -> None:
    """Assess agreements on files of measurements: one verdict for each objective of each service in each period.

    Exit status: 0 all met (or without data, which is said on the standard error; see --fail-on-no-data), 1 some
    violated or at risk, 2 the input is wrong; each fault is named on the standard error with its file, line or row,
    and field.
    """
    from upheld.readers.faults import InputError

    end, known = instant("--as-of", as_of), instant("--known-at", known_at)
    if engine is Engine.SPARK:
        refuse("--engine spark is not available in this version; use --engine local")
    if output_format is Format.PARQUET and output is None and sys.stdout.isatty():
        refuse("Parquet is not for terminals; give --output FILE or send it to a pipe")
    if with_history and (output_format is Format.PARQUET or reference):
        refuse("--history is printed as a table or as JSON, and not by --reference")
    try:
        portfolio, verdicts, histories = _assess_files(
            agreements, measurements, exclusions, end, known, strict, reference, with_history
        )
    except InputError as error:
        raise input_exit(error) from None
    _write(output_format, output, portfolio, verdicts, histories)
    if not verdicts:
        say("no verdict: no agreement was valid in the time that was assessed")
    without = sum(verdict.status == "no_data" for verdict in verdicts)
    if without:
        say(f"no data: {without:,} of {len(verdicts):,} {plural(len(verdicts), 'verdict')}")
    broken = any(verdict.status in ("violated", "at_risk") for verdict in verdicts)
    broken |= fail_on_no_data and (without > 0 or not verdicts)
    raise typer.Exit(NOT_ALL_MET if broken else ALL_MET)


def _assess_files(
    agreements: Path,
    measurements: Sequence[Path],
    exclusions: Path | None,
    as_of: int | None,
    known_at: int | None,
    strict: bool,
    reference: bool,
    with_history: bool,
) -> "tuple[Portfolio, list[Verdict], list[tuple[Version, ...]] | None]":
    from upheld.agreements.terms import compile_terms
    from upheld.agreements.units import DAY, format_instant, to_microseconds
    from upheld.measurements.exclusions import stands
    from upheld.readers.deliveries import read_deliveries
    from upheld.readers.exclusions import read_exclusions
    from upheld.readers.portfolio import read_portfolio

    with progress() as bar:
        reading = bar.add_task("reading", total=len(measurements) + 1)
        portfolio = read_portfolio(agreements)
        terms = compile_terms(portfolio.agreements)
        services, ids = {name for term in terms for name in term.subjects}, {term.agreement for term in terms}
        named = (services, ids) if strict else (None, None)
        excluded = [] if exclusions is None else read_exclusions(exclusions, *named)
        delivery = read_deliveries(
            measurements,
            terms,
            as_rows=reference or with_history,
            known_at=known_at,
            strict=strict,
            services=services,
            on_file=lambda path: bar.update(reading, advance=1, description=f"reading {path.name}"),
        )
        batch, latest, events = delivery.batch, delivery.latest, delivery.events
        if latest is not None and latest > to_microseconds(datetime.now(UTC)) + DAY:
            refuse(f"a measurement at {format_instant(latest)} lies in the future: is its date right?")
        told = [x for x in excluded if known_at is None or x.known_at <= known_at]
        excluded = [x for x in excluded if stands(x, known_at)]
        end = delivery.ends if as_of is None else as_of
        bar.update(reading, completed=len(measurements) + 1, description="read")
        for note in (*delivery.notes, *_unused(excluded, services, ids)):
            say(note)
        if end is None:
            then = "" if known_at is None else f", as known by {format_instant(known_at)}"
            refuse(f"no measurement is left to assess{then}; give --as-of to assess without any")
        bar.add_task(f"assessing {batch.num_rows:,} measurements", total=None)
        since = end - 1 if delivery.begins is None else delivery.begins
        histories = _histories(terms, batch, told, events, end, known_at) if with_history else None
        if histories is None:
            verdicts = _verdicts(terms, batch, excluded, events, end, since, reference)
        else:
            verdicts = [versions[-1].verdict for versions in histories]
    still = sum(verdict.period_end > end for verdict in verdicts)
    if still and as_of is None:
        are, them = ("is", "it") if still == 1 else ("are", "them")
        say(
            f"{still:,} {plural(still, 'period')} {are} not over at {format_instant(end)}; give --as-of to close {them}"
        )
    return portfolio, verdicts, histories


def _verdicts(
    terms: "Sequence[Term]",
    batch: "pa.Table",
    exclusions: "Sequence[Exclusion]",
    events: "Sequence[ServiceEvent]",
    as_of: int,
    since: int,
    reference: bool,
) -> "list[Verdict]":
    if reference:
        from upheld.assessment.reference import assess as assess_plainly
        from upheld.measurements.model import from_table

        return assess_plainly(terms, from_table(batch), exclusions, as_of, since=since, events=events)
    from upheld.assessment.advance import assess as assess_columns

    return assess_columns(terms, batch, exclusions, as_of, since=since, events=events)


def _histories(
    terms: "Sequence[Term]",
    batch: "pa.Table",
    exclusions: "Sequence[Exclusion]",
    events: "Sequence[ServiceEvent]",
    as_of: int,
    known_at: int | None,
) -> "list[tuple[Version, ...]]":
    from upheld.assessment.history import history

    return history(terms, batch, exclusions, as_of, known_at=known_at, events=events)


def _unused(exclusions: "Sequence[Exclusion]", services: set[str], agreements: set[str]) -> Iterator[str]:
    from upheld.measurements.exclusions import EVERY_SERVICE

    unknown = {
        "a service that no agreement names": [
            x.service for x in exclusions if x.service not in services and x.service != EVERY_SERVICE
        ],
        "an agreement that there is not": [
            x.agreement for x in exclusions if x.agreement is not None and x.agreement not in agreements
        ],
    }
    for what, names in unknown.items():
        if names:
            shown = ", ".join(sorted(set(names))[:5])
            yield f"{len(names):,} {plural(len(names), 'exclusion')} of {what} left out: {shown}"


def _write(
    output_format: Format,
    output: Path | None,
    portfolio: "Portfolio",
    verdicts: "list[Verdict]",
    histories: "list[tuple[Version, ...]] | None",
) -> None:
    try:
        match output_format:
            case Format.TABLE:
                _write_table(output, portfolio, verdicts, histories)
            case Format.JSON:
                from upheld.reports.documents import to_json
                from upheld.reports.history import history_json

                text = to_json(verdicts) if histories is None else history_json(histories)
                _write_bytes(output, text.encode())
            case Format.PARQUET:
                from upheld.reports.documents import to_parquet

                _write_bytes(output, to_parquet(verdicts))
    except BrokenPipeError:
        raise  # who reads the output has had enough: the command ends quietly
    except OSError as error:
        refuse(f"{output or 'the standard output'} cannot be written: {error.strerror or error}")


def _write_table(
    output: Path | None,
    portfolio: "Portfolio",
    verdicts: "list[Verdict]",
    histories: "list[tuple[Version, ...]] | None",
) -> None:
    from rich.console import Console

    from upheld.reports.history import history_table
    from upheld.reports.table import verdict_table

    zones = {agreement.id: agreement.time_zone for agreement in portfolio.agreements}
    table = verdict_table(verdicts, zones) if histories is None else history_table(histories, zones)
    if output is None:
        Console().print(table)
        return
    with output.open("w", encoding="utf-8") as stream:
        Console(file=stream, width=120).print(table)


def _write_bytes(output: Path | None, data: bytes) -> None:
    if output is not None:
        output.write_bytes(data)
        return
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@commands.command("test", epilog="Example:  upheld test scenarios/*.yaml")
def run_scenarios(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files.", metavar="SCENARIO.yaml...")],
    reference: Annotated[
        bool, typer.Option("--reference", help="Assess by the plain model that defines the rules; slow.")
    ] = False,
) -> None:
    """Run agreements against scenarios and print what differs from what they expect.

    Exit status: 0 all as expected, 1 something differs, 2 a scenario is wrong; each fault is named on the standard
    error with its file, line and field.
    """
    from upheld.readers.faults import InputError
    from upheld.readers.scenario import read_scenario

    status = 0
    with progress() as bar:
        task = bar.add_task("testing", total=len(scenarios))
        for path in scenarios:
            bar.update(task, description=f"testing {path.name}")
            try:
                scenario = read_scenario(path)
            except InputError as error:
                status = max(status, input_exit(error).exit_code)
                continue
            finally:
                bar.advance(task)
            status = max(status, _run(scenario, reference))
    raise typer.Exit(status)


def _run(scenario: "Scenario", reference: bool) -> int:
    from upheld.agreements.units import format_instant
    from upheld.reports.differences import differences

    compared, differing = 0, 0
    for expectation in scenario.expect:
        batch, exclusions = scenario.known(expectation.at)
        events = scenario.known_events(expectation.at)
        verdicts = _verdicts(scenario.terms, batch, exclusions, events, expectation.at, scenario.since, reference)
        for expected in expectation.verdicts:
            found = differences(expected, verdicts)
            compared += 1
            differing += bool(found)
            for difference in found:
                typer.echo(f"{scenario.name}:{expected.line}: at {format_instant(expectation.at)}: {difference}")
    outcome = f"{differing:,} of {compared:,} verdicts differ" if differing else f"{compared:,} as expected"
    typer.echo(f"{scenario.name}: {outcome}")
    return NOT_ALL_MET if differing else ALL_MET
