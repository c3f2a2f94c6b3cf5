"""What a file of sources says: where measurements are fetched from, how they are read, and what becomes of those that
cannot be. `docs/ingestion.md` has an example of each kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from upheld.agreements.fields import Document, Duration, Name, check_unique
from upheld.agreements.units import MINUTE, SECOND
from upheld.brokers.servers import AmqpServer, Id, KafkaServers, NatsServer, check_options
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text

Format = Literal["jsonl", "csv", "parquet", "arrow", "remote_write", "otlp"]
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


class NatsSource(NatsServer, _Broker):
    """A subject of a JetStream stream, by a durable consumer of the name `durable`, which is made where there is none.
    The stream must be there; without `stream` it is the one that has the subject."""

    subject: Annotated[str, Field(pattern=r"^[^\s]+$")]
    stream: Annotated[str, Field(pattern=r"^[^\s.*>/\\]+$")] | None = None
    durable: Annotated[str, Field(pattern=r"^[^\s.*>/\\]+$")] | None = None
    ack_wait: Annotated[Duration, Field(ge=SECOND)] = 30 * SECOND
    """After so long the server delivers again what was not acknowledged."""


class AmqpSource(AmqpServer, _Broker):
    """A queue of RabbitMQ, or of another broker of AMQP 0-9-1, which must be there."""

    queue: Name


class KafkaSource(KafkaServers, _Broker):
    """A topic of Kafka, by the consumer group `group`."""

    topic: Name
    group: Name | None = None

    @classmethod
    def taken_options(cls) -> frozenset[str]:
        return frozenset({"group.id", "enable.auto.commit", "enable.auto.offset.store"})


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
        check_options(self.options)
        return self


class JobFiles(_Source):
    """The files of a measurement collection job (TMF628), which nobody declares. What a performance management system
    exports holds more than is promised: rows that no objective reads are left out."""

    id: str
    kind: Literal["tmf628"] = "tmf628"
    bad_rows: Literal["apart", "whole"] = "whole"
    unread: Literal["set_aside", "leave_out"] = "leave_out"


Declared = NatsSource | AmqpSource | KafkaSource | FolderSource
Source = Declared | JobFiles
Broker = NatsSource | AmqpSource | KafkaSource


class Declaration(Document):
    """All sources of an installation."""

    sources: Annotated[tuple[Annotated[Declared, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        check_unique("sources", [source.id for source in self.sources])
        return self


def read_declaration(path: Path) -> Declaration:
    """A file of sources. Raises InputError with every fault."""
    return validate(Declaration, parse_yaml(read_text(path), str(path)))


def place_of(source: Declared) -> str:
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
