"""The tables. Every row belongs to a tenant, and the tenant comes first in every key.

Instants are BIGINT microseconds UTC. A column is named as the field of the record that it holds (see `rows`). What the
installation itself owns, rather than a tenant of it, has the tenant `INSTALLATION`. A change here needs a migration
under `migrations/versions/`; tests/contracts/test_migrations.py holds the two together.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

INSTALLATION = ""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_of_%(referred_table_name)s",
    }
)


def _column(name: str, type_: type | JSON, *, optional: bool = False) -> Column[object]:
    return Column(name, type_, nullable=optional)


# JSON keeps the order of keys and every digit as written, which JSONB does not. None is NULL.
_DOCUMENT = JSON(none_as_null=True)

tenants = Table(
    "tenants",
    metadata,
    _column("tenant", Text),
    _column("name", Text),
    PrimaryKeyConstraint("tenant"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("name", Text),
    _column("digest", Text),
    _column("role", Text),
    _column("created_at", BigInteger),
    _column("revoked_at", BigInteger, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    # The one look-up that comes before a tenant is known, for it finds out which.
    Index("api_keys_by_digest", "digest", unique=True),
)

settings = Table(
    "settings",
    metadata,
    _column("tenant", Text),
    _column("name", Text),
    _column("value", Text),
    PrimaryKeyConstraint("tenant", "name"),
)

portfolios = Table(
    "portfolios",
    metadata,
    _column("tenant", Text),
    _column("version", Integer),
    _column("source", Text),
    _column("known_at", BigInteger),
    _column("applied_by", Text, optional=True),
    # Of each agreement that there ever was: its version, and a digest of what it says.
    _column("agreements", _DOCUMENT),
    PrimaryKeyConstraint("tenant", "version"),
)

mappings = Table(
    "mappings",
    metadata,
    _column("tenant", Text),
    _column("version", Integer),
    _column("source", Text),
    _column("known_at", BigInteger),
    _column("applied_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "version"),
)

playbooks = Table(
    "playbooks",
    metadata,
    _column("tenant", Text),
    _column("version", Integer),
    _column("source", Text),
    _column("known_at", BigInteger),
    _column("applied_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "version"),
)

topologies = Table(
    "topologies",
    metadata,
    _column("tenant", Text),
    _column("version", Integer),
    _column("source", Text),
    _column("known_at", BigInteger),
    _column("applied_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "version"),
)

source_files = Table(
    "source_files",
    metadata,
    _column("tenant", Text),
    _column("source", Text),
    _column("path", Text),
    _column("mark", Text),
    _column("known_at", BigInteger),
    _column("state", Text),
    _column("measurements", BigInteger),
    PrimaryKeyConstraint("tenant", "source", "path", "mark"),
)

senders = Table(
    "senders",
    metadata,
    _column("tenant", Text),
    _column("name", Text),
    _column("heard_at", BigInteger),
    _column("delivered_at", BigInteger, optional=True),
    _column("measurements", BigInteger),
    _column("duplicates", BigInteger),
    _column("conflicts", BigInteger),
    _column("future", BigInteger),
    _column("refused", BigInteger),
    _column("lag", BigInteger, optional=True),
    _column("hour", BigInteger, optional=True),
    _column("least_lag", BigInteger, optional=True),
    _column("least_before", BigInteger, optional=True),
    _column("error", Text, optional=True),
    _column("error_at", BigInteger, optional=True),
    PrimaryKeyConstraint("tenant", "name"),
    Index("senders_by_hearing", "tenant", "heard_at"),
)

# Jobs of TMF628. Their files are `source_files`.
collection_jobs = Table(
    "collection_jobs",
    metadata,
    _column("tenant", Text),
    _column("id", BigInteger),
    _column("state", Text),
    _column("fields", _DOCUMENT),
    _column("records", _DOCUMENT),
    _column("created_at", BigInteger),
    _column("changed_at", BigInteger),
    PrimaryKeyConstraint("tenant", "id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _column("tenant", Text),
    _column("agreement", Text),
    _column("objective", Text),
    _column("service", Text),
    _column("period_start", BigInteger),
    _column("version", Integer),
    _column("period_end", BigInteger),
    _column("customer", Text),
    _column("status", Text),
    _column("final", Boolean),
    # Since when the version is known, why it came about and who approved it: that stays. Its figures go on with time,
    # and `written_at` is when they last did.
    _column("known_at", BigInteger),
    _column("cause", Text),
    _column("approver", Text, optional=True),
    _column("written_at", BigInteger),
    # Of a rolling window, from when the terms that it is assessed by are valid: its versions are told from others by
    # this and not by where the window begins. NULL for a calendar period.
    _column("rolling_from", BigInteger, optional=True),
    _column("document", _DOCUMENT),
    PrimaryKeyConstraint("tenant", "agreement", "objective", "service", "period_start", "version"),
)
for _name in ("known_at", "cause", "approver"):
    verdicts.c[_name].info["stays"] = True

assessments = Table(
    "assessments",
    metadata,
    _column("tenant", Text),
    _column("number", BigInteger),
    _column("known_at", BigInteger),
    _column("as_of", BigInteger),
    _column("since", BigInteger),
    _column("lateness", BigInteger),
    _column("position", BigInteger),
    _column("exclusions", BigInteger),
    _column("events", BigInteger),
    _column("portfolio", Integer),
    PrimaryKeyConstraint("tenant", "number"),
    Index("assessments_by_knowledge", "tenant", "known_at", "number"),
)

cases = Table(
    "cases",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("kind", Text),
    _column("state", Text),
    _column("agreement", Text),
    _column("objective", Text),
    _column("service", Text),
    _column("customer", Text),
    _column("period_start", BigInteger),
    _column("opened_at", BigInteger),
    _column("verdict", _DOCUMENT),
    _column("periods", _DOCUMENT),
    _column("findings", _DOCUMENT),
    _column("restored_at", BigInteger, optional=True),
    _column("reopened_at", BigInteger, optional=True),
    _column("missed", BigInteger, optional=True),
    _column("asked", Integer),
    _column("level", Integer),
    _column("problem", Text, optional=True),
    _column("told", _DOCUMENT),
    _column("resolution", _DOCUMENT),
    _column("score", Integer, optional=True),
    _column("outcome", Text, optional=True),
    _column("closed_at", BigInteger, optional=True),
    _column("seq", Integer),
    _column("is_open", Boolean),
    # Of kind `no_data`, which stands beside a case of the promise itself.
    _column("is_silence", Boolean),
    # The likeliest cause by its findings.
    _column("suspect", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index(
        "one_open_case",
        "tenant",
        "agreement",
        "objective",
        "service",
        "is_silence",
        unique=True,
        sqlite_where=text("is_open = 1"),
        postgresql_where=text("is_open"),
    ),
    Index("cases_by_age", "tenant", "opened_at"),
    Index(
        "open_cases_by_age",
        "tenant",
        "opened_at",
        "id",
        sqlite_where=text("is_open = 1"),
        postgresql_where=text("is_open"),
    ),
    Index(
        "ended_cases_by_age",
        "tenant",
        "opened_at",
        "id",
        sqlite_where=text("is_open = 0"),
        postgresql_where=text("NOT is_open"),
    ),
    # It holds what counts are made of, so that no case is read for them.
    Index("cases_by_problem", "tenant", "problem", "is_open", "opened_at", "id", "customer"),
    Index("cases_by_objective", "tenant", "agreement", "objective", "service", "opened_at"),
    Index("cases_by_service", "tenant", "service", "is_open", "opened_at"),
    # Those of a problem have the problem's cause, and are found by that.
    Index(
        "ended_cases_by_suspect",
        "tenant",
        "suspect",
        "opened_at",
        sqlite_where=text("is_open = 0 AND problem IS NULL"),
        postgresql_where=text("NOT is_open AND problem IS NULL"),
    ),
)

problems = Table(
    "problems",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("kind", Text),
    _column("cause_kind", Text),
    _column("cause", Text),
    _column("state", Text),
    _column("opened_at", BigInteger),
    _column("closed_at", BigInteger, optional=True),
    _column("merged_into", Text, optional=True),
    _column("restored_at", BigInteger, optional=True),
    _column("examined", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index(
        "one_open_problem",
        "tenant",
        "kind",
        "cause_kind",
        "cause",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("problems_by_age", "tenant", "opened_at"),
    Index("problems_by_cause", "tenant", "cause", "opened_at"),
    Index(
        "problems_merged",
        "tenant",
        "merged_into",
        sqlite_where=text("merged_into IS NOT NULL"),
        postgresql_where=text("merged_into IS NOT NULL"),
    ),
)

# What is to be told of the cases of problems, gathered for a moment before it is.
owed = Table(
    "owed",
    metadata,
    _column("tenant", Text),
    _column("problem", Text),
    _column("case_id", Text),
    _column("seq", Integer),
    _column("kind", Text),
    _column("party", Text),
    _column("customer", Text),
    _column("agreement", Text),
    _column("roles", _DOCUMENT),
    _column("at", BigInteger),
    _column("due_by", BigInteger, optional=True),
    _column("facts", _DOCUMENT),
    _column("arrived", BigInteger, optional=True),
    _column("told", BigInteger, optional=True),
    PrimaryKeyConstraint("tenant", "case_id", "seq", "kind", "party"),
    Index(
        "owed_to_tell",
        "tenant",
        "problem",
        "party",
        sqlite_where=text("told IS NULL"),
        postgresql_where=text("told IS NULL"),
    ),
    Index("owed_told", "tenant", "problem", "party", "told"),
)

# Verdicts that have come to something of which a party may have to be told, gathered for a moment before it is; then
# what it was told of them.
verdict_news = Table(
    "verdict_news",
    metadata,
    _column("tenant", Text),
    _column("agreement", Text),
    _column("objective", Text),
    _column("service", Text),
    _column("period_start", BigInteger),
    _column("version", Integer),
    _column("occasion", Text),
    _column("party", Text),
    _column("customer", Text),
    _column("at", BigInteger),
    _column("not_before", BigInteger),
    _column("told", BigInteger, optional=True),
    _column("notices", _DOCUMENT),
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

events = Table(
    "events",
    metadata,
    _column("tenant", Text),
    _column("case_id", Text),
    _column("seq", Integer),
    _column("type", Text),
    _column("at", BigInteger),
    _column("data", _DOCUMENT),
    PrimaryKeyConstraint("tenant", "case_id", "seq"),
    ForeignKeyConstraint(["tenant", "case_id"], ["cases.tenant", "cases.id"]),
)

actions = Table(
    "actions",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("case_id", Text),
    _column("kind", Text),
    _column("state", Text),
    _column("requested_at", BigInteger),
    _column("detail", _DOCUMENT),
    _column("attempts", Integer),
    _column("done_at", BigInteger, optional=True),
    _column("reference", Text, optional=True),
    _column("error", Text, optional=True),
    _column("playbook", Text),
    _column("step", Text),
    _column("round", Integer),
    _column("channel", Text, optional=True),
    _column("owner", Text, optional=True),
    _column("due_by", BigInteger, optional=True),
    _column("overdue_at", BigInteger, optional=True),
    _column("outcome", Text, optional=True),
    _column("by", Text, optional=True),
    _column("again", Integer),
    _column("plan", _DOCUMENT),
    PrimaryKeyConstraint("tenant", "id"),
    Index("actions_by_case", "tenant", "case_id", "requested_at"),
    Index("actions_by_channel", "tenant", "state", "channel", "requested_at"),
)

tickets = Table(
    "tickets",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("opened_at", BigInteger),
    _column("title", Text),
    _column("detail", _DOCUMENT),
    _column("case_id", Text, optional=True),
    _column("state", Text),
    _column("notes", _DOCUMENT),
    PrimaryKeyConstraint("tenant", "id"),
    Index("tickets_by_age", "tenant", "opened_at"),
)

notices = Table(
    "notices",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("kind", Text),
    _column("role", Text),
    _column("channel", Text),
    _column("address", Text),
    _column("subject", Text),
    _column("text", Text),
    _column("html", Text),
    _column("state", Text),
    _column("recorded_at", BigInteger),
    _column("customer", Text, optional=True),
    _column("agreement", Text, optional=True),
    _column("case_id", Text, optional=True),
    _column("maintenance_id", Text, optional=True),
    _column("problem_id", Text, optional=True),
    _column("cases", _DOCUMENT),
    _column("calendar", Text, optional=True),
    _column("payload", _DOCUMENT, optional=True),
    _column("due_by", BigInteger, optional=True),
    _column("sent_at", BigInteger, optional=True),
    _column("attempts", Integer),
    _column("reason", Text, optional=True),
    _column("text_version", Text, optional=True),
    _column("reply_to", Text, optional=True),
    _column("not_before", BigInteger, optional=True),
    _column("instead_of", Text, optional=True),
    _column("outside_id", Text, optional=True),
    _column("receipt", Text, optional=True),
    _column("receipt_at", BigInteger, optional=True),
    _column("receipt_detail", Text),
    _column("acknowledged_at", BigInteger, optional=True),
    _column("acknowledgement", Text),
    _column("together", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index("notices_by_age", "tenant", "recorded_at"),
    Index("notices_by_case", "tenant", "case_id", "recorded_at"),
    Index("notices_by_problem", "tenant", "problem_id", "customer"),
    Index("notices_by_maintenance", "tenant", "maintenance_id", "recorded_at"),
    Index("notices_by_customer", "tenant", "customer", "recorded_at"),
    Index("notices_by_digest", "tenant", "together"),
    Index("notices_by_address", "tenant", "address", "sent_at"),
    Index("notices_by_outside_id", "tenant", "outside_id"),
    Index(
        "notices_promised",
        "tenant",
        "due_by",
        "id",
        sqlite_where=text("state = 'recorded' AND due_by IS NOT NULL"),
        postgresql_where=text("state = 'recorded' AND due_by IS NOT NULL"),
    ),
)

unsubscribed = Table(
    "unsubscribed",
    metadata,
    _column("tenant", Text),
    _column("channel", Text),
    _column("address", Text),
    _column("kind", Text),
    _column("at", BigInteger),
    PrimaryKeyConstraint("tenant", "channel", "address", "kind"),
)

maintenances = Table(
    "maintenances",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("title", Text),
    _column("start", BigInteger),
    _column("end", BigInteger),
    _column("services", _DOCUMENT),
    _column("approved_by", Text),
    _column("planned_at", BigInteger),
    _column("description", Text),
    _column("state", Text),
    _column("sequence", Integer),
    _column("windows", _DOCUMENT),
    _column("started_at", BigInteger, optional=True),
    _column("ended_at", BigInteger, optional=True),
    _column("overrun_at", BigInteger, optional=True),
    _column("emergency", Boolean),
    PrimaryKeyConstraint("tenant", "id"),
    Index("maintenances_by_end", "tenant", "end"),
)

announcements = Table(
    "announcements",
    metadata,
    _column("tenant", Text),
    _column("maintenance_id", Text),
    _column("agreement", Text),
    _column("customer", Text),
    _column("earned", Boolean),
    _column("reason", Text),
    _column("decided_at", BigInteger),
    _column("services", _DOCUMENT),
    _column("parts", _DOCUMENT),
    _column("settled", _DOCUMENT),
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

# Notices of planned work as they were received, and what each of their windows is about.
received_notices = Table(
    "received_notices",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("digest", Text),
    _column("received_at", BigInteger),
    _column("source", Text),
    _column("name", Text),
    _column("sender", Text),
    _column("body", LargeBinary),
    PrimaryKeyConstraint("tenant", "id"),
)

noticed_windows = Table(
    "noticed_windows",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("received", Text),
    _column("place", BigInteger),
    _column("received_at", BigInteger),
    _column("provider", Text),
    _column("account", Text),
    _column("maintenance_id", Text),
    _column("part", Integer),
    _column("state", Text),
    _column("step", Text),
    _column("said", _DOCUMENT),
    _column("circuits", _DOCUMENT),
    _column("questions", _DOCUMENT),
    _column("work", Text, optional=True),
    _column("decided_at", BigInteger, optional=True),
    _column("decided_by", Text, optional=True),
    _column("reason", Text),
    _column("answer", _DOCUMENT),
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
    _column("tenant", Text),
    _column("provider", Text),
    _column("circuit", Text),
    _column("nodes", _DOCUMENT),
    _column("said_at", BigInteger),
    _column("said_by", Text),
    PrimaryKeyConstraint("tenant", "provider", "circuit"),
)

service_events = Table(
    "service_events",
    metadata,
    _column("tenant", Text),
    _column("place", BigInteger),
    _column("service", Text),
    _column("metric", Text),
    _column("opened", BigInteger),
    _column("closed", BigInteger, optional=True),
    _column("priority", Text, optional=True),
    _column("due", BigInteger, optional=True),
    _column("event", Text, optional=True),
    _column("known_at", BigInteger),
    # Everything that was ever told, in its order: what was told later of an event does not replace the row.
    PrimaryKeyConstraint("tenant", "place"),
)

exclusions = Table(
    "exclusions",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("service", Text),
    _column("start", BigInteger),
    _column("end", BigInteger),
    _column("reason", Text),
    _column("approved_by", Text, optional=True),
    _column("agreement", Text, optional=True),
    _column("known_at", BigInteger),
    _column("revoked_at", BigInteger, optional=True),
    _column("revoked_by", Text, optional=True),
    # Places in the order of the log, so that it is certain what an assessment had seen.
    _column("granted_as", BigInteger),
    _column("revoked_as", BigInteger, optional=True),
    # One row for each time that it was granted. At most one of them stands.
    _column("granted", Integer),
    _column("maintenance_id", Text, optional=True),
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
    _column("tenant", Text),
    _column("id", Text),
    _column("at", BigInteger),
    _column("summary", Text),
    _column("services", _DOCUMENT),
    _column("author", Text),
    PrimaryKeyConstraint("tenant", "id"),
    Index("changes_by_time", "tenant", "at"),
)

alarms = Table(
    "alarms",
    metadata,
    _column("tenant", Text),
    _column("id", BigInteger),
    _column("source", Text),
    _column("number", Text),
    _column("raised_at", BigInteger, optional=True),
    _column("cleared_at", BigInteger, optional=True),
    _column("severity", Text, optional=True),
    _column("object", Text, optional=True),
    _column("cause", Text, optional=True),
    _column("text", Text),
    _column("fields", _DOCUMENT),
    _column("labels", _DOCUMENT),
    _column("services", _DOCUMENT),
    _column("places", _DOCUMENT),
    _column("changed_at", BigInteger, optional=True),
    _column("clearing_known_at", BigInteger, optional=True),
    _column("reported_at", BigInteger),
    _column("known_at", BigInteger),
    _column("occurrence", Integer),
    PrimaryKeyConstraint("tenant", "id"),
    Index("alarms_by_number", "tenant", "number", "source", unique=True),
    Index("alarms_by_report", "tenant", "reported_at", "id"),
)

# Every name that an alarm is about: its services, its managed object.
alarm_subjects = Table(
    "alarm_subjects",
    metadata,
    _column("tenant", Text),
    _column("name", Text),
    _column("alarm", BigInteger),
    PrimaryKeyConstraint("tenant", "name", "alarm"),
)

agenda = Table(
    "agenda",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("kind", Text),
    _column("due_at", BigInteger),
    _column("data", _DOCUMENT),
    _column("attempts", Integer),
    _column("leased_until", BigInteger, optional=True),
    # NULL while there is something to do; then `finished` or `given_up`. The row stays, so that its id stays known.
    _column("ended_as", Text, optional=True),
    _column("error", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index(
        "agenda_to_do",
        "tenant",
        "due_at",
        "id",
        sqlite_where=text("ended_as IS NULL"),
        postgresql_where=text("ended_as IS NULL"),
    ),
)

# What other systems are told, in order and without gaps; `outgoing_heads` has the last position of each tenant, and up
# to which position events were removed because they were old.
outgoing_events = Table(
    "outgoing_events",
    metadata,
    _column("tenant", Text),
    _column("position", BigInteger),
    _column("type", Text),
    _column("subject", Text),
    _column("at", BigInteger),
    _column("data", _DOCUMENT),
    PrimaryKeyConstraint("tenant", "position"),
)

outgoing_heads = Table(
    "outgoing_heads",
    metadata,
    _column("tenant", Text),
    _column("position", BigInteger),
    _column("removed", BigInteger),
    PrimaryKeyConstraint("tenant"),
)

adjustments = Table(
    "adjustments",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("told_at", BigInteger),
    _column("customer", Text),
    _column("agreement", Text),
    _column("objective", Text),
    _column("service", Text),
    _column("period_start", BigInteger),
    _column("period_end", BigInteger),
    # Decimals, exactly as they were told.
    _column("amount", Text),
    _column("currency", Text),
    _column("credit", Text),
    _column("reason", Text),
    _column("verdict_version", Integer),
    _column("cause", Text),
    _column("approver", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    Index("adjustments_by_time", "tenant", "told_at", "id"),
)

# What was claimed of credits that must be: once each, whatever the verdict has come to since.
claims = Table(
    "claims",
    metadata,
    _column("tenant", Text),
    _column("agreement", Text),
    _column("objective", Text),
    _column("service", Text),
    _column("period_start", BigInteger),
    _column("customer", Text),
    _column("claimed_at", BigInteger),
    _column("claimed_by", Text),
    _column("via", Text),
    _column("claim_by", BigInteger),
    _column("comment", Text),
    _column("exception", Text, optional=True),
    _column("told_at", BigInteger, optional=True),
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
    _column("tenant", Text),
    _column("sink", Text),
    _column("position", BigInteger),
    PrimaryKeyConstraint("tenant", "sink"),
)

hubs = Table(
    "hubs",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("callback", Text),
    _column("query", Text, optional=True),
    _column("types", _DOCUMENT),
    _column("created_at", BigInteger),
    PrimaryKeyConstraint("tenant", "id"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    _column("tenant", Text),
    _column("id", Text),
    _column("received_at", BigInteger),
    _column("caller", Text, optional=True),
    _column("protocol", Text),
    _column("format", Text),
    _column("reason", Text),
    _column("detail", _DOCUMENT),
    _column("body", LargeBinary),
    # Bytes of the body as it is kept, and as it was sent.
    _column("kept_bytes", BigInteger),
    _column("size", BigInteger),
    _column("times", BigInteger),
    _column("state", Text),
    _column("attempts", Integer),
    _column("ended_at", BigInteger, optional=True),
    _column("ended_by", Text, optional=True),
    PrimaryKeyConstraint("tenant", "id"),
    # It holds what counts and sums are made of, so that no body is read for them.
    Index("dead_letters_by_age", "tenant", "received_at", "state", "reason", "kept_bytes"),
)

dead_letters_dropped = Table(
    "dead_letters_dropped",
    metadata,
    _column("tenant", Text),
    _column("letters", BigInteger),
    PrimaryKeyConstraint("tenant"),
)

log_head = Table(
    "log_head",
    metadata,
    _column("tenant", Text),
    _column("position", BigInteger),
    PrimaryKeyConstraint("tenant"),
)

log_batches = Table(
    "log_batches",
    metadata,
    _column("tenant", Text),
    _column("position", BigInteger),
    _column("min_time", BigInteger),
    _column("max_time", BigInteger),
    _column("rows", Integer),
    _column("source", Text, optional=True),
    _column("arrow", LargeBinary),
    PrimaryKeyConstraint("tenant", "position"),
    Index("log_batches_by_time", "tenant", "max_time", "min_time"),
)

# Which files of the log's folder hold what batches hold no more: see `store.compacting`.
log_files = Table(
    "log_files",
    metadata,
    _column("tenant", Text),
    _column("name", Text),
    # What it is called until it is in its place.
    _column("hidden", Text),
    # `writing` until it belongs to the log, `new` until it is in its place, then `placed`; `gone` once it belongs to
    # the log no more, until it is deleted.
    _column("state", Text),
    _column("month", Text),
    _column("first_position", BigInteger),
    _column("last_position", BigInteger),
    _column("min_time", BigInteger),
    _column("max_time", BigInteger),
    _column("rows", Integer),
    PrimaryKeyConstraint("tenant", "name"),
    Index("log_files_by_time", "tenant", "max_time", "min_time"),
)
