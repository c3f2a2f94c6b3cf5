"""What was assessed, and what it came to."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from upheld.store.tables.columns import DOCUMENT, column, metadata

verdicts = Table(
    "verdicts",
    metadata,
    column("tenant", Text),
    column("agreement", Text),
    column("objective", Text),
    column("service", Text),
    column("period_start", BigInteger),
    column("version", Integer),
    column("period_end", BigInteger),
    column("customer", Text),
    column("status", Text),
    column("final", Boolean),
    # Since when the version is known, why it came about and who approved it: that stays. Its figures go on with time,
    # and `written_at` is when they last did.
    column("known_at", BigInteger),
    column("cause", Text),
    column("approver", Text, optional=True),
    column("written_at", BigInteger),
    # Of a rolling window, from when the terms that it is assessed by are valid: its versions are told from others by
    # this and not by where the window begins. NULL for a calendar period.
    column("rolling_from", BigInteger, optional=True),
    column("document", DOCUMENT),
    PrimaryKeyConstraint("tenant", "agreement", "objective", "service", "period_start", "version"),
)
for _name in ("known_at", "cause", "approver"):
    verdicts.c[_name].info["stays"] = True

assessments = Table(
    "assessments",
    metadata,
    column("tenant", Text),
    column("number", BigInteger),
    column("known_at", BigInteger),
    column("as_of", BigInteger),
    column("since", BigInteger),
    column("lateness", BigInteger),
    column("position", BigInteger),
    column("exclusions", BigInteger),
    column("events", BigInteger),
    column("portfolio", Integer),
    PrimaryKeyConstraint("tenant", "number"),
    Index("assessments_by_knowledge", "tenant", "known_at", "number"),
)

# Verdicts that have come to something of which a party may have to be told, gathered for a moment before it is; then
# what it was told of them.
verdict_news = Table(
    "verdict_news",
    metadata,
    column("tenant", Text),
    column("agreement", Text),
    column("objective", Text),
    column("service", Text),
    column("period_start", BigInteger),
    column("version", Integer),
    column("occasion", Text),
    column("party", Text),
    column("customer", Text),
    column("at", BigInteger),
    column("not_before", BigInteger),
    column("told", BigInteger, optional=True),
    column("notices", DOCUMENT),
    PrimaryKeyConstraint(
        *("tenant", "agreement", "objective", "service", "period_start", "version", "occasion", "party")
    ),
    Index(
        "verdict_news_to_tell",
        "tenant",
        "party",
        "at",
        "not_before",
        sqlite_where=text("told IS NULL"),
        postgresql_where=text("told IS NULL"),
    ),
)
