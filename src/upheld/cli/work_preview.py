"""The command that says what a planned work would do: `upheld maintenance preview`."""

from enum import StrEnum
from typing import Annotated

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask, windows_of
from upheld.cli.terminal import instant

EXAMPLE = (
    "Example:  upheld maintenance preview --start 2026-06-10T22:00:00Z --end 2026-06-11T02:00:00Z --service switch-1"
)


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


def preview(
    start: Annotated[list[str], typer.Option(help="Start of the window, RFC 3339 with its zone; one for each window.")],
    end: Annotated[list[str], typer.Option(help="End of the window; as many as there are starts.")],
    service: Annotated[list[str], typer.Option(help="An affected service or resource; may be given several times.")],
    key: ServerKey,
    earliest: Annotated[
        str | None,
        typer.Option(help="Look for a better window from this instant on [default: now].", show_default=False),
    ] = None,
    latest: Annotated[
        str | None,
        typer.Option(help="... that ends by this instant [default: four weeks after END].", show_default=False),
    ] = None,
    emergency: Annotated[bool, typer.Option("--emergency", help="It cannot wait: terms for emergency work.")] = False,
    kind: Annotated[str, typer.Option(help="maintenance, migration, test or end_of_service.")] = "maintenance",
    hours: Annotated[str, typer.Option(help="Hours preferred for work, in each agreement's zone.")] = "22:00-06:00",
    limit: Annotated[int, typer.Option(help="How many agreements are listed, the dearest first.", min=0)] = 100,
    output_format: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TABLE,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Say what a planned work would do, before it is announced: what it takes down, what there is to be warned of,
    what it would cost under each agreement if its window counts as excluded and if it does not, and which windows would
    be better. Nobody is told.
    """
    for name, given in (("--start", start), ("--end", end)):
        for text in given:
            instant(name, text)
    instant("--earliest", earliest)
    instant("--latest", latest)
    search = {"earliest": earliest, "latest": latest, "hours": hours}
    wanted = {
        **windows_of(start, end),
        "services": service,
        "emergency": emergency,
        "kind": kind,
        "limit": limit,
        "search": search,
    }
    answer = ask("POST", url, key, "/v1/maintenance/preview", json=wanted)
    if output_format is Format.JSON:
        import json

        typer.echo(json.dumps(answer, indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    from upheld.reports.work_preview_table import preview_report

    Console().print(preview_report(answer))
