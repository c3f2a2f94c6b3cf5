"""The commands about notices of planned work: `upheld maintenance read`, `take`, `questions` and `answer`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask, when
from upheld.cli.terminal import ALL_MET, NOT_ALL_MET, WRONG_INPUT, progress, say
from upheld.cli.terminal import refuse as refuse_input

if TYPE_CHECKING:
    from upheld.readers.provider_mails import MailParser

EXAMPLE = "Example:  upheld maintenance read notice.eml calendar.ics"
NO_WINDOW = "none"
ANSWER_EXAMPLE = "Example:  upheld maintenance answer N-0F3A-1 --accept --circuit ABC/123=fibre-7"


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


def take(
    files: Annotated[
        list[Path],
        typer.Argument(help="Notices as for `read`, or planned works (.csv).", metavar="FILE..."),
    ],
    key: ServerKey,
    provider: Annotated[
        str | None, typer.Option(help="Read them in this provider's form, whoever sent them.", metavar="NAME")
    ] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Hand notices of planned work, and works as CSV, to a server.

    The same file again changes nothing. Of a CSV file all works are planned, or none.

    Exit status: 0 all was taken, 1 something waits for an answer (`upheld maintenance questions`), 2 a file cannot be
    opened, or is not taken.
    """
    contents = [(path, _content(path)) for path in files]
    waits = False
    for path, content in contents:
        kind = "text/csv" if path.suffix.lower() == ".csv" else "application/octet-stream"
        named = {"name": path.name, **({"provider": provider} if provider else {})}
        sent = {"content": content, "headers": {"Content-Type": kind}, "params": named}
        answer = ask("POST", url, key, "/v1/maintenance/notices", **sent)
        for work in answer.get("maintenance", ()):
            typer.echo(f"{path}: {work['id']} is planned, {when(work)}")
            for warning in work["warnings"]:
                typer.echo(f"! {warning['text'][:1].upper()}{warning['text'][1:]}")
        for work in answer.get("works", ()):
            typer.echo(f"{path}: {_line_of(work)}")
            waits = waits or work["state"] == "waiting"
    raise typer.Exit(NOT_ALL_MET if waits else ALL_MET)


def questions(key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """List the notices of planned work that wait for a person, and what is asked of each."""
    for work in ask("GET", url, key, "/v1/maintenance/questions")["questions"]:
        typer.echo(_line_of(work))
        if not work["understood"]:
            came = ask("GET", url, key, f"/v1/maintenance/notices/{quote(work['notice'], safe='')}")
            called = f", called {came['name']}" if came["name"] else ""
            typer.echo(f"  from {came['sender'] or 'nobody who is named'}, by {came['source']}{called}")
        for circuit in work["circuits"]:
            nodes = circuit["nodes"]
            known = "is not known" if nodes is None else f"is {', '.join(nodes)}" if nodes else "is none of ours"
            typer.echo(f"  {circuit['circuit_id']} ({circuit['impact']}) {known}")
        for question in work["questions"] or ["shall it be followed?"]:
            typer.echo(f"  ? {question}")


def answer(
    question: Annotated[str, typer.Argument(help="The question's id, as `questions` lists it.")],
    key: ServerKey,
    accept: Annotated[bool, typer.Option("--accept", help="Follow the notice.")] = False,
    refuse: Annotated[str | None, typer.Option(help="Do not follow the notice, and why.", metavar="REASON")] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(help="The start that is meant, RFC 3339 with its zone; of several windows one each, in order."),
    ] = None,
    end: Annotated[
        list[str] | None, typer.Option(help="The end that is meant, likewise; `none` where a window is none.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Its times were local ones of this zone, such as Europe/Berlin, and not UTC.")
    ] = None,
    circuit: Annotated[
        list[str] | None,
        typer.Option(help="What a circuit is: `CIRCUIT=resource`, `CIRCUIT=` for none of ours. For later notices too."),
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="A service or resource that is taken down, whatever circuits are named.")
    ] = None,
    title: Annotated[str, typer.Option(help="What is done, as the customer reads it.")] = "",
    emergency: Annotated[bool, typer.Option("--emergency", help="It cannot wait: terms for emergency work.")] = False,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Answer a question about a notice of planned work: accept it, perhaps corrected, or refuse it with a reason."""
    if accept == (refuse is not None):
        raise typer.BadParameter("give one of --accept and --refuse", param_hint="--accept")
    circuits: dict[str, list[str]] = {}
    for one in circuit or ():
        name, is_there, node = one.rpartition("=")
        if not is_there or not name:
            raise typer.BadParameter(f"write CIRCUIT=resource; it is {one!r}", param_hint="--circuit")
        circuits.setdefault(name, []).extend([node] if node else [])
    said = {
        **_meant(start or [], end or []),
        "zone": zone,
        "reason": refuse,
        "title": title,
        "circuits": circuits,
        "emergency": emergency,
    }
    body = {"accept": accept, "services": service or [], **{name: value for name, value in said.items() if value}}
    after = ask("POST", url, key, f"/v1/maintenance/questions/{quote(question, safe='')}", json=body)
    typer.echo(_line_of(after))


def _meant(starts: list[str], ends: list[str]) -> dict[str, Any]:
    """The windows that are meant, as the API takes them: one start, one end, or one of each for every window."""
    if len(starts) < 2 and len(ends) < 2:
        return {"start": next(iter(starts), None), "end": next(iter(ends), None)}
    if len(starts) != len(ends):
        refuse_input(f"--start is given {len(starts)} times, and --end {len(ends)}: each window has one of both")
    pairs = zip(starts, ends, strict=True)
    return {
        "windows": [None if NO_WINDOW in pair else dict(zip(("start", "end"), pair, strict=True)) for pair in pairs]
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        refuse_input(f"{path}: {error.strerror}")


def _line_of(work: dict[str, Any]) -> str:
    """What became of one work that a notice tells of."""
    said = work["understood"]
    what = f"{said['provider']} {said['maintenance_id']}, {when(said)}" if said else "not understood"
    planned = f", work {work['maintenance']}" if work["maintenance"] else ""
    why = f" ({work['reason']})" if work["reason"] else ""
    return f"{work['id']}  {work['state']}  {work['asks_for']}  {what}{planned}{why}"
