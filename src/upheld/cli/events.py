"""The commands about where events for other systems are sent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask
from upheld.cli.terminal import UNREACHABLE, input_exit, refuse, say

if TYPE_CHECKING:
    from upheld.sinks.declared import Sink

commands = typer.Typer(help="Where events for other systems are sent.", no_args_is_help=True)


@commands.command(epilog="Example:  upheld events check sinks.yaml --connect")
def check(
    sinks: Annotated[Path, typer.Argument(help="The sinks: docs/events.md.", metavar="SINKS.yaml")],
    connect: Annotated[
        bool, typer.Option("--connect", help="Look whether each broker is there. Nothing is sent.")
    ] = False,
) -> None:
    """Say what is understood of a file of sinks, and with --connect whether each broker can be reached.

    A server sends to them when it is started with UPHELD_EVENTS=SINKS.yaml. Exit status: 0 all is well, 2 the file is
    wrong, 3 a broker cannot be reached.
    """
    from upheld.brokers.servers import MissingClient
    from upheld.readers.faults import InputError
    from upheld.sinks.declared import place_of, read_sinks
    from upheld.sinks.sending import check_installed

    try:
        declared = read_sinks(sinks)
        for sink in declared:
            check_installed(sink)
    except InputError as error:
        raise input_exit(error) from None
    except MissingClient as error:
        refuse(str(error))
    failed = False
    for sink in declared:
        types = ", ".join(sink.types) or "every type"
        typer.echo(f"{sink.id}: {sink.kind}, {place_of(sink)}, {types}, tenant {sink.tenant}")
        if connect and sink.kind != "webhook":
            fault = _fault(sink)
            typer.echo(f"  {fault or 'is there'}")
            failed = failed or fault is not None
    if failed:
        raise typer.Exit(UNREACHABLE)


def _fault(sink: "Sink") -> str | None:
    import asyncio

    from upheld.sinks.delivering import told
    from upheld.sinks.sending import open_broker

    async def look() -> None:
        await (await open_broker(sink)).close()

    try:
        asyncio.run(asyncio.wait_for(look(), 30))
    except Exception as error:
        return f"cannot be reached: {told(error)}"
    return None


@commands.command()
def status(key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """List every destination of a server: whether it takes what comes, how many events it does not have yet, and what
    failed last."""
    sinks = ask("GET", url, key, "/v1/event-sinks")["sinks"]
    if not sinks:
        say("the server has no destinations: neither UPHELD_EVENTS nor a hub names one, see docs/events.md")
    for sink in sinks:
        state = sink["state"] or "in another process"
        typer.echo(f"{sink['id']}: {sink['kind']}, {sink['place']}, {state}, {sink['lag']:,} behind")
        if sink["error"]:
            typer.echo(f"  {sink['error']}")


@commands.command(epilog="Example:  upheld events replay --sink crm --from 17")
def replay(
    sink: Annotated[str, typer.Option(help="The destination, as upheld events status names it.")],
    start: Annotated[int, typer.Option("--from", help="The position of the first event that is sent again.")],
    key: ServerKey,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Send events again from a position on, with the same ids; with a later position, leave out those before it."""
    answer = ask("POST", url, key, f"/v1/event-sinks/{quote(sink, safe='')}/replay", json={"from": start})
    count = answer["end"] - answer["position"]
    typer.echo(f"{sink} goes on from position {start}: {count:,} to be sent")
