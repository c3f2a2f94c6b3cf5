"""Kafka: each message is acknowledged by every replica in sync. Its key is what the event is about."""

import asyncio
from typing import Any

from confluent_kafka import KafkaException, Producer

from upheld.brokers.kafka_servers import PATIENCE, settings
from upheld.brokers.servers import Lost
from upheld.outgoing.model import MEDIA_TYPE
from upheld.sinks.declared import KafkaSink
from upheld.sinks.sending import Message


async def open_sender(sink: KafkaSink) -> "KafkaSender":
    sender = KafkaSender(sink)
    await asyncio.to_thread(sender.check)
    return sender


class KafkaSender:
    """See `sending.Sender`. The client's calls block, and are made in a thread."""

    def __init__(self, sink: KafkaSink) -> None:
        self._topic = sink.topic
        given = {"delivery.timeout.ms": round(PATIENCE * 1000), "linger.ms": 0, "message.max.bytes": 16 * 1024 * 1024}
        certain = {"enable.idempotence": True, "acks": "all"}
        self._producer = Producer({**given, **settings(sink, f"upheld-{sink.id}"), **certain})

    def check(self) -> None:
        """Looks whether the topic is there."""
        found = self._producer.list_topics(self._topic, timeout=PATIENCE).topics[self._topic]
        if found.error is not None:
            raise Lost(f"topic {self._topic}: {found.error.str()}")

    async def send(self, message: Message) -> None:
        await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> None:
        told: list[Any] = []
        headers = [("content-type", MEDIA_TYPE.encode())]
        self._producer.produce(
            self._topic,
            message.body,
            key=message.key.encode(),
            headers=headers,  # type: ignore[arg-type]  # a list of pairs is taken too
            on_delivery=lambda error, _: told.append(error),
        )
        self._producer.flush(PATIENCE + 5)
        if not told:
            raise Lost("the brokers do not answer")
        if told[0] is not None:
            raise KafkaException(told[0])

    async def close(self) -> None:
        self._producer.purge()
        await asyncio.to_thread(self._producer.flush, 1)
