"""The command line. What a command needs is imported when it runs, so that `--help` is there at once."""

from importlib.metadata import version
from typing import Annotated

import typer

from upheld.cli import (
    billing,
    events,
    exchange,
    files,
    ingest,
    keys,
    lint,
    notices,
    objections,
    playbooks,
    preview,
    server,
    sources,
    tenants,
    topology,
    whatif,
    work_preview,
)

app = typer.Typer(
    name="upheld",
    help="Manage QoS and SLA violations: exact verdicts, cases, notices and the customer's confirmation.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(files.commands)
app.add_typer(lint.commands)
app.add_typer(whatif.commands)
app.add_typer(server.commands)
server.maintenance.command("read", epilog=notices.EXAMPLE)(notices.read)
server.maintenance.command("take")(notices.take)
server.maintenance.command("questions")(notices.questions)
server.maintenance.command("answer", epilog=notices.ANSWER_EXAMPLE)(notices.answer)
server.maintenance.command("preview", epilog=work_preview.EXAMPLE)(work_preview.preview)
server.maintenance.add_typer(objections.commands, name="objections")
app.add_typer(server.maintenance, name="maintenance")
app.add_typer(preview.commands, name="notice")
app.add_typer(keys.commands, name="key")
app.add_typer(tenants.commands, name="tenant")
app.add_typer(ingest.commands, name="ingest")
app.add_typer(sources.commands, name="sources")
app.add_typer(events.commands, name="events")
app.add_typer(playbooks.commands, name="playbook")
app.add_typer(topology.commands, name="topology")
app.add_typer(billing.commands, name="billing")
app.add_typer(exchange.imports, name="import")
app.add_typer(exchange.exports, name="export")


def main() -> None:
    """The `upheld` command."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"upheld {version('upheld')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass
