"""The command that reads notices of planned work: `upheld maintenance read`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, WRONG_INPUT, progress, say

if TYPE_CHECKING:
    from upheld.readers.provider_mails import MailParser

EXAMPLE = "Example:  upheld maintenance read notice.eml calendar.ics"


def read(
    files: Annotated[
        list[Path], typer.Argument(help="Notices: mails (.eml), iCalendars, or a mail's saved body.", metavar="FILE...")
    ],
    provider: Annotated[
        str | None, typer.Option(help="Read them in this provider's form, whoever sent them.", metavar="NAME")
    ] = None,
) -> None:
    """Show as JSON what is understood of notices of planned work, or what is not, and why.

    One object for each file: `notices`, one for each window, with `doubts`, which are questions for a person; and `why`
    where nothing was understood.

    Exit status: 0 all is understood without a doubt, 1 something is not, 2 a file cannot be opened.
    """
    from upheld.readers.provider_mails import MailParser

    with MailParser() as parser, progress() as bar:
        shown = [_read(path, parser, provider) for path in bar.track(files, description="Reading")]
    status = _status(shown)
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    raise typer.Exit(status)


def _read(path: Path, parser: "MailParser", provider: str | None) -> dict[str, Any]:
    from upheld.maintenance.notified import to_document
    from upheld.readers.maintnote import Unreadable
    from upheld.readers.provider_mails import NoParser, read_notice

    try:
        content = path.read_bytes()
    except OSError as error:
        say(f"{path}: {error.strerror}")
        return {"file": str(path), "notices": [], "why": error.strerror, "opened": False}
    try:
        return {"file": str(path), "notices": [to_document(n) for n in read_notice(content, parser, provider)]}
    except (Unreadable, NoParser) as error:
        return {"file": str(path), "notices": [], "why": str(error)}


def _status(shown: Sequence[dict[str, Any]]) -> int:
    if any(one.pop("opened", True) is False for one in shown):
        return WRONG_INPUT
    return ALL_MET if all("why" not in one and not list(_doubts(one)) for one in shown) else NOT_ALL_MET


def _doubts(one: dict[str, Any]) -> Iterator[str]:
    for notice in one["notices"]:
        yield from notice["doubts"]
