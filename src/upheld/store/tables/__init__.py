"""The tables. Every row belongs to a tenant, and the tenant comes first in every key.

Instants are BIGINT microseconds UTC. A column is named as the field of the record that it holds (see `rows`). What the
installation itself owns, rather than a tenant of it, has the tenant `INSTALLATION`. A change here needs a migration
under `migrations/versions/`; tests/contracts/test_store_opening.py holds the two together.
"""

from upheld.store.tables.arriving import (
    alarm_subjects,
    alarms,
    collection_jobs,
    dead_letters,
    dead_letters_dropped,
    log_batches,
    log_files,
    log_head,
    senders,
    source_files,
)
from upheld.store.tables.assessing import assessments, verdict_news, verdicts
from upheld.store.tables.casework import actions, agenda, cases, events, owed, owed_resolutions, problems, tickets
from upheld.store.tables.columns import INSTALLATION, metadata
from upheld.store.tables.documents import api_keys, mappings, playbooks, portfolios, settings, tenants, topologies
from upheld.store.tables.handing_on import adjustments, claims, hubs, outgoing_events, outgoing_heads, sinks
from upheld.store.tables.telling import notices, unsubscribed
from upheld.store.tables.works import (
    announcements,
    changes,
    exclusions,
    maintenances,
    noticed_works,
    objections,
    received_notices,
    service_events,
    supplier_circuits,
)

__all__ = [
    "INSTALLATION",
    "actions",
    "adjustments",
    "agenda",
    "alarm_subjects",
    "alarms",
    "announcements",
    "api_keys",
    "assessments",
    "cases",
    "changes",
    "claims",
    "collection_jobs",
    "dead_letters",
    "dead_letters_dropped",
    "events",
    "exclusions",
    "hubs",
    "log_batches",
    "log_files",
    "log_head",
    "maintenances",
    "mappings",
    "metadata",
    "noticed_works",
    "notices",
    "objections",
    "outgoing_events",
    "outgoing_heads",
    "owed",
    "owed_resolutions",
    "playbooks",
    "portfolios",
    "problems",
    "received_notices",
    "senders",
    "service_events",
    "settings",
    "sinks",
    "source_files",
    "supplier_circuits",
    "tenants",
    "tickets",
    "topologies",
    "unsubscribed",
    "verdict_news",
    "verdicts",
]
