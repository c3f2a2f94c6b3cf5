"""The commands about sources that measurements are fetched from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import UNREACHABLE, input_exit, refuse

if TYPE_CHECKING:
    from upheld.sources.declared import Declared

commands = typer.Typer(help="Sources that measurements are fetched from.", no_args_is_help=True)


@commands.callback()
def _commands() -> None:
    pass


@commands.command(epilog="Example:  upheld sources check sources.yaml --connect")
def check(
    sources: Annotated[Path, typer.Argument(help="The sources: docs/ingestion.md.", metavar="SOURCES.yaml")],
    connect: Annotated[
        bool, typer.Option("--connect", help="Look whether each is there. No message or file is taken.")
    ] = False,
) -> None:
    """Say what is understood of a file of sources, and with --connect whether each can be reached.

    A server fetches from them when it is started with UPHELD_SOURCES=SOURCES.yaml. Exit status: 0 all is well, 2 the
    file is wrong, 3 a source cannot be reached.
    """
    from upheld.brokers.servers import MissingClient
    from upheld.readers.faults import InputError
    from upheld.sources.declared import place_of, read_declaration
    from upheld.sources.running import check_installed

    try:
        declared = read_declaration(sources).sources
        check_installed(declared)
    except InputError as error:
        raise input_exit(error) from None
    except MissingClient as error:
        refuse(str(error))
    failed = False
    for source in declared:
        typer.echo(f"{source.id}: {source.kind}, {place_of(source)}, {_reading(source)}, tenant {source.tenant}")
        if connect:
            found, reached = _probed(source)
            typer.echo(f"  {found}")
            failed = failed or not reached
    if failed:
        raise typer.Exit(UNREACHABLE)


def _reading(source: "Declared") -> str:
    kind = source.format or "format by name"
    bad = "bad rows apart" if source.bad_rows == "apart" else "a bad row sets the whole aside"
    unread = "left out" if source.unread == "leave_out" else "set aside"
    return f"{kind}, {bad}, what no objective reads is {unread}"


def _probed(source: "Declared") -> tuple[str, bool]:
    """What was found of a source, and whether it can be reached."""
    import asyncio

    from upheld.sources.consuming import told
    from upheld.sources.declared import FolderSource
    from upheld.sources.feeds import probe
    from upheld.sources.files import Folder

    try:
        if isinstance(source, FolderSource):
            files = Folder(source).look()
            return f"{len(files):,} {'file waits' if len(files) == 1 else 'files wait'}", True
        return asyncio.run(asyncio.wait_for(probe(source), 30)), True
    except Exception as error:
        return f"cannot be reached: {told(error)}", False
