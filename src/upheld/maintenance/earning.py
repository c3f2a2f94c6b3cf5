"""Whether announcing a planned work met an agreement, so that the window earns its exclusion. DESIGN rule 13."""

from collections.abc import Sequence
from dataclasses import dataclass

from upheld.agreements.model import Agreement, MaintenanceNotice
from upheld.agreements.units import SECOND, format_duration, format_instant
from upheld.maintenance.model import Announcement, Maintenance


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
    maintenance: Maintenance, agreement: Agreement, services_hit: Sequence[str], told: Sequence[Told], now: int
) -> Announcement:
    """Whether `agreement` lets the window count as planned maintenance, and why, in one sentence.

    Earned where the agreement promises a lead time, and every contact of every role that it names was sent an
    announcement of this window and these services, the last of them at least the lead time before the start. An
    announcement of a narrower window, or of fewer services, tells nothing of the rest and does not count; one
    of a wider window does. Only a delivery counts: one that was recorded, stopped or failed has told nobody.

    An agreement without `notices.maintenance` earns nothing: rule 13 excludes a window where that customer's notice met
    the agreement, and without terms there is nothing that a notice could meet. Where such an agreement lets planned
    work count nevertheless, someone grants an exclusion by hand and answers for it by name."""
    refusal, reason = _judged(maintenance, agreement.notices.maintenance, frozenset(services_hit), told)
    return Announcement(maintenance.id, agreement.id, agreement.customer, not refusal, reason, now)


def _judged(
    maintenance: Maintenance, promise: MaintenanceNotice | None, services: frozenset[str], told: Sequence[Told]
) -> tuple[bool, str]:
    if maintenance.state == "cancelled":
        return True, "the work was cancelled"
    if promise is None:
        return True, "the agreement has no terms for announcing planned maintenance (notices.maintenance)"
    fitting = [t for t in told if _covers(t, maintenance, services)]
    for role in promise.to:
        if missing := _not_told(role, fitting, any(t.role == role for t in told)):
            return True, missing
    sent = [_first_sent(t.contact, fitting) for t in fitting if t.role in promise.to]
    instants = [instant for instant in sent if instant is not None]
    assert len(instants) == len(sent), "every contact that was to be told has been"
    if not instants:
        return True, "the agreement names nobody to announce planned maintenance to"
    announced = max(instants)
    lead = maintenance.start - announced
    reason = (
        f"announced {format_instant(announced // SECOND * SECOND)}, {_distance(lead)}; "
        f"the agreement wants {format_duration(promise.lead_time)}"
    )
    return lead < promise.lead_time, reason


def _covers(told: Told, maintenance: Maintenance, services: frozenset[str]) -> bool:
    return told.start <= maintenance.start and maintenance.end <= told.end and services <= told.services


def _not_told(role: str, fitting: Sequence[Told], told_otherwise: bool) -> str | None:
    """Why the role counts as not told; None where all its contacts were. A contact that stands under two roles is
    told once for both."""
    of_role = [t for t in fitting if t.role == role]
    if not of_role:
        return f"{role} was {'told of another window or of fewer services' if told_otherwise else 'not told'}"
    for told in of_role:
        if _first_sent(told.contact, fitting) is None:
            return f"{role} was not told: {told.failure or 'the announcement is not sent yet'}"
    return None


def _first_sent(contact: str, fitting: Sequence[Told]) -> int | None:
    return min((t.sent_at for t in fitting if t.contact == contact and t.sent_at is not None), default=None)


def _distance(lead: int) -> str:
    """The lead time cut to seconds, so that it never reads as longer than it was."""
    if lead < 0:
        return f"{format_duration(max(-lead // SECOND, 1) * SECOND)} after the start"
    return f"{format_duration(lead // SECOND * SECOND)} before the start"
