"""AMQP 0-9-1: each message is confirmed by the broker, and comes back where no queue takes it."""

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange

from upheld.agreements.units import to_datetime
from upheld.brokers.amqp_server import PATIENCE, connected
from upheld.brokers.servers import Lost
from upheld.outgoing.model import MEDIA_TYPE
from upheld.sinks.declared import AmqpSink
from upheld.sinks.sending import Message


async def open_sender(sink: AmqpSink) -> "AmqpSender":
    connection = await connected(sink, f"upheld {sink.id}")
    try:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange: AbstractExchange = channel.default_exchange
        if sink.exchange:
            exchange = await channel.get_exchange(sink.exchange, ensure=True)
    except BaseException:
        await connection.close()
        raise
    return AmqpSender(connection, exchange, sink.routing_key)


class AmqpSender:
    """See `sending.Sender`."""

    def __init__(self, connection: AbstractConnection, exchange: AbstractExchange, routing_key: str) -> None:
        self._connection, self._exchange, self._routing_key = connection, exchange, routing_key

    async def send(self, message: Message) -> None:
        if self._connection.is_closed:
            raise Lost("the connection was closed")
        packed = aio_pika.Message(
            message.body,
            message_id=message.id,
            type=message.type,
            timestamp=to_datetime(message.at),
            content_type=MEDIA_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await self._exchange.publish(packed, message.named(self._routing_key), mandatory=True, timeout=PATIENCE)

    async def close(self) -> None:
        await self._connection.close()
