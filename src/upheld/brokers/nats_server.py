"""NATS: a connection that the client does not mend by itself, for whoever has it opens a new one."""

import ssl
from typing import Any

import nats
from nats.aio.client import Client

from upheld.brokers.secrets import resolved
from upheld.brokers.servers import NatsServer

PATIENCE = 10
"""Seconds that the server may take to answer."""


async def connected(server: NatsServer, name: str) -> Client:
    """A connection that calls itself `name`. Raises whatever the client raises."""
    given: dict[str, Any] = {
        "user": server.username,
        "password": resolved(server.password) if server.password else None,
        "token": resolved(server.token) if server.token else None,
        "user_credentials": str(server.credentials) if server.credentials else None,
        "tls": ssl.create_default_context(cafile=str(server.ca)) if server.ca else None,
    }
    return await nats.connect(
        server.url,
        name=name,
        allow_reconnect=False,
        connect_timeout=PATIENCE,
        ping_interval=10,
        max_outstanding_pings=2,
        error_cb=_said,
        **{name: value for name, value in given.items() if value is not None},
    )


async def _said(_: Exception) -> None:
    """The client tells here what it also raises where it matters."""
