"""`upheld demo`: the product on its embedded default, with a simulated provider, a mail catcher and a faster clock."""

import shutil
import threading
from importlib.resources import files
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress

from upheld.app import DEFAULT_TENANT, Application, Settings, configure_logging
from upheld.demo.mail import start_mail_catcher
from upheld.demo.provider import Provider
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app

SPEED = 60
"""One second of the machine's clock is one minute of the demonstration's."""


def run_demo(directory: Path, host: str, port: int, console: Console) -> None:
    """Runs the demonstration in `directory`, which is emptied first, until it is interrupted."""
    configure_logging("warning")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    catcher = start_mail_catcher(directory / "mail")
    url = f"http://{host}:{port}"
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
    provider = Provider(url, key, portfolio, application.clock)

    server = uvicorn.Server(
        uvicorn.Config(create_app(application), host=host, port=port, log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=_provide, args=(application, provider, server, console, url, key), daemon=True)
    thread.start()
    try:
        server.run()
    finally:
        provider.stop()
        application.stop()
        catcher.stop()


def _provide(
    application: Application, provider: Provider, server: uvicorn.Server, console: Console, url: str, key: str
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
            "One second here is one minute there. The service vpn-acme-frankfurt fails after a few seconds. Its case, "
            "the mail to the customer (page Mailbox) and the question whether it is solved follow within a minute.\n\n"
            "Ctrl-C ends the demonstration.",
            title="Upheld is running",
            width=88,
            padding=(1, 2),
        )
    )
    provider.stream()
