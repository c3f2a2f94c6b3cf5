"""NATS JetStream: a durable pull consumer with explicit acknowledgements.

Lost connections are not mended by the client: the consumer opens a new one, as for every broker.
"""

import ssl
from collections.abc import Sequence
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingCame
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext

from upheld.agreements.units import SECOND
from upheld.sources.declared import NatsSource
from upheld.sources.feeds import Lost, Message
from upheld.sources.secrets import resolved

AT_ONCE = 256
"""Messages that one request to the server asks for."""
PATIENCE = 10
"""Seconds that the server may take to answer."""


async def open_feed(source: NatsSource) -> "NatsFeed":
    client = await _connected(source)
    try:
        stream = client.jetstream(timeout=PATIENCE)
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=source.ack_wait / SECOND,
            max_ack_pending=source.in_flight,
        )
        durable = source.durable or f"upheld-{source.id}"
        subscription = await stream.pull_subscribe(source.subject, durable, source.stream, config)
    except BaseException:
        await client.close()
        raise
    return NatsFeed(client, subscription)


async def probe(source: NatsSource) -> str:
    client = await _connected(source)
    try:
        stream = client.jetstream(timeout=PATIENCE)
        name = source.stream or await stream.find_stream_name_by_subject(source.subject)
        state = (await stream.stream_info(name)).state
        return f"stream {name} holds {state.messages:,} messages"
    finally:
        await client.close()


async def _connected(source: NatsSource) -> Client:
    secrets: dict[str, Any] = {
        "user": source.username,
        "password": resolved(source.password) if source.password else None,
        "token": resolved(source.token) if source.token else None,
        "user_credentials": str(source.credentials) if source.credentials else None,
        "tls": ssl.create_default_context(cafile=str(source.ca)) if source.ca else None,
    }
    return await nats.connect(
        source.url,
        name=f"upheld {source.id}",
        allow_reconnect=False,
        connect_timeout=PATIENCE,
        ping_interval=10,
        max_outstanding_pings=2,
        error_cb=_said,
        **{name: value for name, value in secrets.items() if value is not None},
    )


async def _said(_: Exception) -> None:
    """The client tells here what it also raises where it matters."""


class NatsFeed:
    """See `feeds.Feed`."""

    def __init__(self, client: Client, subscription: JetStreamContext.PullSubscription) -> None:
        self._client, self._subscription = client, subscription
        self._held: dict[int, Msg] = {}

    async def receive(self, most: int, wait: float) -> Sequence[Message]:
        if not self._client.is_connected:
            raise Lost("the connection was closed")
        try:
            came = await self._subscription.fetch(min(most, AT_ONCE), timeout=wait)
        except NothingCame:
            return []
        return [self._message(message) for message in came]

    def _message(self, message: Msg) -> Message:
        told = message.metadata
        number = told.sequence.stream
        self._held[number] = message
        at = round(told.timestamp.timestamp() * SECOND)
        return Message(message.data, f"{told.stream}#{number}", message, at)

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await message.ticket.ack()
            self._held.pop(message.ticket.metadata.sequence.stream, None)
        await self._client.flush(PATIENCE)

    async def hold(self, messages: Sequence[Message]) -> None:
        if not self._client.is_connected:
            raise Lost("the connection was closed")
        for message in messages:
            await message.ticket.in_progress()

    async def close(self) -> None:
        if self._client.is_connected:
            for message in self._held.values():
                await message.nak()
        await self._client.close()
