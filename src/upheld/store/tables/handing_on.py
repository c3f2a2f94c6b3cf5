"""What other systems are told, and billing."""

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from upheld.store.tables.columns import DOCUMENT, column, metadata

# What other systems are told, in order and without gaps; `outgoing_heads` has the last position of each tenant, and up
# to which position events were removed because they were old.
outgoing_events = Table(
    "outgoing_events",
    metadata,
    column("tenant", Text),
    column("position", BigInteger),
    column("type", Text),
    column("subject", Text),
    column("at", BigInteger),
    column("data", DOCUMENT),
    PrimaryKeyConstraint("tenant", "position"),
)

outgoing_heads = Table(
    "outgoing_heads",
    metadata,
    column("tenant", Text),
    column("position", BigInteger),
    column("removed", BigInteger),
    PrimaryKeyConstraint("tenant"),
)

adjustments = Table(
    "adjustments",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("told_at", BigInteger),
    column("customer", Text),
    column("agreement", Text),
    column("objective", Text),
    column("service", Text),
    column("period_start", BigInteger),
    column("period_end", BigInteger),
    # Decimals, exactly as they were told.
    column("amount", Text),
    column("currency", Text),
    column("credit", Text),
    column("reason", Text),
    column("verdict_version", Integer),
    column("cause", Text),
    column("approver", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index("adjustments_by_time", "tenant", "told_at", "id"),
)

# What was claimed of credits that must be: once each, whatever the verdict has come to since.
claims = Table(
    "claims",
    metadata,
    column("tenant", Text),
    column("agreement", Text),
    column("objective", Text),
    column("service", Text),
    column("period_start", BigInteger),
    column("customer", Text),
    column("claimed_at", BigInteger),
    column("claimed_by", Text),
    column("via", Text),
    column("claim_by", BigInteger),
    column("comment", Text),
    column("exception", Text, optional=True),
    column("told_at", BigInteger, optional=True),
    PrimaryKeyConstraint("tenant", "agreement", "objective", "service", "period_start"),
    Index(
        "claims_to_tell",
        "tenant",
        "claimed_at",
        sqlite_where=text("told_at IS NULL"),
        postgresql_where=text("told_at IS NULL"),
    ),
)

# Up to which position each destination has what it is told.
sinks = Table(
    "sinks",
    metadata,
    column("tenant", Text),
    column("sink", Text),
    column("position", BigInteger),
    PrimaryKeyConstraint("tenant", "sink"),
)

hubs = Table(
    "hubs",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("callback", Text),
    column("query", Text, optional=True),
    column("types", DOCUMENT),
    column("created_at", BigInteger),
    PrimaryKeyConstraint("tenant", "id"),
)
