"""The commands that exchange agreements with other tools: import and export."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, input_exit, plural, refuse, say

if TYPE_CHECKING:
    from upheld.readers.openslo import Imported

imports = typer.Typer(help="Make agreements of what other tools have.", no_args_is_help=True)
exports = typer.Typer(help="Give agreements to other tools.", no_args_is_help=True)


class OpenSlo(StrEnum):
    V1 = "v1"
    V2ALPHA = "v2alpha"


_VERSIONS = {OpenSlo.V1: "openslo/v1", OpenSlo.V2ALPHA: "openslo.com/v2alpha"}


@imports.callback()
def _imports() -> None:
    """Make agreements of what other tools have."""


@exports.callback()
def _exports() -> None:
    """Give agreements to other tools."""


@imports.command(
    "openslo", epilog="Example:  upheld import openslo slos.yaml slis.yaml --customer acme --output agreements.yaml"
)
def import_openslo(
    files: Annotated[
        list[Path], typer.Argument(help="OpenSLO files; together they hold all that they refer to.", metavar="FILE...")
    ],
    output: Annotated[
        Path | None, typer.Option(help="Write to this file instead of the standard output.", metavar="FILE")
    ] = None,
    customer: Annotated[
        str, typer.Option(help="Whose agreements they are, where no annotation says.", metavar="NAME")
    ] = "customer",
    valid_from: Annotated[
        str, typer.Option(help="From when they are valid, where no annotation says.", metavar="DATE")
    ] = "1970-01-01",
) -> None:
    """Make an agreements file of OpenSLO files (openslo/v1 and openslo.com/v2alpha).

    Each SLO becomes an objective; those of one service become an agreement. What the queries ask for stands in the file
    as a comment: it is what your collector delivers under each metric's name.

    Exit status: 0 all was taken over, 1 something was not, or not quite: each is named on the standard error with its
    file, line, object and field; 2 the input is wrong.
    """
    from upheld.readers.faults import InputError
    from upheld.readers.openslo import read_openslo

    try:
        imported = read_openslo(files, customer, valid_from)
    except InputError as error:
        raise input_exit(error) from None
    _put(output, _agreements_text(imported, files))
    for fault in imported.left_out:
        typer.echo(str(fault), err=True)
    if imported.left_out:
        say(f"{len(imported.left_out):,} {plural(len(imported.left_out), 'thing')} not taken over as written")
    raise typer.Exit(NOT_ALL_MET if imported.left_out else ALL_MET)


@exports.command("openslo", epilog="Example:  upheld export openslo agreements.yaml --output slos.yaml")
def export_openslo(
    agreements: Annotated[Path, typer.Argument(help="The agreements, a YAML file.", metavar="AGREEMENTS.yaml")],
    output: Annotated[
        Path | None, typer.Option(help="Write to this file instead of the standard output.", metavar="FILE")
    ] = None,
    version: Annotated[OpenSlo, typer.Option("--api-version", help="Which OpenSLO to write.")] = OpenSlo.V1,
) -> None:
    """Write agreements as OpenSLO documents: an SLO for each objective of each service.

    What OpenSLO has no words for stands in annotations (upheld.io/...), so that `upheld import openslo` makes the same
    agreements of them. Contacts and topology stay behind. What other tools cannot see is said on the standard error.

    Exit status: 0 written, 2 the input is wrong.
    """
    from upheld.readers.faults import InputError
    from upheld.readers.portfolio import parse_portfolio
    from upheld.readers.yaml_source import parse_yaml, read_text
    from upheld.reports.openslo import openslo_text, to_openslo

    try:
        text = read_text(agreements)
        portfolio = parse_portfolio(text, str(agreements))
        written = parse_yaml(text, str(agreements)).value
    except InputError as error:
        raise input_exit(error) from None
    export = to_openslo(portfolio, written, _VERSIONS[version])
    _put(output, openslo_text(export.documents))
    for note in export.notes:
        say(note)


def _agreements_text(imported: "Imported", files: list[Path]) -> str:
    from upheld.reports.openslo import block

    lines = [f"From {', '.join(path.name for path in files)}, by upheld import openslo."]
    if imported.collect:
        lines += ["", "What the collector delivers:", *(f"  {line}" for line in imported.collect)]
    head = "\n".join(f"# {line}".rstrip() for line in lines)
    return f"{head}\n{block(imported.document)}"


def _put(output: Path | None, text: str) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{output} cannot be written: {error.strerror or error}")
