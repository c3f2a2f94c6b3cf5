"""What a file of sources says: where measurements are fetched from, how they are read, and what becomes of those that
cannot be. `docs/ingestion.md` has an example of each kind."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from upheld.agreements.fields import Document, Duration, Name, check_unique
from upheld.agreements.units import MINUTE, SECOND
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text
from upheld.sources.secrets import check_reference

Format = Literal["jsonl", "csv", "parquet", "arrow", "remote_write", "otlp"]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Count = Annotated[int, Field(ge=1, le=100_000)]
Bytes = Annotated[int, Field(ge=1024, le=1024 * 1024 * 1024)]
SUFFIXES: Mapping[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}
"""What the name of a file tells of its format."""

_CONFIDENTIAL = re.compile(
    r"password|passphrase|secret|token|jaas|private|credential|account_key|connection_string|(?<![a-z])sas(?![a-z])"
    r"|key\.pem",
    re.IGNORECASE,
)
"""Names of options whose values are confidential. The plain `key` of S3 names its secret, and is none."""


def _check_plain_url(schemes: tuple[str, ...]) -> AfterValidator:
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


NatsUrl = Annotated[str, _check_plain_url(("nats://", "tls://"))]
AmqpUrl = Annotated[str, _check_plain_url(("amqp://", "amqps://"))]
Secret = Annotated[str, AfterValidator(check_reference)]


class _Source(Document):
    """What every source has. `bad_rows: apart` takes the good rows of a message or file and sets the bad ones aside;
    `whole` sets aside the whole of it. `unread` are rows that no objective in force reads."""

    id: Id
    tenant: Name = "default"
    bad_rows: Literal["apart", "whole"] = "apart"
    unread: Literal["set_aside", "leave_out"] = "set_aside"
    max_bytes: Bytes = 32 * 1024 * 1024
    """A message or file that is larger is set aside unread."""


class _Broker(_Source):
    """What every broker has. Messages are gathered for `batch_wait`, or until they have `batch_bytes`, and are then
    written together; no more than `in_flight` are held unacknowledged."""

    format: Format
    batch_bytes: Bytes = 4 * 1024 * 1024
    batch_wait: Annotated[Duration, Field(le=MINUTE)] = SECOND // 5
    in_flight: Count = 1000

    @model_validator(mode="after")
    def _no_password_in_address(self) -> Self:
        url = getattr(self, "url", "")
        if "@" in urlsplit(url).netloc:
            raise ValueError("url: has a user or a password; they go into username and password")
        return self


class NatsSource(_Broker):
    """A subject of a JetStream stream, by a durable consumer of the name `durable`, which is made where there is none.
    The stream must be there; without `stream` it is the one that has the subject."""

    kind: Literal["nats"]
    url: NatsUrl
    subject: Annotated[str, Field(pattern=r"^[^\s]+$")]
    stream: Annotated[str, Field(pattern=r"^[^\s.*>/\\]+$")] | None = None
    durable: Annotated[str, Field(pattern=r"^[^\s.*>/\\]+$")] | None = None
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    credentials: Path | None = None
    """A file of credentials, as `nsc` makes it."""
    ca: Path | None = None
    """The certificates that the server's is checked by; without it, the system's."""
    ack_wait: Annotated[Duration, Field(ge=SECOND)] = 30 * SECOND
    """After so long the server delivers again what was not acknowledged."""


class AmqpSource(_Broker):
    """A queue of RabbitMQ, or of another broker of AMQP 0-9-1, which must be there."""

    kind: Literal["amqp"]
    url: AmqpUrl
    queue: Name
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None


class KafkaSource(_Broker):
    """A topic of Kafka, by the consumer group `group`. `options` are those of librdkafka."""

    kind: Literal["kafka"]
    servers: Annotated[tuple[Annotated[str, Field(pattern=r"^[^\s,@]+:\d+$")], ...], Field(min_length=1)]
    topic: Name
    group: Name | None = None
    options: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _options_are_free(self) -> Self:
        taken = {"bootstrap.servers", "group.id", "enable.auto.commit", "enable.auto.offset.store"} & set(self.options)
        if taken:
            raise ValueError(f"options: {sorted(taken)[0]} is set by the source itself")
        _check_options(self.options)
        return self


class FolderSource(_Source):
    """The files of a folder, or the objects under a prefix, by fsspec: `url` may be a path, or be of any kind that
    fsspec knows, with its `options`. The name of a file tells its format, unless `format` does. A file is complete once
    it has been the same for `settle`; what cannot be read is tried again until it has been the same for `patience`.
    Files that were taken are moved to `done/`, or with `afterwards: keep` left where they are."""

    kind: Literal["folder"]
    url: Annotated[str, Field(min_length=1)]
    format: Format | None = None
    pattern: str = "*"
    afterwards: Literal["move", "keep"] = "move"
    every: Annotated[Duration, Field(ge=SECOND // 20)] = 5 * SECOND
    settle: Duration = 5 * SECOND
    patience: Duration = MINUTE
    options: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _options_hide(self) -> Self:
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("url: has a user or a password; they go into options")
        _check_options(self.options)
        return self


Source = NatsSource | AmqpSource | KafkaSource | FolderSource
Broker = NatsSource | AmqpSource | KafkaSource


class Declaration(Document):
    """All sources of an installation."""

    sources: Annotated[tuple[Annotated[Source, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        check_unique("sources", [source.id for source in self.sources])
        return self


def _check_options(options: Mapping[str, Any]) -> None:
    """What is confidential must be a reference, on every level."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            _check_options(value)
        elif _CONFIDENTIAL.search(name) and isinstance(value, str) and not name.endswith(("location", "mechanism")):
            try:
                check_reference(value)
            except ValueError as error:
                raise ValueError(f"options: {name}: {error}") from None


def read_declaration(path: Path) -> Declaration:
    """A file of sources. Raises InputError with every fault."""
    return validate(Declaration, parse_yaml(read_text(path), str(path)))


def place_of(source: Source) -> str:
    """Where a source is, for logs and people."""
    match source:
        case NatsSource():
            return f"subject {source.subject} at {source.url}"
        case AmqpSource():
            return f"queue {source.queue} at {source.url}"
        case KafkaSource():
            return f"topic {source.topic} at {', '.join(source.servers)}"
        case FolderSource():
            return source.url
