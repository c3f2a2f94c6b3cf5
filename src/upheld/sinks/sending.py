"""What is needed of a destination. Each kind passes one suite, tests/contracts/test_sinks.py."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from upheld.brokers.servers import BrokerKind, check_client
from upheld.outgoing.model import PREFIX
from upheld.sinks.declared import Sink, WebhookSink

_ADAPTERS: Mapping[BrokerKind, str] = {"nats": "nats_stream", "amqp": "amqp_exchange", "kafka": "kafka_topic"}


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it is sent: by `id` whoever gets it twice knows it, those of one `key` stay in order. `at` is when it
    happened (microseconds UTC)."""

    id: str
    key: str
    type: str
    at: int
    document: Mapping[str, Any]

    @property
    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    def named(self, pattern: str) -> str:
        """The pattern with the event's type in it."""
        return pattern.replace("{type}", self.type.removeprefix(PREFIX))


class Sender(Protocol):
    """An open way to a destination."""

    async def send(self, message: Message) -> None:
        """Returns once the destination has it and will not lose it. Raises where that is not certain."""

    async def close(self) -> None: ...


def check_installed(sink: Sink) -> None:
    """Raises MissingClient where a client is not installed that the sink needs."""
    if not isinstance(sink, WebhookSink):
        check_client(sink.kind, f"sink {sink.id}")


async def open_broker(sink: Sink) -> Sender:
    """Connects to a broker. Raises whatever its client raises, and Lost where what is named is not there."""
    assert not isinstance(sink, WebhookSink), "a webhook is no broker"
    check_installed(sink)
    adapter = importlib.import_module(f"upheld.sinks.{_ADAPTERS[sink.kind]}")
    sender: Sender = await adapter.open_sender(sink)
    return sender
