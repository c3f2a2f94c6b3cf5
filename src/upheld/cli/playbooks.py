"""The commands about playbooks: check, rehearse, put in force."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from upheld.cli.server import DEFAULT_URL, ServerUrl, ask
from upheld.cli.server import ServerKey as RequiredKey
from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, plural, refuse, say

if TYPE_CHECKING:
    from upheld.actions.playbook import Playbooks
    from upheld.agreements.model import Agreement, Portfolio
    from upheld.cases.model import Case, Event

commands = typer.Typer(help="Playbooks: what is done when something happens to a case.", no_args_is_help=True)

PlaybookFile = Annotated[Path, typer.Argument(help="The playbooks: docs/playbooks.md.", metavar="PLAYBOOKS.yaml")]
ServerKey = Annotated[
    str | None,
    typer.Option("--key", envvar="UPHELD_KEY", help="An operator's API key, for --server.", show_default=False),
]


@commands.command()
def check(playbooks: PlaybookFile) -> None:
    """Check a playbooks file: each fault with its line and field.

    Exit status: 0 it can be put in force, 2 it cannot.
    """
    from upheld.readers.faults import InputError
    from upheld.readers.playbooks import read_playbooks

    try:
        found = read_playbooks(playbooks)
    except InputError as error:
        raise input_exit(error) from None
    _warn(found)
    steps, count = sum(len(one.steps) for one in found.playbooks), len(found.playbooks)
    typer.echo(f"{playbooks}: {count} {plural(count, 'playbook')} with {steps} {plural(steps, 'step')}, no fault")


@commands.command(
    "test",
    epilog="Examples:  upheld playbook test playbooks.yaml --case case.json --agreements portfolio.yaml, or upheld "
    "playbook test playbooks.yaml --server C-1A2B3C4D5E",
)
def rehearse_case(
    playbooks: PlaybookFile,
    case: Annotated[
        Path | None,
        typer.Option(help="A recorded case, as GET /v1/cases/{id} gives it.", metavar="CASE.json", show_default=False),
    ] = None,
    agreements: Annotated[
        Path | None,
        typer.Option(
            help="The portfolio: service hours, time zone and tier are read from it. Without it every hour is one of "
            "service, in UTC, and no customer has a tier.",
            metavar="AGREEMENTS.yaml",
            show_default=False,
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help="The id of a case on the server; its agreements are read there.", metavar="ID", show_default=False
        ),
    ] = None,
    key: ServerKey = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Run playbooks against a recorded case, and take no step: which begin at which event, and each step with the
    instant at which it would be taken, its deadline and its owner.

    Every step is thought to end well at once; that the service was restored in time is read from the case.

    Exit status: 0 some playbook begins, 1 none does, 2 the input is wrong.
    """
    from upheld.actions.rehearsal import rehearse, unmet
    from upheld.readers.case_files import case_of, read_case
    from upheld.readers.faults import InputError
    from upheld.readers.playbooks import read_playbooks
    from upheld.readers.portfolio import read_portfolio
    from upheld.reports.playbooks import rehearsal_lines, unmet_lines

    if (case is None) == (server is None):
        refuse("give --case CASE.json, or --server ID")
    try:
        found = read_playbooks(playbooks)
        portfolio: Portfolio | None = None
        if server is not None:
            recorded, events = case_of(_asked(key, url, f"/v1/cases/{quote(server, safe='')}"), server)
            portfolio = _portfolio(_asked(key, url, "/v1/agreements"))
        else:
            assert case is not None, "one of the two was given"
            recorded, events = read_case(case)
            portfolio = None if agreements is None else read_portfolio(agreements)
            if portfolio is None:
                say("no --agreements: every hour counts as one of service, in UTC, and no customer has a tier")
    except InputError as error:
        raise input_exit(error) from None
    agreement, tier = _terms(portfolio, recorded, events)
    rows = rehearse(found, recorded, events, agreement, tier)
    if not rows:
        typer.echo(f"no playbook begins in case {recorded.id}")
        for line in unmet_lines(found, unmet(found, recorded, events, agreement, tier)):
            typer.echo(line)
        raise typer.Exit(NOT_ALL_MET)
    for line in rehearsal_lines(rows):
        typer.echo(line)
    raise typer.Exit(ALL_MET)


@commands.command()
def apply(playbooks: PlaybookFile, key: RequiredKey, url: ServerUrl = DEFAULT_URL) -> None:
    """Put playbooks in force on a server, in place of those before. What has begun goes on as it was."""
    from upheld.readers.faults import InputError
    from upheld.readers.playbooks import read_playbooks

    try:
        found = read_playbooks(playbooks)
    except InputError as error:
        raise input_exit(error) from None
    _warn(found)
    headers = {"Content-Type": "application/yaml"}
    answer = ask("PUT", url, key, "/v1/playbooks", content=playbooks.read_bytes(), headers=headers)
    typer.echo(f"{playbooks} is in force as version {answer['version']}")


def _warn(playbooks: "Playbooks") -> None:
    """What is allowed and hardly meant. One's own playbooks take the place of the built-in ones, of which one delivers
    escalations."""
    from upheld.actions.runs import by_case

    if not any("escalated" in one.when.event for one in playbooks.playbooks):
        say("no playbook has event escalated: when a customer says that it is not solved, nobody is called for it")
    for one in playbooks.playbooks:
        if by_case(one) and any(step.do in REACHING for step in one.steps):
            say(
                f"playbook {one.id} deals with credits, so each case of an outage has its steps for itself, "
                "with tickets and pages of its own: put the steps about credits into another playbook"
            )


def _asked(key: str | None, url: str, path: str) -> Any:
    if key is None:
        refuse("--server needs an API key: --key, or UPHELD_KEY")
    return ask("GET", url, key, path)


def _portfolio(written: dict[str, Any]) -> "Portfolio | None":
    """The portfolio as the server has it. Its secrets are not shown, so what needs them is left out."""
    from upheld.readers.portfolio import parse_portfolio
    from upheld.reports.openslo import block

    if written.pop("version") is None:
        return None
    for party in (*written.get("customers", ()), *filter(None, [written.get("provider")])):
        party["contacts"] = {role: [] for role in party.get("contacts", {})}
    return parse_portfolio(block(written), "the server's agreements")


def _terms(portfolio: "Portfolio | None", case: "Case", events: "list[Event]") -> "tuple[Agreement, str | None]":
    """The agreement of a case, and its customer's tier: without the portfolio, one that is always in service."""
    from upheld.agreements.model import in_force
    from upheld.readers.portfolio import parse_portfolio

    if portfolio is not None:
        agreement = in_force(portfolio.agreements, case.agreement, events[0].at)
        if agreement is not None:
            tiers = {customer.id: customer.tier for customer in portfolio.customers}
            return agreement, tiers.get(case.customer)
        say(f"the portfolio has no agreement {case.agreement!r}: every hour counts as one of service, in UTC")
    bare = parse_portfolio(_BARE, "a bare agreement")
    return bare.agreements[0], None


REACHING = ("ticket", "escalate", "page", "webhook")
"""Steps by which somebody outside is told."""
_BARE = """
agreements:
  - id: bare
    customer: bare
    valid: {from: 1970-01-01}
    services: [bare]
    objectives:
      - id: bare
        indicator: {kind: availability, metric: bare, good_when: ">= 1", slot: 1m}
        period: {calendar: day}
        target: 99 %
"""
