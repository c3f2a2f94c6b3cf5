"""The commands about what services run over."""

from pathlib import Path
from typing import Annotated

import typer

from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, plural

commands = typer.Typer(help="What services run over: resources, dependencies and redundancy.", no_args_is_help=True)

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Files that make one topology together: YAML, CSV, or JSON, also of TMF638 and TMF639: docs/formats.md.",
        metavar="FILE...",
        show_default=False,
    ),
]


@commands.command(epilog="Example:  upheld topology check services.json resources.json --agreements portfolio.yaml")
def check(
    files: Files,
    agreements: Annotated[
        Path | None, typer.Option(help="Whose services are looked for in it, a YAML file.", metavar="AGREEMENTS.yaml")
    ] = None,
) -> None:
    """Count what files hold, and say what is to be looked at: names that nothing describes, services of agreements that
    run over nothing, alternatives that are none, relationships that say nothing of what depends on what.

    Exit status: 0 nothing is, 1 something is, 2 the input is wrong.
    """
    from upheld.analysis.topology import joined
    from upheld.readers.faults import InputError
    from upheld.readers.portfolio import read_portfolio
    from upheld.readers.topology import read_topology
    from upheld.reports.topology import counts, doubts

    try:
        topology, unread = read_topology(*files)
        portfolio = None if agreements is None else read_portfolio(agreements)
    except InputError as error:
        raise input_exit(error) from None
    services = set() if portfolio is None else {name for one in portfolio.agreements for name in one.services}
    whole = topology if portfolio is None else joined(topology, portfolio.resources, dict.fromkeys(services, ()))
    found = counts(whole)
    redundant = f", {found['redundant']:,} of them redundant" if found["redundant"] else ""
    typer.echo(
        f"{found['services']:,} {plural(found['services'], 'service')}, "
        f"{found['resources']:,} {plural(found['resources'], 'resource')}, "
        f"{found['dependencies']:,} {'dependency' if found['dependencies'] == 1 else 'dependencies'}{redundant}"
    )
    sentences = list(doubts(whole, services, unread))
    for sentence in sentences:
        typer.echo(sentence)
    raise typer.Exit(NOT_ALL_MET if sentences else ALL_MET)
