"""The commands of an installation's tenants: which there are, and what each may send."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from upheld.cli.terminal import refuse

if TYPE_CHECKING:
    from upheld.taking_in.admission import Limits

commands = typer.Typer(help="Tenants, and what each may send.", no_args_is_help=True)

DatabaseUrl = Annotated[
    str | None, typer.Option(help="SQLAlchemy URL of the store [default: as serve has it].", show_default=False)
]
_NONE = "0 does not limit."


@commands.command("list")
def list_tenants(database_url: DatabaseUrl = None) -> None:
    """List the tenants, each with its limits; those that are its own, and not the installation's, have a star."""
    from upheld.app import Settings
    from upheld.store import UnusableStore, open_store
    from upheld.taking_in.admission import own_limits

    try:
        store = open_store(database_url or Settings().database_url)
    except UnusableStore as error:
        refuse(str(error))
    for tenant in store.tenants():
        typer.echo(tenant)
        _print_limits(Settings().tenant_limits.but(own := own_limits(store, tenant)), own)


@commands.command()
def limit(
    tenant: Annotated[str, typer.Argument(help="Whose limits.")],
    samples_per_second: Annotated[float | None, typer.Option(min=0, help=f"Samples or rows. {_NONE}")] = None,
    bytes_per_second: Annotated[float | None, typer.Option(min=0, help=f"Bytes of bodies, as sent. {_NONE}")] = None,
    requests_per_second: Annotated[float | None, typer.Option(min=0, help=f"Deliveries. {_NONE}")] = None,
    requests_at_once: Annotated[int | None, typer.Option(min=0, help=f"Deliveries worked on at once. {_NONE}")] = None,
    backlog_rows: Annotated[
        int | None, typer.Option(min=0, help=f"Measurements that may wait for their assessment. {_NONE}")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget its own limits first.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Give a tenant limits of its own, in place of the installation's (UPHELD_TENANT_...), and print what it may do.

    What is not given stays as it is. A server that runs takes them up within ten seconds.
    """
    from upheld.app import Settings
    from upheld.store import UnusableStore, open_store
    from upheld.taking_in.admission import keep_own_limits, own_limits

    given = {
        "samples_per_second": samples_per_second,
        "bytes_per_second": bytes_per_second,
        "requests_per_second": requests_per_second,
        "requests_at_once": requests_at_once,
        "backlog_rows": backlog_rows,
    }
    try:
        store = open_store(database_url or Settings().database_url)
    except UnusableStore as error:
        refuse(str(error))
    if tenant not in store.tenants():
        refuse(f"there is no tenant {tenant!r}; there are: {', '.join(store.tenants()) or 'none'}")
    changed = {name: value for name, value in given.items() if value is not None}
    own = {**({} if reset else own_limits(store, tenant)), **changed}
    if changed or reset:
        keep_own_limits(store, tenant, own)
    _print_limits(Settings().tenant_limits.but(own), own)


def _print_limits(limits: "Limits", own: Mapping[str, float]) -> None:
    from upheld.taking_in.admission import NAMES

    for name in NAMES:
        value = getattr(limits, name)
        typer.echo(
            f" {'*' if name in own else ' '} {name.replace('_', ' ')}: {f'{value:,.15g}' if value else 'no limit'}"
        )
