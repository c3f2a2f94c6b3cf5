"""Whether announcing a planned work met an agreement, so that the window earns its exclusion. DESIGN rule 13."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import MaintenanceNotice
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.wording import duration_words, instant_words

NAMED_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement to one contact of a role: the window and the services that it named, and when it was
    delivered (microseconds UTC; None where it was not, for the reason in `failure`)."""

    role: str
    contact: str
    start: int
    end: int
    services: frozenset[str]
    sent_at: int | None
    failure: str | None = None


def earned(
    maintenance: Maintenance,
    agreement: Agreement,
    services_hit: Sequence[str],
    contacts: Mapping[str, Sequence[str]],
    told: Sequence[Told],
    now: int,
) -> Announcement:
    """For which of its services `agreement` lets the window count as planned maintenance, and why. `contacts` holds the
    addresses that each role has now.

    Earned for a service where the agreement promises a lead time, and every contact of every role that it names was
    sent an announcement of this window and this service, the last of them at least the lead time before the start. An
    announcement of a narrower window tells nothing of the rest and does not count; one of a wider window does.
    Only a delivery counts: one that was recorded, stopped or failed has told nobody.

    An agreement without `notices.maintenance` earns nothing: rule 13 excludes a window where that customer's notice met
    the agreement, and without terms there is nothing that a notice could meet. Where such an agreement lets planned
    work count nevertheless, someone grants an exclusion by hand and answers for it by name."""
    inside = [t for t in told if t.start <= maintenance.start and maintenance.end <= t.end]
    judged = {s: _judged(maintenance, agreement.notices.maintenance, s, contacts, inside) for s in services_hit}
    won = tuple(service for service, (holds, _) in judged.items() if holds)
    reason = _together({service: reason for service, (_, reason) in judged.items()})
    return Announcement(maintenance.id, agreement.id, agreement.customer, won == tuple(judged), reason, now, won)


def _judged(
    maintenance: Maintenance,
    promise: MaintenanceNotice | None,
    service: str,
    contacts: Mapping[str, Sequence[str]],
    told: Sequence[Told],
) -> tuple[bool, str]:
    if maintenance.state == "cancelled":
        return False, "the work was cancelled"
    if promise is None:
        return False, "the agreement has no terms for announcing planned maintenance (notices.maintenance)"
    if not promise.to:
        return False, "the agreement names nobody to announce planned maintenance to"
    sent = []
    for role in promise.to:
        if not contacts.get(role):
            return False, f"{role} was not told: nobody is known under it"
        for contact in contacts[role]:
            first = min(
                (t.sent_at for t in told if _tells(t, contact, service) and t.sent_at is not None), default=None
            )
            if first is None:
                return False, f"{role} was not told: {_why_not(role, contact, service, told)}"
            sent.append(first)
    lead = maintenance.start - max(sent)
    distance = duration_words(abs(lead)) + (" before the start" if lead >= 0 else " after the start")
    reason = (
        f"announced {instant_words(max(sent))}, {distance}; the agreement wants {duration_words(promise.lead_time)}"
    )
    return lead >= promise.lead_time, reason


def _tells(told: Told, contact: str, service: str) -> bool:
    return told.contact == contact and service in told.services


def _why_not(role: str, contact: str, service: str, told: Sequence[Told]) -> str:
    """A contact that stands under two roles is told once for both: what happened is written under one of them."""
    to_contact = [t for t in told if _tells(t, contact, service)]
    if to_contact:
        of_role = [t for t in to_contact if t.role == role] or to_contact
        return next((t.failure for t in of_role if t.failure is not None), "the announcement is not sent yet")
    if any(t.contact == contact for t in told):
        return "the announcement did not name this service"
    if any(t.role == role for t in told):
        return "the contact has changed since the announcement"
    return "there is no announcement of this window"


def _together(reasons: Mapping[str, str]) -> str:
    """One sentence for all services, or one for each group that shares a reason."""
    groups: dict[str, list[str]] = {}
    for service, reason in reasons.items():
        groups.setdefault(reason, []).append(service)
    if len(groups) == 1:
        return next(iter(groups))
    return ". ".join(f"{_names(services)}: {reason}" for reason, services in groups.items())


def _names(services: Sequence[str]) -> str:
    more = len(services) - NAMED_AT_MOST
    return ", ".join(services[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
