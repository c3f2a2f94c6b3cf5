"""Kafka: a topic, consumed by a group whose offsets are committed once what they count is on disk."""

import asyncio
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from upheld.brokers.kafka_servers import PATIENCE, settings
from upheld.brokers.servers import Lost
from upheld.sources.declared import KafkaSource
from upheld.sources.feeds import Message


async def open_feed(source: KafkaSource) -> "KafkaFeed":
    feed = KafkaFeed(source)
    try:
        await asyncio.to_thread(feed.begin)
    except BaseException:
        await feed.close()
        raise
    return feed


async def probe(source: KafkaSource) -> str:
    consumer = Consumer(_settings(source))
    try:
        partitions = await asyncio.to_thread(_partitions, consumer, source.topic)
        return f"topic {source.topic} has {partitions:,} partitions"
    finally:
        await asyncio.to_thread(consumer.close)


def _settings(source: KafkaSource) -> dict[str, Any]:
    return {
        "auto.offset.reset": "earliest",
        "queued.max.messages.kbytes": 16 * 1024,
        "queued.min.messages": source.in_flight,
        **settings(source, f"upheld-{source.id}"),
        "group.id": source.group or f"upheld-{source.id}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }


def _partitions(consumer: Consumer, topic: str) -> int:
    found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic]
    if found.error is not None:
        raise Lost(f"topic {topic}: {found.error.str()}")
    return len(found.partitions)


class KafkaFeed:
    """See `feeds.Feed`. The client's calls block, and are made in a thread."""

    def __init__(self, source: KafkaSource) -> None:
        self._topic = source.topic
        self._consumer = Consumer(_settings(source) | {"error_cb": self._said})
        self._down = False
        self._paused: list[TopicPartition] = []

    def begin(self) -> None:
        """Looks whether the topic is there, and joins the group."""
        _partitions(self._consumer, self._topic)
        self._consumer.subscribe([self._topic])

    def _said(self, error: KafkaError) -> None:
        self._down = self._down or error.fatal() or error.code() == KafkaError._ALL_BROKERS_DOWN

    async def receive(self, most: int, wait: float) -> Sequence[Message]:
        if self._paused:
            self._consumer.resume(self._paused)
            self._paused = []
        records = await asyncio.to_thread(self._consumer.consume, most, wait)
        if self._down:
            raise Lost("no broker can be reached")
        return [_message(record) for record in records if not _is_end(record)]

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        ends: dict[int, int] = {}
        for message in messages:
            ends[message.ticket.partition()] = message.ticket.offset() + 1
        offsets = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
        if offsets:
            committed = await asyncio.to_thread(self._consumer.commit, offsets=offsets, asynchronous=False)
            for one in committed or ():
                if one.error is not None:
                    raise KafkaException(one.error)

    async def hold(self, messages: Sequence[Message]) -> None:
        """The group takes a consumer for dead that does not poll; what is paused delivers nothing."""
        self._paused = self._consumer.assignment()
        self._consumer.pause(self._paused)
        record = await asyncio.to_thread(self._consumer.poll, 0.1)
        if record is not None and record.error() is None:
            raise Lost("a message came while none was asked for")
        if self._down:
            raise Lost("no broker can be reached")

    async def close(self) -> None:
        await asyncio.to_thread(self._consumer.close)


def _is_end(record: Record) -> bool:
    error = record.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _message(record: Record) -> Message:
    error = record.error()
    if error is not None:
        raise KafkaException(error)
    name = f"{record.topic()}[{record.partition()}]#{record.offset()}"
    return Message(record.value() or b"", name, record)
