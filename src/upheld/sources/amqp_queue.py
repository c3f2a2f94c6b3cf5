"""AMQP 0-9-1: a queue of RabbitMQ, or of another broker that speaks it, which is consumed with acknowledgements."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from upheld.brokers.amqp_server import PATIENCE, connected
from upheld.brokers.servers import Lost
from upheld.sources.declared import AmqpSource
from upheld.sources.feeds import Message

LOOK = 10
"""After so many seconds without a message it is looked whether the queue is still there."""


async def open_feed(source: AmqpSource) -> "AmqpFeed":
    connection = await connected(source, f"upheld {source.id}")
    try:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=min(source.in_flight, 65_535))
        feed = AmqpFeed(connection, channel, source.queue)
        await feed.begin()
    except BaseException:
        await connection.close()
        raise
    return feed


async def probe(source: AmqpSource) -> str:
    connection = await connected(source, f"upheld {source.id}")
    try:
        channel = await connection.channel()
        queue = await channel.get_queue(source.queue)
        found = queue.declaration_result
        return f"queue {source.queue} holds {found.message_count:,} messages for {found.consumer_count:,} consumers"
    finally:
        await connection.close()


class AmqpFeed:
    """See `feeds.Feed`."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, queue: str) -> None:
        self._connection, self._channel, self._queue = connection, channel, queue
        self._came: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._lost = False
        self._quiet = 0.0

    async def begin(self) -> None:
        """Asks for the messages."""
        self._connection.close_callbacks.add(self._close)
        self._channel.close_callbacks.add(self._close)
        queue = await self._channel.get_queue(self._queue)
        await queue.consume(self._take)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self._came.put_nowait(message)

    def _close(self, *_: object) -> None:
        self._lost = True
        self._came.put_nowait(None)

    async def receive(self, most: int, wait: float) -> Sequence[Message]:
        found: list[Message] = []
        with suppress(asyncio.TimeoutError):
            self._keep(found, await asyncio.wait_for(self._came.get(), wait))
            while len(found) < most and not self._came.empty():
                self._keep(found, self._came.get_nowait())
        self._quiet = 0 if found else self._quiet + wait
        if self._quiet >= LOOK:
            self._quiet = 0
            await self._channel.declare_queue(self._queue, passive=True, timeout=PATIENCE)
        return found

    def _keep(self, found: list[Message], message: AbstractIncomingMessage | None) -> None:
        if self._lost or message is None:
            raise Lost("the connection was closed")
        name = f"{self._queue}#{message.message_id or message.delivery_tag}"
        found.append(Message(message.body, name, message))

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        self._check()
        if messages:
            await messages[-1].ticket.ack(multiple=True)

    async def hold(self, messages: Sequence[Message]) -> None:
        self._check()

    def _check(self) -> None:
        if self._lost:
            raise Lost("the connection was closed")

    async def close(self) -> None:
        await self._connection.close()
