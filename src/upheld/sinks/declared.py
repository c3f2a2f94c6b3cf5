"""What a file of sinks says: where events for other systems are sent, and which. `docs/events.md` has an example
of each kind."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from upheld.agreements.fields import Document, Name, check_unique
from upheld.brokers.servers import AmqpServer, Id, KafkaServers, NatsServer, Secret, plain_url
from upheld.outgoing.model import check_types
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text

Types = Annotated[tuple[str, ...], AfterValidator(check_types)]
Pattern = Annotated[str, Field(pattern=r"^[^\s*>]+$", max_length=200)]
"""A subject or a routing key, in which `{type}` stands for the event's type without `org.upheld.`."""


class _Sink(Document):
    """What every sink has. Only events of these `types` are sent, all where there are none. A sink that is new begins
    with what happens from then on (`start: new`), or with the oldest event that is kept (`start: kept`)."""

    id: Id
    tenant: Name = "default"
    types: Types = ()
    start: Literal["new", "kept"] = "new"


class WebhookSink(_Sink):
    """An address that each event is posted to, signed with `secret` (`whsec_...`) as Standard Webhooks has it."""

    kind: Literal["webhook"]
    url: Annotated[str, plain_url("http://", "https://")]
    secret: Secret

    @model_validator(mode="after")
    def _no_user(self) -> "WebhookSink":
        if "@" in self.url:
            raise ValueError("url: has a user or a password; a webhook is signed with its secret")
        return self


class NatsSink(NatsServer, _Sink):
    """A subject of a JetStream stream, which must be there."""

    subject: Pattern = "upheld.events.{type}"


class AmqpSink(AmqpServer, _Sink):
    """An exchange of RabbitMQ, or of another broker of AMQP 0-9-1, which must be there, and must lead each message to a
    queue. Without `exchange` the routing key is a queue's name."""

    exchange: str = ""
    routing_key: Pattern


class KafkaSink(KafkaServers, _Sink):
    """A topic of Kafka. The key is what the event is about, so that what is said of it stays in one partition."""

    topic: Name

    @classmethod
    def taken_options(cls) -> frozenset[str]:
        return frozenset({"enable.idempotence", "acks"})


Sink = WebhookSink | NatsSink | AmqpSink | KafkaSink


class Sinks(Document):
    """All sinks of an installation."""

    sinks: Annotated[tuple[Annotated[Sink, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Sinks":
        check_unique("sinks", [sink.id for sink in self.sinks])
        return self


def read_sinks(path: Path) -> tuple[Sink, ...]:
    """A file of sinks. Raises InputError with every fault."""
    return validate(Sinks, parse_yaml(read_text(path), str(path))).sinks


def place_of(sink: Sink) -> str:
    """Where a sink is, for logs and people."""
    match sink:
        case WebhookSink():
            return sink.url
        case NatsSink():
            return f"subject {sink.subject} at {sink.url}"
        case AmqpSink():
            return f"exchange {sink.exchange or '(default)'}, routing key {sink.routing_key} at {sink.url}"
        case KafkaSink():
            return f"topic {sink.topic} at {', '.join(sink.servers)}"
