"""The commands about taking measurements in: what labelled samples become, and what was set aside."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask
from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, plural, refuse

if TYPE_CHECKING:
    from upheld.agreements.terms import Term
    from upheld.measurements.mapping import Mapping as SampleMapping
    from upheld.reports.mapped import Mapped

commands = typer.Typer(
    help="Measurements taken in: what they become, and what could not be taken.", no_args_is_help=True
)

Letters = Annotated[
    list[str] | None, typer.Argument(help="Ids of dead letters.", metavar="[ID]...", show_default=False)
]
Reason = Annotated[
    str | None, typer.Option(help="Those of this reason: malformed, refused, future ...", show_default=False)
]
MappingFile = Annotated[Path, typer.Argument(help="The mapping: docs/ingestion.md.", metavar="MAPPING.yaml")]


@commands.command(
    epilog="Examples:  upheld ingest check mapping.yaml portfolio.yaml metrics.txt, or the same with alarms.json"
)
def check(
    mapping: MappingFile,
    agreements: Annotated[Path, typer.Argument(help="The agreements, a YAML file.", metavar="AGREEMENTS.yaml")],
    samples: Annotated[
        Path,
        typer.Argument(
            help="Samples in Prometheus' text form, as a /metrics page shows them; or, with a name that ends in .json, "
            "alarms: a webhook of Alertmanager, or alarms or notifications of TMF642, one or a list.",
            metavar="SAMPLES",
        ),
    ],
) -> None:
    """Show what each sample would become, which objectives read it, and which objectives no sample is for; of alarms,
    the events that they would open, and which objectives of kind duration no rule for alarms feeds.

    Exit status: 0 every sample or alarm is read and every objective has one, or a rule; 1 some are not; 2 the input is
    wrong.
    """
    from rich.console import Console

    from upheld.agreements.terms import compile_terms
    from upheld.cli.alarm_check import called, check_alarms
    from upheld.readers.alarm_files import read_alarms
    from upheld.readers.faults import InputError
    from upheld.readers.mapping import read_mapping, read_samples
    from upheld.readers.portfolio import read_portfolio
    from upheld.reports.mapped import mapped_table

    try:
        rules, terms = read_mapping(mapping), compile_terms(read_portfolio(agreements).agreements)
        if samples.suffix == ".json":
            raise typer.Exit(ALL_MET if check_alarms(rules, terms, read_alarms(samples)) else NOT_ALL_MET)
        found = read_samples(samples)
    except InputError as error:
        raise input_exit(error) from None
    rows = list(_mapped(rules, terms, found))
    Console().print(mapped_table(rows))
    came = {measured for row in rows if row.read_by for measured in _measured(row)}
    measured = [term for term in terms if term.indicator.kind != "duration"]
    without = sorted({f"{called(term)} ({s} {m})" for term in measured for s, m in term.series if (s, m) not in came})
    for objective in without:
        typer.echo(f"no sample is for {objective}")
    raise typer.Exit(ALL_MET if all(row.read_by for row in rows) and not without else NOT_ALL_MET)


@commands.command()
def apply(mapping: MappingFile, key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """Put a mapping in force on a server."""
    from upheld.readers.faults import InputError
    from upheld.readers.mapping import read_mapping

    try:
        read_mapping(mapping)
    except InputError as error:
        raise input_exit(error) from None
    headers = {"Content-Type": "application/yaml"}
    answer = ask("PUT", url, key, "/v1/mapping", content=mapping.read_bytes(), headers=headers)
    typer.echo(f"{mapping} is in force as version {answer['version']}")


@commands.command()
def series(key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """List the series that a server was sent since it started, and what each becomes."""
    from rich.console import Console

    from upheld.reports.mapped import Mapped, mapped_table

    rows = [
        Mapped(
            labels=one["labels"],
            service=one.get("service"),
            metric=one.get("metric"),
            value=None,
            read_by=("objectives in force",) if one["read"] else (),
            reason=one.get("reason", ""),
        )
        for one in ask("GET", url, key, "/v1/mapping/series")["series"]
    ]
    Console().print(mapped_table(rows))


@commands.command()
def senders(key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """List who delivers: when last, how much, how far their clocks are from the server's, what repeated or contradicted
    what came before, and the last error."""
    from rich.console import Console

    from upheld.reports.senders import senders_table

    found = ask("GET", url, key, "/v1/senders")["senders"]
    if not found:
        typer.echo("nobody has delivered anything yet")
        return
    Console().print(senders_table(found))


@commands.command("dead-letters")
def dead_letters(
    key: ServerKey,
    reason: Reason = None,
    state: Annotated[str | None, typer.Option(help="waiting, replayed or discarded.")] = "waiting",
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """List what could not be taken in and was set aside, newest first."""
    from rich.console import Console

    from upheld.reports.set_aside import dead_letters_table

    query = {"state": state, **({"reason": reason} if reason else {})}
    answer = ask("GET", url, key, "/v1/dead-letters", params=query)
    Console().print(dead_letters_table(answer["dead_letters"]))
    if answer["dropped"]:
        typer.echo(f"{answer['dropped']:,} were dropped for want of room before anyone had dealt with them")


@commands.command(epilog="Example:  upheld ingest replay --reason malformed")
def replay(
    key: ServerKey,
    ids: Letters = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    reason: Reason = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Take in again what was set aside, by the path that it came by; what fails again waits on.

    Exit status: 0 all were taken, 1 some wait on, 2 the request was wrong.
    """
    from upheld.measurements.dead_letters import held
    from upheld.reports.set_aside import faults_text

    left = 0
    for letter in _chosen(key, url, ids, every, reason):
        came = ask("POST", url, key, f"/v1/dead-letters/{quote(letter, safe='')}/replay")
        count = came["taken"]
        done = came["state"] == "replayed"
        outcome = "replayed" if done else f"waits on, {came['reason']}: {faults_text(came['detail'])}"
        typer.echo(f"{letter}: {count:,} {plural(count, held(came['protocol']))} taken; {outcome}")
        left += not done
    raise typer.Exit(NOT_ALL_MET if left else ALL_MET)


@commands.command()
def discard(
    key: ServerKey,
    ids: Letters = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    reason: Reason = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Give up what was set aside."""
    for letter in _chosen(key, url, ids, every, reason):
        ask("POST", url, key, f"/v1/dead-letters/{quote(letter, safe='')}/discard")
        typer.echo(f"{letter}: discarded")


def _measured(row: "Mapped") -> "Iterator[tuple[str, str]]":
    """What a row that is read measures: of a part of a ratio the ratio itself."""
    from upheld.measurements.parts import part_of

    if row.service is not None and row.metric is not None:
        part = part_of(row.metric)
        yield row.service, row.metric if part is None else part[0]


def _chosen(key: str, url: str, ids: list[str] | None, every: bool, reason: str | None) -> list[str]:
    """The ids that are meant, oldest first."""
    if [bool(ids), every, reason is not None].count(True) != 1:
        refuse("give ids, or --all, or --reason")
    if ids:
        return ids
    query = {"state": "waiting", "limit": 5000, **({"reason": reason} if reason else {})}
    found = ask("GET", url, key, "/v1/dead-letters", params=query)["dead_letters"]
    if not found:
        typer.echo("none waits")
    return [letter["id"] for letter in reversed(found)]


def _mapped(
    mapping: "SampleMapping", terms: "Sequence[Term]", samples: Sequence[tuple[Mapping[str, str], float]]
) -> "Iterator[Mapped]":
    from upheld.cli.alarm_check import called
    from upheld.measurements.mapping import Unmapped, place
    from upheld.measurements.parts import faults, part_of
    from upheld.readers.tables import forms_read
    from upheld.reports.mapped import Mapped

    forms = forms_read(terms)
    found_of = [place(mapping, labels) for labels, _ in samples]
    unpaired = faults((found.service, found.metric) for found in found_of if not isinstance(found, Unmapped))
    for (labels, value), found in zip(samples, found_of, strict=True):
        if isinstance(found, Unmapped):
            yield Mapped(labels, None, None, None, (), found.reason)
            continue
        key = found.service, found.metric
        text = format((Decimal(repr(value)) * found.scale).normalize(), "f")
        part = part_of(found.metric)
        measured = key if part is None else (found.service, part[0])
        if key in unpaired:
            yield Mapped(labels, *key, text, (), unpaired[key])
        elif ("values" if part is None else "counts") in forms.get(measured, ()):
            readers = tuple(dict.fromkeys(called(term) for term in terms if measured in term.series))
            yield Mapped(labels, *key, text, readers)
        else:
            said = "objectives read good and total counts of it" if part is None else "objectives read values of it"
            reason = said if measured in forms else "no objective reads it"
            yield Mapped(labels, *key, text, (), reason)
