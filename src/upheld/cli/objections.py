"""The commands about what customers say against the windows of planned works: `upheld maintenance objections`."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask, when
from upheld.cli.terminal import refuse, say

commands = typer.Typer(
    help="What customers say against the windows of planned works: list it, agree, decline.", no_args_is_help=True
)
AT_ONCE = 1_000
"""Objections that are asked for in one request."""

Work = Annotated[str, typer.Argument(help="The work's id.", metavar="WORK")]
Objection = Annotated[str, typer.Argument(help="The objection's id, as `list` shows it.", metavar="OBJECTION")]


class State(StrEnum):
    OPEN = "open"
    AGREED = "agreed"
    DECLINED = "declined"
    LAPSED = "lapsed"


@commands.command("list", epilog="Example:  upheld maintenance objections list --state open")
def list_objections(
    key: ServerKey,
    work: Annotated[
        str | None, typer.Argument(help="Only those to this work.", metavar="[WORK]", show_default=False)
    ] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.", show_default=False)] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """List the objections to a work, or to all works: who objects, what they want instead, and by when an answer is
    owed."""
    works = [work] if work is not None else _objected_to(url, key)
    found = [one for name in works for one in _objections(url, key, name, state)]
    for one in found:
        typer.echo(f"{one['maintenance_id']}  {_line_of(one)}")
    if not found:
        say("no objections" if state is None else f"no objections that are {state}")


@commands.command()
def show(work: Work, objection: Objection, key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """Show an objection: who said what against which window, and what was answered."""
    for line in _lines_of(ask("GET", url, key, _path(work, objection))):
        typer.echo(line)


@commands.command(epilog="Example:  upheld maintenance objections agree CHG-7 O-5D2F --answer 'Gladly.'")
def agree(
    work: Work,
    objection: Objection,
    key: ServerKey,
    start: Annotated[
        str | None,
        typer.Option(
            help="Start of the window, RFC 3339 with its zone [default: the window that was asked for].",
            show_default=False,
        ),
    ] = None,
    end: Annotated[str | None, typer.Option(help="Its end.", show_default=False)] = None,
    answer: Annotated[str, typer.Option(help="Words to the contact.", show_default=False)] = "",
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Move the work to the window that was asked for, or to another one. Everyone whom that concerns is told; what the
    window would do says `upheld maintenance preview` beforehand."""
    if (start is None) != (end is None):
        refuse("--start and --end come together")
    window = {} if start is None else {"start": start, "end": end}
    answered = ask(
        "POST", url, key, f"{_path(work, objection)}/answer", json={"agree": True, "answer": answer, **window}
    )
    typer.echo(f"{work}  {_line_of(answered)}")


@commands.command(epilog="Example:  upheld maintenance objections decline CHG-7 O-5D2F --answer 'The card fails.'")
def decline(
    work: Work,
    objection: Objection,
    key: ServerKey,
    answer: Annotated[str, typer.Option(help="Why: the contact is told.", show_default=False)],
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Leave the work where it is, and tell the contact why."""
    answered = ask("POST", url, key, f"{_path(work, objection)}/answer", json={"agree": False, "answer": answer})
    typer.echo(f"{work}  {_line_of(answered)}")


def _path(work: str, objection: str | None = None) -> str:
    path = f"/v1/maintenance/{quote(work, safe='')}/objections"
    return path if objection is None else f"{path}/{quote(objection, safe='')}"


def _objected_to(url: str, key: str) -> list[str]:
    """The works that anybody objects to, the earliest first."""
    works = ask("GET", url, key, "/v1/maintenance")["maintenance"]
    return [work["id"] for work in works if work["objections"]["all"]]


def _objections(url: str, key: str, work: str, state: State | None) -> Iterator[dict[str, Any]]:
    wanted = {} if state is None else {"state": str(state)}
    offset = 0
    while True:
        page = {**wanted, "limit": AT_ONCE, "offset": offset}
        found = ask("GET", url, key, _path(work), params=page)["objections"]
        yield from found
        if len(found) < AT_ONCE:
            return
        offset += AT_ONCE


def _line_of(objection: dict[str, Any]) -> str:
    """Who objects, what they want, and how that stands, on one line."""
    wish = "another time" if objection["wish"] is None else when(objection["wish"])
    why = f" ({' '.join(objection['reason'].split())})" if objection["reason"] else ""
    return (
        f"{objection['id']}  {_standing(objection)}  {objection['customer']} {objection['contact']} wants {wish}{why}"
    )


def _standing(objection: dict[str, Any]) -> str:
    if objection["state"] == "open":
        return f"open, {'overdue since' if objection['overdue'] else 'owed by'} {objection['answer_by']}"
    return f"agreed: {when(objection['agreed'])}" if objection["agreed"] is not None else str(objection["state"])


def _lines_of(objection: dict[str, Any]) -> Iterator[str]:
    yield f"{objection['id']}: {_standing(objection)}"
    whom = ", ".join(objection[name] for name in ("customer", "role", "contact"))
    yield f"  who      {whom}, under {objection['agreement']}"
    yield f"  said     {objection['at']}"
    yield f"  against  {when(objection)}"
    yield f"  wants    {'another time' if objection['wish'] is None else when(objection['wish'])}"
    if objection["reason"]:
        yield f"  why      {objection['reason']}"
    if objection["answered_at"] is not None:
        words = f": {objection['answer']}" if objection["answer"] else ""
        yield f"  answer   {objection['answered_at']} by {objection['answered_by']}{words}"
