"""What is in force, as text, who may do what, and the settings of the installation."""

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from upheld.store.tables.columns import DOCUMENT, column, metadata

tenants = Table(
    "tenants",
    metadata,
    column("tenant", Text),
    column("name", Text),
    PrimaryKeyConstraint("tenant"),
)

api_keys = Table(
    "api_keys",
    metadata,
    column("tenant", Text),
    column("id", Text),
    column("name", Text),
    column("digest", Text),
    column("role", Text),
    column("created_at", BigInteger),
    column("revoked_at", BigInteger, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    # The one look-up that comes before a tenant is known, for it finds out which.
    Index("api_keys_by_digest", "digest", unique=True),
)

settings = Table(
    "settings",
    metadata,
    column("tenant", Text),
    column("name", Text),
    column("value", Text),
    PrimaryKeyConstraint("tenant", "name"),
)

portfolios = Table(
    "portfolios",
    metadata,
    column("tenant", Text),
    column("version", Integer),
    column("source", Text),
    column("known_at", BigInteger),
    column("applied_by", Text, optional=True),
    # Of each agreement that there ever was: its version, and a digest of what it says.
    column("agreements", DOCUMENT),
    PrimaryKeyConstraint("tenant", "version"),
)

mappings = Table(
    "mappings",
    metadata,
    column("tenant", Text),
    column("version", Integer),
    column("source", Text),
    column("known_at", BigInteger),
    column("applied_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "version"),
)

playbooks = Table(
    "playbooks",
    metadata,
    column("tenant", Text),
    column("version", Integer),
    column("source", Text),
    column("known_at", BigInteger),
    column("applied_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "version"),
)

topologies = Table(
    "topologies",
    metadata,
    column("tenant", Text),
    column("version", Integer),
    column("source", Text),
    column("known_at", BigInteger),
    column("applied_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "version"),
)
