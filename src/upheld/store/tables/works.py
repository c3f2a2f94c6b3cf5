"""Planned works, the time that does not count, and what was received of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from upheld.store.tables.base import DOCUMENT, column, metadata

maintenances = Table(
    "maintenances",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("title", Text),
    column("start", BigInteger),
    column("end", BigInteger),
    column("services", DOCUMENT),
    column("approved_by", Text),
    column("planned_at", BigInteger),
    column("description", Text),
    column("state", Text),
    column("sequence", Integer),
    column("windows", DOCUMENT),
    column("started_at", BigInteger, optional=True),
    column("ended_at", BigInteger, optional=True),
    column("overrun_at", BigInteger, optional=True),
    column("emergency", Boolean),
    PrimaryKeyConstraint("tenant", "id"),
    Index("maintenances_by_end", "tenant", "end"),
)

announcements = Table(
    "announcements",
    metadata,
    column("tenant", Text),
    column("maintenance_id", Text),
    column("agreement", Text),
    column("customer", Text),
    column("earned", Boolean),
    column("reason", Text),
    column("decided_at", BigInteger),
    column("services", DOCUMENT),
    column("parts", DOCUMENT),
    column("settled", DOCUMENT),
    PrimaryKeyConstraint("tenant", "maintenance_id", "agreement"),
    Index("announcements_by_agreement", "tenant", "agreement"),
    # Checked at the end of the transaction, so that the two may be saved in either order.
    ForeignKeyConstraint(
        ["tenant", "maintenance_id"],
        ["maintenances.tenant", "maintenances.id"],
        deferrable=True,
        initially="DEFERRED",
    ),
)

objections = Table(
    "objections",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("maintenance_id", Text),
    column("agreement", Text),
    column("customer", Text),
    column("role", Text),
    column("contact", Text),
    column("notice", Text),
    column("windows", DOCUMENT),
    column("at", BigInteger),
    column("answer_by", BigInteger),
    column("wish", DOCUMENT, optional=True),
    column("reason", Text),
    column("state", Text),
    column("told_at", BigInteger, optional=True),
    column("answered_at", BigInteger, optional=True),
    column("answered_by", Text, optional=True),
    column("answer", Text),
    column("agreed", DOCUMENT, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index("objections_by_work", "tenant", "maintenance_id", "at"),
)

# Notices of planned work as they were received, and what each of their windows is about.
received_notices = Table(
    "received_notices",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("digest", Text),
    column("received_at", BigInteger),
    column("source", Text),
    column("name", Text),
    column("sender", Text),
    column("body", LargeBinary),
    PrimaryKeyConstraint("tenant", "id"),
)

noticed_windows = Table(
    "noticed_windows",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("received", Text),
    column("place", BigInteger),
    column("received_at", BigInteger),
    column("provider", Text),
    column("account", Text),
    column("maintenance_id", Text),
    column("part", Integer),
    column("state", Text),
    column("step", Text),
    column("said", DOCUMENT),
    column("circuits", DOCUMENT),
    column("questions", DOCUMENT),
    column("work", Text, optional=True),
    column("decided_at", BigInteger, optional=True),
    column("decided_by", Text, optional=True),
    column("reason", Text),
    column("answer", DOCUMENT),
    PrimaryKeyConstraint("tenant", "id"),
    Index("noticed_windows_by_work", "tenant", "provider", "account", "maintenance_id", "place"),
    Index("noticed_windows_by_place", "tenant", "place"),
    Index("noticed_windows_of_work", "tenant", "work", "place"),
    Index(
        "noticed_windows_waiting",
        "tenant",
        "place",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

# What a person has said that a supplier's circuit is.
supplier_circuits = Table(
    "supplier_circuits",
    metadata,
    column("tenant", Text),
    column("provider", Text),
    column("circuit", Text),
    column("nodes", DOCUMENT),
    column("said_at", BigInteger),
    column("said_by", Text),
    PrimaryKeyConstraint("tenant", "provider", "circuit"),
)

service_events = Table(
    "service_events",
    metadata,
    column("tenant", Text),
    column("place", BigInteger),
    column("service", Text),
    column("metric", Text),
    column("opened", BigInteger),
    column("closed", BigInteger, optional=True),
    column("priority", Text, optional=True),
    column("due", BigInteger, optional=True),
    column("event", Text, optional=True),
    column("known_at", BigInteger),
    # Everything that was ever told, in its order: what was told later of an event does not replace the row.
    PrimaryKeyConstraint("tenant", "place"),
)

exclusions = Table(
    "exclusions",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("service", Text),
    column("start", BigInteger),
    column("end", BigInteger),
    column("reason", Text),
    column("approved_by", Text, optional=True),
    column("agreement", Text, optional=True),
    column("known_at", BigInteger),
    column("revoked_at", BigInteger, optional=True),
    column("revoked_by", Text, optional=True),
    # Places in the order of the log, so that it is certain what an assessment had seen.
    column("granted_as", BigInteger),
    column("revoked_as", BigInteger, optional=True),
    # One row for each time that it was granted. At most one of them stands.
    column("granted", Integer),
    column("maintenance_id", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id", "granted"),
    Index(
        "one_standing_exclusion",
        "tenant",
        "id",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
    Index("exclusions_by_maintenance", "tenant", "maintenance_id"),
)

changes = Table(
    "changes",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("at", BigInteger),
    column("summary", Text),
    column("services", DOCUMENT),
    column("author", Text),
    PrimaryKeyConstraint("tenant", "id"),
    Index("changes_by_time", "tenant", "at"),
)
