"""The commands of API keys. They work on the store itself, so that they also help who has lost the last key."""

from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import refuse, say

if TYPE_CHECKING:
    from upheld.ports import ApiKey, Store

commands = typer.Typer(help="API keys: add, list and revoke them.", no_args_is_help=True)

DatabaseUrl = Annotated[
    str | None, typer.Option(help="SQLAlchemy URL of the store [default: as serve has it].", show_default=False)
]


@commands.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="What the key is for, such as the source that uses it.")],
    role: Annotated[
        str,
        typer.Option(
            help="operator; ingest: may only deliver measurements; metrics: may only read /metrics, of all tenants."
        ),
    ],
    database_url: DatabaseUrl = None,
    tenant: Annotated[str, typer.Option(help="The tenant that it opens.")] = "default",
) -> None:
    """Make an API key, and print its secret this once."""
    from upheld.access import new_key
    from upheld.clock import SystemClock

    try:
        secret, key = new_key(tenant, name, role, SystemClock().now())
    except ValueError as error:
        refuse(str(error))
    store = _opened(database_url)
    if tenant not in store.tenants():
        store.add_tenant(tenant, tenant)
    store.add_key(key)
    typer.echo(secret)


@commands.command("list")
def list_keys(
    database_url: DatabaseUrl = None,
    tenant: Annotated[str | None, typer.Option(help="Only those of a tenant.", show_default=False)] = None,
) -> None:
    """List the API keys, each with its id, tenant, role, name, and since when it is there, or revoked."""
    keys = _opened(database_url).keys(tenant)
    if not keys:
        say("there are no keys: upheld key add" if tenant is None else f"{tenant} has no keys: upheld key add")
    widths = [max((len(text) for text in column), default=0) for column in zip(*map(_columns, keys), strict=True)]
    for key in keys:
        texts = zip(_columns(key), widths, strict=True)
        typer.echo("  ".join(text.ljust(width) for text, width in texts).rstrip())


@commands.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as list prints it.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Revoke an API key for good: from now on it opens nothing, and the sessions that it has opened are over.

    A server that runs need not be told.
    """
    from upheld.agreements.units import format_instant
    from upheld.clock import SystemClock

    store = _opened(database_url)
    known = {key.id: key for key in store.keys(None)}
    key = known.get(key_id)
    if key is None:
        refuse(f"there is no key of the id {key_id!r}: see upheld key list")
    if key.revoked_at is not None:
        typer.echo(f"{key.id} ({key.name}, of {key.tenant}) was already revoked, {format_instant(key.revoked_at)}")
        return
    store.revoke_key(key.tenant, key.id, SystemClock().now())
    typer.echo(f"{key.id} ({key.name}, of {key.tenant}) is revoked")
    if not any(one.role == "operator" and one.revoked_at is None for one in store.keys(key.tenant)):
        say(f"{key.tenant} has no operator's key left: upheld key add NAME --role operator --tenant {key.tenant}")


def _columns(key: "ApiKey") -> tuple[str, ...]:
    from upheld.agreements.units import format_instant

    state = "" if key.revoked_at is None else f"revoked {format_instant(key.revoked_at)}"
    return key.id, key.tenant, key.role, key.name, f"added {format_instant(key.created_at)}", state


def _opened(database_url: str | None) -> "Store":
    from upheld.app import Settings
    from upheld.store import UnusableStore, open_store

    try:
        return open_store(database_url or Settings().database_url)
    except UnusableStore as error:
        refuse(str(error))
