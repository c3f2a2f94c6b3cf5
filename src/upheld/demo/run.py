"""`upheld demo`: the product on its embedded default, with a simulated provider, a mail catcher and a faster clock."""

import contextlib
import shutil
import socket
import threading
from importlib.resources import files
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress

from upheld.agreements.units import MINUTE, SECOND
from upheld.app import DEFAULT_TENANT, Application, Settings, configure_logging
from upheld.demo.mail import start_mail_catcher
from upheld.demo.plan import FAILING, Plan, plan
from upheld.demo.provider import Provider
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app, listen

SPEED = 60
"""One second of the machine's clock is one minute of the demonstration's."""
MARKER = ".upheld-demo"
"""The file by which a demonstration knows a directory that it may empty."""


class Unusable(Exception):
    """The directory cannot be used, and why."""


class Broken(Exception):
    """The demonstration ended because its provider could not go on, and why."""


def run_demo(directory: Path, host: str, port: int, console: Console) -> None:
    """Runs the demonstration in `directory`, which is emptied first, until it is interrupted.

    Raises `server.CannotListen` and `Unusable` before it has touched anything, and `Broken`."""
    configure_logging("warning")
    with contextlib.closing(listen(host, port)) as listener:
        clear(directory)
        _run(directory, host, listener.getsockname()[1], listener, console)


def clear(directory: Path) -> None:
    """Empties a directory of an earlier demonstration, or makes a new one. Raises Unusable for one that holds anything
    else, and leaves it as it is."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        entries = list(directory.iterdir())
        if entries and not (directory / MARKER).is_file():
            raise Unusable(
                f"{directory} is not empty and not of an earlier demonstration: empty it, or give another directory "
                "with --directory"
            )
        (directory / MARKER).touch()
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != MARKER:
                entry.unlink()
    except FileExistsError:
        raise Unusable(f"{directory} is not a directory: give another with --directory") from None
    except OSError as fault:
        raise Unusable(f"{directory} cannot be used: {fault.strerror}; give another with --directory") from None


def _run(directory: Path, host: str, port: int, listener: socket.socket, console: Console) -> None:
    catcher = start_mail_catcher(directory / "mail")
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    application = Application(
        Settings(
            database_url=f"sqlite:///{directory / 'upheld.db'}",
            host=host,
            port=port,
            public_url=url,
            smtp_port=catcher.port,
            mail_from="Northwind Carrier <service@northwind.example>",
            mail_catcher=directory / "mail",
            clock_speed=SPEED,
            assessment_delay=90,
        )
    )
    key = application.first_key()
    assert key is not None, "the demonstration starts from nothing"
    source = files("upheld.demo").joinpath("portfolio.yaml").read_text()
    portfolio = parse_portfolio(source, "portfolio.yaml")
    application.process.adopt_portfolio(DEFAULT_TENANT, source, portfolio)
    planned = plan(application.clock.now() // MINUTE * MINUTE, portfolio)
    provider = Provider(url, key, portfolio, application.clock, planned)

    server = uvicorn.Server(
        uvicorn.Config(create_app(application), host=host, port=port, log_level="warning", access_log=False)
    )
    failed: list[Exception] = []

    def provide() -> None:
        try:
            _provide(application, provider, server, planned, console, url, key)
        except Exception as fault:
            if not provider.stopped:  # else it is cut off by the end
                failed.append(fault)
                server.should_exit = True

    threading.Thread(target=provide, daemon=True).start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        provider.stop()
        application.stop()
        catcher.stop()
    if failed:
        raise Broken(f"the simulated provider could not deliver: {failed[0]}") from failed[0]


def _provide(
    application: Application,
    provider: Provider,
    server: uvicorn.Server,
    planned: Plan,
    console: Console,
    url: str,
    key: str,
) -> None:
    while not server.started:
        threading.Event().wait(0.05)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Delivering the month so far", total=1.0)
        provider.deliver_history(lambda share: progress.update(task, completed=share))
    provider.record_change()
    provider.announce_maintenance()
    application.start()
    console.print(
        Panel(
            f"Open [bold]{url}[/bold] and sign in with the key\n[bold]{key}[/bold]\n\n"
            f"One second here is one minute there. The service {FAILING} fails {_soon(planned, application)}. "
            "Its case, the mail to the customer (page Mailbox) and the question whether it is solved follow within a "
            "minute.\n\n"
            "Ctrl-C ends the demonstration.",
            title="Upheld is running",
            width=88,
            padding=(1, 2),
        )
    )
    provider.stream()


def _soon(planned: Plan, application: Application) -> str:
    seconds = (planned.outage[0] - application.clock.now()) // (SPEED * SECOND)
    return "after a few seconds" if seconds < 10 else f"after {seconds} seconds, when a new month has begun"
