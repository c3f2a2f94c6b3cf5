"""An event for other systems, and what it looks like: CloudEvents 1.0, or the Event of TMF688. docs/events.md has an
example of each type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from upheld.agreements.units import format_instant

PREFIX = "org.upheld."
TYPES: Mapping[str, str] = {
    "org.upheld.case.opened": "a degradation or violation was found, or a series has fallen silent",
    "org.upheld.case.worsened": "what was in danger is broken: the degradation is a violation",
    "org.upheld.case.violated_again": "another period, or the window anew, is violated too",
    "org.upheld.case.figures_changed": "what the case is about has other figures than were told",
    "org.upheld.case.restored": "the service is good again",
    "org.upheld.case.broke_again": "it is not: the service is bad again",
    "org.upheld.case.answered": "a contact of the customer has answered whether the problem is solved",
    "org.upheld.case.reopened": "the customer says that the problem is not solved",
    "org.upheld.case.escalated": "it is a level higher: a promise was missed, or the customer says no",
    "org.upheld.case.clock_warned": "most of the time is over in which it was to be fixed, told, updated or asked",
    "org.upheld.case.clock_missed": "it was not fixed, told, updated or asked in the time that was promised",
    "org.upheld.case.closed": "the case has ended; its `outcome` says how",
    "org.upheld.case.withdrawn": "nothing was broken after all, or it is not promised any more",
    "org.upheld.problem.opened": "several cases have one cause",
    "org.upheld.problem.cases_joined": "more cases belong to it, or its first ones; told once in ten seconds",
    "org.upheld.problem.cause_changed": "what was measured speaks for another cause",
    "org.upheld.problem.restored": "the services of all of its cases are good again",
    "org.upheld.problem.broke_again": "some of them are not, or a customer says that they are not",
    "org.upheld.problem.merged": "it is a part of another problem, which has its cases from now on",
    "org.upheld.problem.closed": "all of its cases have ended",
    "org.upheld.problem.reopened": "a customer says of one of its cases, which had all ended, that it is not solved",
    "org.upheld.verdict.restated": "a verdict has a new version: what is known of the past has changed",
    "org.upheld.credit.claimed": "a credit that must be claimed was claimed",
    "org.upheld.credit.adjusted": "a credit is due, has changed, or was withdrawn",
    "org.upheld.maintenance.announced": "a planned work was taken in and is announced to whom it hits",
    "org.upheld.maintenance.changed": "a planned work is not as it was announced: moved, or of other services",
    "org.upheld.maintenance.objected": "a customer's contact objects to the window of a planned work",
    "org.upheld.maintenance.objection_answered": "what it asked for is agreed, or its objection is declined",
    "org.upheld.maintenance.cancelled": "a planned work was cancelled",
    "org.upheld.maintenance.started": "a planned work has started",
    "org.upheld.maintenance.overrun": "a planned work runs over its window",
    "org.upheld.maintenance.over": "a planned work is over",
}
"""Every type, and what has happened then."""

MEDIA_TYPE = "application/cloudevents+json"
PLACES = 19
"""Digits of the extension `sequence`, so that it sorts as text."""


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """Something that other systems are told: one of `TYPES`, what it is about, when it happened (microseconds UTC), and
    a document. `position` is its place among all of its tenant, without gaps, from 1 on; 0 before it has one."""

    type: str
    subject: str
    at: int
    data: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0


def event_id(tenant: str, event: OutgoingEvent) -> str:
    """What an event goes by, however often it is sent: it is that event's and no other's in the whole installation."""
    return f"{quote(tenant, safe='')}/{event.position}"


def source_of(tenant: str, origin: str) -> str:
    """Where what a tenant is told of comes from, as CloudEvents has it. `origin` is the installation's public
    address."""
    return f"{origin.rstrip('/')}/tenants/{quote(tenant, safe='')}"


def cloud_event(event: OutgoingEvent, tenant: str, origin: str) -> dict[str, Any]:
    """The event as CloudEvents 1.0 has it (JSON, structured). `origin` is the installation's public address. The
    extension `sequence` orders the events of a tenant, `partitionkey` says which must stay in order."""
    return {
        "specversion": "1.0",
        "id": event_id(tenant, event),
        "source": source_of(tenant, origin),
        "type": event.type,
        "subject": event.subject,
        "time": format_instant(event.at),
        "datacontenttype": "application/json",
        "sequence": f"{event.position:0{PLACES}}",
        "partitionkey": event.subject,
        "data": event.data,
    }


def tmf_event(event: OutgoingEvent, tenant: str) -> dict[str, Any]:
    """The same event as TMF688 4.0.0 has it."""
    return {
        "eventId": event_id(tenant, event),
        "eventTime": format_instant(event.at),
        "timeOcurred": format_instant(event.at),  # so spelt in the specification
        "eventType": event.type,
        "correlationId": event.subject,
        "domain": event.type.removeprefix(PREFIX).partition(".")[0],
        "title": TYPES.get(event.type, event.type),
        "event": event.data,
        "source": {"id": event.subject, "@referredType": event.type.removeprefix(PREFIX).partition(".")[0]},
        "@type": "Event",
    }


def check_types(wanted: Iterable[str]) -> tuple[str, ...]:
    """Types, or beginnings of types as `org.upheld.case.*`. Raises ValueError where one is none."""
    found = tuple(wanted)
    for one in found:
        if not any(_is(type_, one) for type_ in TYPES):
            raise ValueError(f"{one!r} is no type of event, and no beginning of one as {PREFIX}case.*")
    return found


def is_wanted(event: OutgoingEvent, types: Sequence[str]) -> bool:
    """Whether an event is of one of these types; of no types: of any."""
    return not types or any(_is(event.type, one) for one in types)


def _is(type_: str, wanted: str) -> bool:
    return type_.startswith(wanted[:-1]) if wanted.endswith(".*") else type_ == wanted
