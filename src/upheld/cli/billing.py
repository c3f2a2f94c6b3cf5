"""The commands that give billing what it has to adjust, and that list and make the claims of credits."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask
from upheld.cli.terminal import plural, refuse

commands = typer.Typer(help="What billing has to adjust, and claims of credits.", no_args_is_help=True)


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

    kind = _kind(file)
    asked = {"since": since, "until": until}
    wanted = {name: value for name, value in asked.items() if value is not None}
    answer = ask("GET", url, key, "/v1/billing-adjustments", params=wanted)["adjustments"]
    _write(file, to_csv(answer) if kind == "csv" else _as_json(answer))
    typer.echo(f"{file}: {len(answer):,} {plural(len(answer), 'adjustment')}")


@commands.command(epilog="Example:  upheld billing claims open.csv --standing open")
def claims(
    file: Annotated[Path, typer.Argument(help="The file to write: its name ends in .csv or .json.", metavar="FILE")],
    key: ServerKey,
    standing: Annotated[
        str | None, typer.Option(help="Only those that are open, claimed or expired.", show_default=False)
    ] = None,
    agreement: Annotated[str | None, typer.Option(help="Only those of this agreement.", show_default=False)] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Write the credits that must be claimed, by their deadlines, with how each stands."""
    from upheld.outgoing.claims import claimable_csv

    kind = _kind(file)
    asked = {"standing": standing, "agreement": agreement}
    wanted = {name: value for name, value in asked.items() if value is not None}
    answer = ask("GET", url, key, "/v1/claims", params=wanted)["claims"]
    _write(file, claimable_csv(answer) if kind == "csv" else _as_json(answer))
    typer.echo(f"{file}: {len(answer):,} {plural(len(answer), 'credit')}")


@commands.command(epilog="Example:  upheld billing claim acme-vpn-gold availability vpn-0042 2026-05-31T22:00:00Z")
def claim(
    agreement: Annotated[str, typer.Argument(help="The agreement.")],
    objective: Annotated[str, typer.Argument(help="Its objective.")],
    service: Annotated[str, typer.Argument(help="The service.")],
    period_start: Annotated[str, typer.Argument(help="When the period began (RFC 3339).")],
    key: ServerKey,
    comment: Annotated[str, typer.Option(help="How the customer has claimed it.", show_default=False)] = "",
    exception: Annotated[
        str | None, typer.Option(help="Why it is accepted although it is late.", show_default=False)
    ] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Claim a credit for a customer. One that has been claimed before stays as it was."""
    named = {"agreement": agreement, "objective": objective, "service": service, "period_start": period_start}
    said = {"comment": comment} | ({} if exception is None else {"exception": exception})
    taken = ask("POST", url, key, "/v1/claims", json={**named, **said})
    late = f", late, accepted: {taken['exception']}" if taken["exception"] else ""
    typer.echo(f"claimed {taken['claimed_at']} by {taken['claimed_by']}{late}")


def _kind(file: Path) -> str:
    kind = file.suffix.removeprefix(".").lower()
    if kind not in ("csv", "json"):
        refuse(f"{file}: the name must end in .csv or .json")
    return kind


def _as_json(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False, indent=1) + "\n"


def _write(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        unfinished.write_text(text, "utf-8", newline="")
        os.replace(unfinished, file)
    except OSError as error:
        refuse(f"{file} cannot be written: {error.strerror}")
