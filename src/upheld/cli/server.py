"""The commands that run a server, and those that speak to one: serve, demo, apply, maintenance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from upheld.cli.terminal import UNREACHABLE, WRONG_INPUT, input_exit, plural, refuse, say

if TYPE_CHECKING:
    import httpx

    from upheld.app import Settings

commands = typer.Typer()
maintenance = typer.Typer(help="Planned maintenance: announce it, list it, cancel it.", no_args_is_help=True)

ServerUrl = Annotated[str, typer.Option("--url", envvar="UPHELD_URL", help="Where the server is.")]
ServerKey = Annotated[
    str, typer.Option("--key", envvar="UPHELD_KEY", help="An operator's API key.", show_default=False)
]
DEFAULT_URL = "http://127.0.0.1:8470"
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # nobody can be sent there


@commands.command()
def serve(
    database_url: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL of the store [default: sqlite:///upheld.db].", show_default=False)
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [default: 8470].", show_default=False)] = None,
) -> None:
    """Run the server: take measurements in, assess, handle cases, tell people.

    With UPHELD_SOURCES=SOURCES.yaml it also fetches measurements from NATS, AMQP, Kafka and folders: docs/ingestion.md.
    With UPHELD_EVENTS=SINKS.yaml it sends events for other systems to webhooks, NATS, AMQP and Kafka: docs/events.md.

    With UPHELD_CHANNELS=CHANNELS.yaml playbooks reach ticket systems, automations and people: docs/playbooks.md.

    Everything else is set by environment variables UPHELD_<NAME>; docs/serving.md lists them. The first start prints
    the first API key, once.
    """
    from pydantic import ValidationError

    from upheld.app import Application, Settings, configure_logging
    from upheld.brokers.servers import MissingClient
    from upheld.readers.faults import InputError
    from upheld.server import CannotListen, listen
    from upheld.server import serve as answer
    from upheld.store import UnusableStore

    given = {"database_url": database_url, "host": host, "port": port}
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        configure_logging(settings.log_level, settings.log_format)
        listener = listen(settings.host, settings.port)
        application = Application(reached(settings, listener.getsockname()[1]))
    except ValidationError as error:
        for fault in error.errors():
            say(f"UPHELD_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}")
        raise typer.Exit(WRONG_INPUT) from None
    except InputError as error:
        raise input_exit(error) from None
    except (ValueError, CannotListen, MissingClient, UnusableStore) as error:
        refuse(str(error))
    key = application.first_key()
    if key is not None:
        typer.echo(f"The first API key, shown only this once: {key}")
    typer.echo(f"Upheld listens on http://{settings.host}:{listener.getsockname()[1]}")
    application.start()
    try:
        answer(application, listener)
    finally:
        application.stop()


def reached(settings: "Settings", port: int) -> "Settings":
    """The settings with links that lead to where the server listens, unless it was set where they lead."""
    if "public_url" in settings.model_fields_set:
        return settings
    host = "127.0.0.1" if settings.host in EVERY_ADDRESS else settings.host
    return settings.model_copy(update={"public_url": f"http://{host}:{port}"})


@commands.command()
def demo(
    directory: Annotated[
        Path,
        typer.Option(help="Where it keeps its data: a new or empty directory, or an earlier one, which it empties."),
    ] = Path("var/demo"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8470,
) -> None:
    """Run a live demonstration: the real server on a faster clock, a simulated provider, and a mail catcher."""
    from rich.console import Console

    from upheld.demo.run import Broken, Unusable, run_demo
    from upheld.server import CannotListen

    try:
        run_demo(directory, host, port, Console())
    except (CannotListen, Unusable) as error:
        refuse(str(error))
    except Broken as error:
        say(str(error))
        raise typer.Exit(UNREACHABLE) from None


@commands.command()
def apply(
    portfolio: Annotated[Path, typer.Argument(help="The portfolio: agreements, customers, provider, resources.")],
    key: ServerKey,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Put a portfolio in force on a server."""
    from upheld.readers.faults import InputError
    from upheld.readers.portfolio import read_portfolio

    try:
        read_portfolio(portfolio)
    except InputError as error:
        raise input_exit(error) from None
    body = {"content": portfolio.read_bytes(), "headers": {"Content-Type": "application/yaml"}}
    answer = ask("PUT", url, key, "/v1/agreements", **body)
    typer.echo(f"{portfolio} is in force as version {answer['version']}")


@maintenance.command("add")
def add_maintenance(
    title: Annotated[str, typer.Option(help="What is done, as the customer reads it.")],
    start: Annotated[list[str], typer.Option(help="Start of the window, RFC 3339 with its zone; one for each window.")],
    end: Annotated[list[str], typer.Option(help="End of the window; as many as there are starts.")],
    service: Annotated[list[str], typer.Option(help="An affected service or resource; may be given several times.")],
    approved_by: Annotated[str, typer.Option(help="Who let the work happen.")],
    key: ServerKey,
    description: Annotated[str, typer.Option(help="What the customer may notice.")] = "",
    emergency: Annotated[bool, typer.Option("--emergency", help="It cannot wait: terms for emergency work.")] = False,
    kind: Annotated[
        str, typer.Option(help="maintenance, migration, test or end_of_service (announced, and excludes nothing).")
    ] = "maintenance",
    work_id: Annotated[
        str | None, typer.Option("--id", help="An id of your own; the same id again changes nothing.")
    ] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Announce a planned work to every customer that it hits."""
    work = {
        "title": title,
        **windows_of(start, end),
        "services": service,
        "approved_by": approved_by,
        "description": description,
        "kind": kind,
        **({"emergency": True} if emergency else {}),
        **({"id": work_id} if work_id else {}),
    }
    answer = ask("POST", url, key, "/v1/maintenance", json=work)
    _print_work(answer)
    if not answer["notices"]:
        typer.echo("  no agreement in force is hit by it: nobody is told")


def windows_of(starts: list[str], ends: list[str]) -> dict[str, Any]:
    """The n-th start with the n-th end, as the API takes them. Ends the command where one has no other."""
    if len(starts) != len(ends):
        refuse(f"--start is given {len(starts)} times, and --end {len(ends)}: each window has one of both")
    if len(starts) == 1:
        return {"start": starts[0], "end": ends[0]}
    return {"windows": [{"start": start, "end": end} for start, end in zip(starts, ends, strict=True)]}


def when(work: dict[str, Any]) -> str:
    """Every window of a work, or one window, as the API shows it."""
    return " and ".join(f"{one['start']} to {one['end']}" for one in work.get("windows") or [work])


def _print_work(answer: dict[str, Any]) -> None:
    """A work, what there is to be warned of, and who is told of it now."""
    typer.echo(f"{answer['id']}: {answer['title']}, {when(answer)}")
    for warning in answer["warnings"]:
        typer.echo(f"! {warning['text'][:1].upper()}{warning['text'][1:]}")
    for notice in answer["notices"]:
        to = notice["address"] or notice["role"]
        typer.echo(f"  {notice['state']:9} {to}" + (f" ({notice['reason']})" if notice["reason"] else ""))


@maintenance.command("list")
def list_maintenance(key: ServerKey, url: ServerUrl = DEFAULT_URL) -> None:
    """List planned works, and for each agreement whether the announcement earned the exclusion."""
    for work in ask("GET", url, key, "/v1/maintenance")["maintenance"]:
        typer.echo(f"{work['id']}  {when(work)}  {work['state']}  {work['title']}")
        full = ask("GET", url, key, f"/v1/maintenance/{quote(work['id'], safe='')}")
        for announcement in full["announcements"]:
            typer.echo(f"  {announcement['agreement']}: {standing(full, announcement)}")


@maintenance.command("change")
def change_maintenance(
    work_id: Annotated[str, typer.Argument(help="The work's id.")],
    key: ServerKey,
    title: Annotated[str | None, typer.Option(help="What is done, as the customer reads it.")] = None,
    start: Annotated[
        list[str] | None, typer.Option(help="Start of the window, RFC 3339 with its zone; one for each window.")
    ] = None,
    end: Annotated[list[str] | None, typer.Option(help="End of the window; as many as there are starts.")] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="What it affects instead; may be given several times.")
    ] = None,
    approved_by: Annotated[str | None, typer.Option(help="Who let the change happen.")] = None,
    description: Annotated[str | None, typer.Option(help="What the customer may notice.")] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Change a planned work: whoever it concerns is told what it was and what it is. What is not given stays."""
    starts, ends = start or [], end or []
    alone = len(starts) + len(ends) == 1
    given = {
        "title": title,
        **({"start": starts[0] if starts else None, "end": ends[0] if ends else None} if alone else {}),
        **(windows_of(starts, ends) if len(starts) + len(ends) > 1 else {}),
        "services": service or None,
        "approved_by": approved_by,
        "description": description,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        refuse("nothing is to be changed: give --start, --end, --service, --title, --description or --approved-by")
    _print_work(ask("PATCH", url, key, f"/v1/maintenance/{quote(work_id, safe='')}", json=wanted))


@maintenance.command("say")
def say_of_maintenance(
    work_id: Annotated[str, typer.Argument(help="The work's id.")],
    turn: Annotated[str, typer.Argument(help="started, over, or overrun.")],
    key: ServerKey,
    at: Annotated[str | None, typer.Option(help="Since when, RFC 3339 with its zone [default: now].")] = None,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Say that a planned work has started, is over, or runs over its window: whom an agreement wants told is told."""
    if turn not in ("started", "over", "overrun"):
        refuse(f"{turn!r} is none of started, over and overrun")
    path = f"/v1/maintenance/{quote(work_id, safe='')}/{turn}"
    _print_work(ask("POST", url, key, path, json={} if at is None else {"at": at}))


@maintenance.command("cancel")
def cancel_maintenance(
    work_id: Annotated[str, typer.Argument(help="The work's id.")], key: ServerKey, url: ServerUrl = DEFAULT_URL
) -> None:
    """Cancel a planned work: whoever was told is told, and its window counts again."""
    path = f"/v1/maintenance/{quote(work_id, safe='')}"
    before = ask("GET", url, key, path)
    if before["state"] == "cancelled":
        typer.echo(f"{work_id} was already cancelled")
        return
    count = len(ask("DELETE", url, key, path)["notices"])
    typer.echo(f"{work_id} is cancelled; {count or 'no'} {plural(count, 'notice')} on the way")


def standing(work: dict[str, Any], announcement: dict[str, Any]) -> str:
    """Whether the window of a work counts under an agreement, and why."""
    from upheld.agreements.units import parse_instant

    if work["state"] == "cancelled":
        return "cancelled: its minutes count"
    if announcement["earned"]:
        return f"earned: {announcement['reason']}"
    waits = any(
        notice["kind"] in ("maintenance", "maintenance_changed") and notice["state"] == "recorded"
        for notice in work["notices"]
        if notice["agreement"] == announcement["agreement"]
    )
    if waits and parse_instant(announcement["decided_at"]) < parse_instant(work["start"]):
        return "not decided yet: the announcement is on its way"
    return f"{'earned in part' if announcement['services'] else 'not earned'}: {announcement['reason']}"


def ask(method: str, url: str, key: str, path: str, **request: Any) -> Any:
    """The server's answer as JSON. A refusal is printed as the server words it and ends the command: status 2 where
    the request was wrong, 3 where the server cannot be reached or failed."""
    import httpx

    headers = {"Authorization": f"Bearer {key}", **request.pop("headers", {})}
    try:
        answer = httpx.request(method, url.rstrip("/") + path, headers=headers, timeout=60, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        say(f"{url} cannot be reached: {error}")
        raise typer.Exit(UNREACHABLE) from None
    if answer.is_success:
        return answer.json()
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        say(
            f"{url} does not know this API key, or it is revoked: give another by --key or UPHELD_KEY (upheld key list)"
        )
    else:
        say(_refusal(answer))
    raise typer.Exit(WRONG_INPUT if answer.status_code < 500 else UNREACHABLE)


def _fault(fault: dict[str, Any]) -> str:
    """`file:line: field: message`, without the parts that are not known."""
    place = ":".join(str(fault[name]) for name in ("file", "line") if fault.get(name) is not None)
    return ": ".join(part for part in (place, fault.get("field"), str(fault.get("message", ""))) if part)


def _refusal(answer: "httpx.Response") -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"the server answered {answer.status_code}"
    faults = [_fault(fault) for fault in problem.get("errors", ())]
    detail = str(problem.get("detail", problem.get("title", answer.status_code)))
    return "\n".join([detail, *(fault for fault in faults if fault not in detail)])
