"""AMQP 0-9-1: a connection to RabbitMQ, or to another broker that speaks it."""

import ssl
from typing import Any

import aio_pika
from aio_pika.abc import AbstractConnection
from yarl import URL

from upheld.brokers.secrets import resolved
from upheld.brokers.servers import AmqpServer

PATIENCE = 10
"""Seconds that the broker may take to answer."""


async def connected(server: AmqpServer, name: str) -> AbstractConnection:
    """A connection that calls itself `name`. Raises whatever the client raises."""
    url = URL(server.url)
    if server.username is not None:
        url = url.with_user(server.username)
    if server.password is not None:
        url = url.with_password(resolved(server.password))
    given: dict[str, Any] = {}
    if server.ca is not None:
        given["ssl_context"] = ssl.create_default_context(cafile=str(server.ca))
    url = url.update_query(name=name, heartbeat="20")
    connection: AbstractConnection = await aio_pika.connect(url, timeout=PATIENCE, **given)
    return connection
