"""The commands about what services run over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask
from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, instant, plural, say

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
    typer.echo(_counted(counts(whole)))
    sentences = list(doubts(whole, services, unread))
    for sentence in sentences:
        typer.echo(sentence)
    raise typer.Exit(NOT_ALL_MET if sentences else ALL_MET)


@commands.command(epilog="Example:  upheld topology apply services.json resources.json")
def apply(files: Files, key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """Put the topology that files make together in force on a server, in place of the one before."""
    from upheld.readers.faults import InputError
    from upheld.readers.topology import read_topology
    from upheld.reports.topology import topology_document

    try:
        topology, _ = read_topology(*files)
    except InputError as error:
        raise input_exit(error) from None
    answer = ask("PUT", url, key, "/v1/topology", json=topology_document(topology))
    typer.echo(f"{_counted(answer)} are in force as version {answer['version']}")


@commands.command()
def show(key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """Print the topology in force on a server as JSON, which `apply` takes."""
    import json

    answer = ask("GET", url, key, "/v1/topology")
    if answer.pop("version") is None:
        say("no topology was put in force: of resources, what the agreements say of them is all that is known")
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


@commands.command(epilog="Example:  upheld topology impact line-7 line-8 --at 2026-06-01T00:00:00Z")
def impact(
    nodes: Annotated[list[str], typer.Argument(help="What fails, together.", metavar="NODE...", show_default=False)],
    key: ServerKey,
    at: Annotated[
        str | None, typer.Option(help="When, an instant [default: now].", metavar="INSTANT", show_default=False)
    ] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Say which services and customers are hit if something fails, and which are left without redundancy."""
    instant("--at", at)
    query = {"node": nodes, **({} if at is None else {"at": at})}
    answer = ask("GET", url, key, "/v1/topology/impact", params=query)
    typer.echo(f"{', '.join(answer['nodes'])} at {answer['at']}")
    for what, said in (("hit", "hit"), ("unprotected", "without redundancy")):
        for kind in ("service", "customer"):
            found = answer[what][f"{kind}s"]
            named = f": {', '.join(found['names'])}" if found["count"] else ""
            more = ", ..." if found["count"] > len(found["names"]) else ""
            typer.echo(f"{found['count']:,} {plural(found['count'], kind)} {said}{named}{more}")


def _counted(found: Mapping[str, int]) -> str:
    """`2 services, 3 resources, 4 dependencies`, and how many of these are redundant."""
    redundant = f", {found['redundant']:,} of them redundant" if found["redundant"] else ""
    return (
        f"{found['services']:,} {plural(found['services'], 'service')}, "
        f"{found['resources']:,} {plural(found['resources'], 'resource')}, "
        f"{found['dependencies']:,} {'dependency' if found['dependencies'] == 1 else 'dependencies'}{redundant}"
    )
