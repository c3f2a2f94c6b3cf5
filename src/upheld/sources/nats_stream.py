"""NATS JetStream: a durable pull consumer with explicit acknowledgements.

Lost connections are not mended by the client: the consumer opens a new one, as for every broker.
"""

from collections.abc import Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingCame
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext

from upheld.agreements.units import SECOND
from upheld.brokers.nats_server import PATIENCE, connected
from upheld.brokers.servers import Lost
from upheld.sources.declared import NatsSource
from upheld.sources.feeds import Message

AT_ONCE = 256
"""Messages that one request to the server asks for."""


async def open_feed(source: NatsSource) -> "NatsFeed":
    client = await connected(source, f"upheld {source.id}")
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
    client = await connected(source, f"upheld {source.id}")
    try:
        stream = client.jetstream(timeout=PATIENCE)
        name = source.stream or await stream.find_stream_name_by_subject(source.subject)
        state = (await stream.stream_info(name)).state
        return f"stream {name} holds {state.messages:,} messages"
    finally:
        await client.close()


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
