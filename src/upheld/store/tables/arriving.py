"""What comes in, and from whom; of measurements what `log` has."""

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from upheld.store.tables.columns import DOCUMENT, column, metadata

source_files = Table(
    "source_files",
    metadata,
    column("tenant", Text),
    column("source", Text),
    column("path", Text),
    column("mark", Text),
    column("known_at", BigInteger),
    column("state", Text),
    column("measurements", BigInteger),
    PrimaryKeyConstraint("tenant", "source", "path", "mark"),
)

senders = Table(
    "senders",
    metadata,
    column("tenant", Text),
    column("name", Text),
    column("heard_at", BigInteger),
    column("delivered_at", BigInteger, optional=True),
    column("measurements", BigInteger),
    column("duplicates", BigInteger),
    column("conflicts", BigInteger),
    column("future", BigInteger),
    column("refused", BigInteger),
    column("lag", BigInteger, optional=True),
    column("hour", BigInteger, optional=True),
    column("least_lag", BigInteger, optional=True),
    column("least_before", BigInteger, optional=True),
    column("error", Text, optional=True),
    column("error_at", BigInteger, optional=True),
    PrimaryKeyConstraint("tenant", "name"),
    Index("senders_by_hearing", "tenant", "heard_at"),
)

# Jobs of TMF628. Their files are `source_files`.
collection_jobs = Table(
    "collection_jobs",
    metadata,
    column("tenant", Text),
    column("id", BigInteger),
    column("state", Text),
    column("fields", DOCUMENT),
    column("records", DOCUMENT),
    column("created_at", BigInteger),
    column("changed_at", BigInteger),
    PrimaryKeyConstraint("tenant", "id"),
)

alarms = Table(
    "alarms",
    metadata,
    column("tenant", Text),
    column("id", BigInteger),
    column("source", Text),
    column("number", Text),
    column("raised_at", BigInteger, optional=True),
    column("cleared_at", BigInteger, optional=True),
    column("severity", Text, optional=True),
    column("object", Text, optional=True),
    column("cause", Text, optional=True),
    column("text", Text),
    column("fields", DOCUMENT),
    column("labels", DOCUMENT),
    column("services", DOCUMENT),
    column("places", DOCUMENT),
    column("changed_at", BigInteger, optional=True),
    column("clearing_known_at", BigInteger, optional=True),
    column("reported_at", BigInteger),
    column("known_at", BigInteger),
    column("occurrence", Integer),
    PrimaryKeyConstraint("tenant", "id"),
    Index("alarms_by_number", "tenant", "number", "source", unique=True),
    Index("alarms_by_report", "tenant", "reported_at", "id"),
)

# Every name that an alarm is about: its services, its managed object.
alarm_subjects = Table(
    "alarm_subjects",
    metadata,
    column("tenant", Text),
    column("name", Text),
    column("alarm", BigInteger),
    PrimaryKeyConstraint("tenant", "name", "alarm"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("received_at", BigInteger),
    column("caller", Text, optional=True),
    column("protocol", Text),
    column("format", Text),
    column("reason", Text),
    column("detail", DOCUMENT),
    column("body", LargeBinary),
    # Bytes of the body as it is kept, and as it was sent.
    column("kept_bytes", BigInteger),
    column("size", BigInteger),
    column("times", BigInteger),
    column("state", Text),
    column("attempts", Integer),
    column("ended_at", BigInteger, optional=True),
    column("ended_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    # It holds what counts and sums are made of, so that no body is read for them.
    Index("dead_letters_by_age", "tenant", "received_at", "state", "reason", "kept_bytes"),
)

dead_letters_dropped = Table(
    "dead_letters_dropped",
    metadata,
    column("tenant", Text),
    column("letters", BigInteger),
    PrimaryKeyConstraint("tenant"),
)

log_head = Table(
    "log_head",
    metadata,
    column("tenant", Text),
    column("position", BigInteger),
    PrimaryKeyConstraint("tenant"),
)

log_batches = Table(
    "log_batches",
    metadata,
    column("tenant", Text),
    column("position", BigInteger),
    column("min_time", BigInteger),
    column("max_time", BigInteger),
    column("rows", Integer),
    column("source", Text, optional=True),
    column("arrow", LargeBinary),
    PrimaryKeyConstraint("tenant", "position"),
    Index("log_batches_by_time", "tenant", "max_time", "min_time"),
)

# Which files of the log's folder hold what batches hold no more: see `store.compacting`.
log_files = Table(
    "log_files",
    metadata,
    column("tenant", Text),
    column("name", Text),
    # What it is called until it is in its place.
    column("hidden", Text),
    # `writing` until it belongs to the log, `new` until it is in its place, then `placed`; `gone` once it belongs to
    # the log no more, until it is deleted.
    column("state", Text),
    column("month", Text),
    column("first_position", BigInteger),
    column("last_position", BigInteger),
    column("min_time", BigInteger),
    column("max_time", BigInteger),
    column("rows", Integer),
    PrimaryKeyConstraint("tenant", "name"),
    Index("log_files_by_time", "tenant", "max_time", "min_time"),
)
