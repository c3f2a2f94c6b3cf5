"""A server of NATS, AMQP or Kafka, as a file of sources or of sinks declares it, and the client that speaks to it."""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from upheld.agreements.fields import Document
from upheld.brokers.secrets import check_reference

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
BrokerKind = Literal["nats", "amqp", "kafka"]

_CLIENTS: Mapping[BrokerKind, str] = {"nats": "nats", "amqp": "aio_pika", "kafka": "confluent_kafka"}
_CONFIDENTIAL = re.compile(
    r"password|passphrase|secret|token|jaas|private|credential|account_key|connection_string|(?<![a-z])sas(?![a-z])"
    r"|key\.pem",
    re.IGNORECASE,
)
"""Names of options whose values are confidential. The plain `key` of S3 names its secret, and is none."""


class MissingClient(Exception):
    """What is needed to speak to a kind of broker or folder is not installed; `str()` says how to install it."""


class Lost(Exception):
    """The connection is gone, or what is asked for is not there; `str()` says which."""


def check_client(kind: BrokerKind, who: str) -> None:
    """Raises MissingClient where the client of a kind of broker is not installed that `who` needs."""
    try:
        importlib.import_module(_CLIENTS[kind])
    except ImportError:
        how = f"a client that is not installed: pip install 'upheld[{kind}]'"
        raise MissingClient(f"{who}: kind {kind} needs {how}") from None


def plain_url(*schemes: str) -> AfterValidator:
    """Checks that a text is an address with one of these beginnings, and a host."""

    def check(url: str) -> str:
        try:
            found = urlsplit(url)
            _ = found.port
        except ValueError:
            raise ValueError(f"an address begins with {' or '.join(schemes)}") from None
        if f"{found.scheme}://" not in schemes or not found.hostname:
            raise ValueError(f"an address begins with {' or '.join(schemes)}")
        return url

    return AfterValidator(check)


Secret = Annotated[str, AfterValidator(check_reference)]
NatsUrl = Annotated[str, plain_url("nats://", "tls://")]
AmqpUrl = Annotated[str, plain_url("amqp://", "amqps://")]


class _Addressed(Document):
    @model_validator(mode="after")
    def _no_password_in_address(self) -> Self:
        # not a check of the field, whose fault would show what it found
        if "@" in urlsplit(getattr(self, "url", "")).netloc:
            raise ValueError("url: has a user or a password; they go into username and password")
        return self


class NatsServer(_Addressed):
    """A server of NATS, and how one signs in to it."""

    kind: Literal["nats"]
    url: NatsUrl
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    credentials: Path | None = None
    """A file of credentials, as `nsc` makes it."""
    ca: Path | None = None
    """The certificates that the server's is checked by; without it, the system's."""


class AmqpServer(_Addressed):
    """A server of RabbitMQ, or of another broker of AMQP 0-9-1."""

    kind: Literal["amqp"]
    url: AmqpUrl
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None


class KafkaServers(Document):
    """Servers of Kafka. `options` are those of librdkafka."""

    kind: Literal["kafka"]
    servers: Annotated[tuple[Annotated[str, Field(pattern=r"^[^\s,@]+:\d+$")], ...], Field(min_length=1)]
    options: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _options_are_free(self) -> Self:
        taken = {"bootstrap.servers", *self.taken_options()} & set(self.options)
        if taken:
            raise ValueError(f"options: {sorted(taken)[0]} is set by Upheld itself")
        check_options(self.options)
        return self

    @classmethod
    def taken_options(cls) -> frozenset[str]:
        """Options that are not the user's to set."""
        return frozenset()


def check_options(options: Mapping[str, Any]) -> None:
    """What is confidential must be a reference, on every level."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            check_options(value)
        elif _CONFIDENTIAL.search(name) and isinstance(value, str) and not name.endswith(("location", "mechanism")):
            try:
                check_reference(value)
            except ValueError as error:
                raise ValueError(f"options: {name}: {error}") from None
