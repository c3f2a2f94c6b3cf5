"""What may wait, told together: by the time of day that a contact wants it at, and what comes too thick. Pure.

A notice that is told in another is stopped, with the other's id as its reason. Instants in microseconds UTC.
"""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from upheld.agreements.contacts import Contact
from upheld.agreements.parties import Party
from upheld.agreements.units import HOUR
from upheld.notices.facts import branded
from upheld.notices.formats import Reader, one_line
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.short import first_paragraph
from upheld.notices.texts import render
from upheld.notices.writing import written

MAY_WAIT: frozenset[NoticeKind] = frozenset(
    {"degradation", "restoration", "resumed", "update", "closed", "withdrawn", "undeliverable"}
)
"""What asks nothing, announces nothing that an exclusion is earned by, and says of no service that it is broken."""
LISTED = 100
"""Notices that a digest lists at most; it says how many there are."""


def in_digest(
    kind: NoticeKind, contact: Contact, zone: ZoneInfo, at: int, due_by: int | None
) -> tuple[str | None, int]:
    """(the digest that a notice waits for, when it goes out) of one that may go out at `at`; (None, at) where it waits
    for none, because it may not, or is promised before."""
    daily = contact.digest.next_daily(at, zone) if contact.digest is not None else None
    if daily is None or kind not in MAY_WAIT or (due_by is not None and due_by < daily):
        return None, at
    return digest_id(contact, daily), daily


def put_off(notice: Notice, contact: Contact | None, sent: int, now: int) -> tuple[str, int] | None:
    """(the digest, when it goes out) for a notice to a contact who was sent `sent` notices in the last hour; None where
    it goes out now."""
    digest = None if contact is None else contact.digest
    if contact is None or digest is None or digest.hourly is None or notice.together is not None:
        return None
    hour = (now // HOUR + 1) * HOUR
    promised = notice.due_by is not None and notice.due_by < hour
    if sent < digest.hourly or notice.kind not in MAY_WAIT or promised:
        return None
    return digest_id(contact, hour), hour


def digest_id(contact: Contact, at: int) -> str:
    """The id of the digest that goes out to a contact at an instant."""
    return f"digest/{at}/{'/'.join(contact.place)}"


def digest_of(
    notices: Sequence[Notice], contact: Contact | None, customer: Party | None, provider: Party | None, now: int
) -> Notice:
    """One notice that tells of several, which wait for the same digest; it has that digest's id."""
    first = notices[0]
    assert first.together is not None, "a notice that waits for no digest"
    assert len({(n.together, n.channel, n.address) for n in notices}) == 1, "notices of another digest"
    party = customer if first.role.startswith("customer.") else provider
    zone = (contact.time_zone if contact is not None else None) or (party.time_zone if party is not None else None)
    language = contact.language if contact is not None else "en"
    reader = Reader(language, zone or ZoneInfo("UTC"))
    context: dict[str, Any] = {
        "reader": reader,
        "provider": None if provider is None else one_line(provider.name),
        "brand": branded(provider, reader),
        "count": len(notices),
        "listed": [(n.recorded_at, one_line(n.subject), one_line(first_paragraph(n))) for n in notices[:LISTED]],
    }
    place = first.channel, first.address
    data = {"notices": [n.id for n in notices]}
    text = render("digest", context)
    return written(first.together, "digest", first.role, place, text, now, None, {}, data, customer=first.customer)
