"""The command that gives billing what it has to adjust."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask
from upheld.cli.terminal import plural, refuse

commands = typer.Typer(help="What billing has to adjust.", no_args_is_help=True)


@commands.callback()
def _commands() -> None:
    pass


@commands.command(
    epilog="Example:  upheld billing export june.csv --from 2026-06-01T00:00:00Z --to 2026-07-01T00:00:00Z"
)
def export(
    file: Annotated[Path, typer.Argument(help="The file to write: its name ends in .csv or .json.", metavar="FILE")],
    key: ServerKey,
    since: Annotated[
        str | None, typer.Option("--from", help="Told at this instant or later (RFC 3339).", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="And before this one.", show_default=False)] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Write what credits are due, changed or withdrawn, a row each.

    Each row has an id of its own. Files may overlap, and be taken twice: a row whose id is known changes nothing.
    """
    from upheld.outgoing.billing import to_csv

    kind = file.suffix.removeprefix(".").lower()
    if kind not in ("csv", "json"):
        refuse(f"{file}: the name must end in .csv or .json")
    asked = {"since": since, "until": until}
    wanted = {name: value for name, value in asked.items() if value is not None}
    answer = ask("GET", url, key, "/v1/billing-adjustments", params=wanted)["adjustments"]
    text = to_csv(answer) if kind == "csv" else json.dumps(answer, ensure_ascii=False, indent=1) + "\n"
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        unfinished.write_text(text, "utf-8", newline="")
        os.replace(unfinished, file)
    except OSError as error:
        refuse(f"{file} cannot be written: {error.strerror}")
    typer.echo(f"{file}: {len(answer):,} {plural(len(answer), 'adjustment')}")
