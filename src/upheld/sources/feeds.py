"""What a consumer needs of a broker. Each kind of broker passes one suite, tests/contracts/test_feeds.py."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from upheld.brokers.servers import BrokerKind, check_client
from upheld.sources.declared import Broker

_ADAPTERS: Mapping[BrokerKind, str] = {"nats": "nats_stream", "amqp": "amqp_queue", "kafka": "kafka_topic"}


@dataclass(frozen=True, slots=True)
class Message:
    """A message, what it is called for people, and what acknowledges it. `at` is when the broker took it in, in
    microseconds UTC, where the broker says so and may deliver out of order."""

    body: bytes
    name: str
    ticket: Any
    at: int | None = None


class Feed(Protocol):
    """An open connection that delivers the messages of a source. Each call raises where the connection is lost: what
    was not acknowledged is then delivered again."""

    async def receive(self, most: int, wait: float) -> Sequence[Message]:
        """Up to that many messages, in the order of the broker; none where none comes within `wait` seconds."""

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tells the broker that these, all that were received since the last time, need not come again."""

    async def hold(self, messages: Sequence[Message]) -> None:
        """Tells the broker that these are still being worked at: called every few seconds while they are."""

    async def close(self) -> None:
        """Gives back what was not acknowledged."""


def module_of(source: Broker) -> ModuleType:
    """The adapter of a source's kind of broker: `open_feed(source)` and `probe(source)`. Raises MissingClient."""
    check_client(source.kind, f"source {source.id}")
    return importlib.import_module(f"upheld.sources.{_ADAPTERS[source.kind]}")


async def open_feed(source: Broker) -> Feed:
    """Connects. Raises whatever the client raises where that fails."""
    feed: Feed = await module_of(source).open_feed(source)
    return feed


async def probe(source: Broker) -> str:
    """Looks whether what the source names is there, takes nothing, and says what was found. Raises as `open_feed`."""
    found: str = await module_of(source).probe(source)
    return found
