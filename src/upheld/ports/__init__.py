"""The few things that the process needs of the outside. Each adapter passes its contract suite in tests/contracts/.

Every instant is int microseconds UTC. Every call of a `Transaction` sees and touches the rows of its tenant only.
"""

from upheld.ports.failures import Busy, Conflict, DeliveryError, Gone, NoLongerKnown, NotKept, StoreFailed
from upheld.ports.outside import Answer, Channels, Hook, Mailer, Pager, Tickets, Webhooks
from upheld.ports.records import (
    Adoption,
    AgendaEntry,
    AlarmFilter,
    ApiKey,
    Assessment,
    Census,
    Hub,
    Kept,
    LogFloor,
    Outflow,
    SourceFile,
    Stated,
    Told,
    VerdictFilter,
)
from upheld.ports.store import Clock, MeasurementLog, Store
from upheld.ports.transaction import Transaction

__all__ = [
    "Adoption",
    "AgendaEntry",
    "AlarmFilter",
    "Answer",
    "ApiKey",
    "Assessment",
    "Busy",
    "Census",
    "Channels",
    "Clock",
    "Conflict",
    "DeliveryError",
    "Gone",
    "Hook",
    "Hub",
    "Kept",
    "LogFloor",
    "Mailer",
    "MeasurementLog",
    "NoLongerKnown",
    "NotKept",
    "Outflow",
    "Pager",
    "SourceFile",
    "Stated",
    "Store",
    "StoreFailed",
    "Tickets",
    "Told",
    "Transaction",
    "VerdictFilter",
    "Webhooks",
]
