"""What happens to a notice that could not be delivered: the contact's next address, and a word to the account manager.

Pure; instants in microseconds UTC.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from upheld.agreements.contacts import Address, Contact
from upheld.agreements.parties import CUSTOMER, Party
from upheld.notices.facts import branded
from upheld.notices.formats import Reader, one_line
from upheld.notices.model import Notice
from upheld.notices.planning import ACCOUNT_MANAGER, contacts_at, recorded
from upheld.notices.texts import render

ELSEWHERE = "/then-"
"""In the id of a notice: to which further address of its contact it goes."""


def elsewhere(notice: Notice, customer: Party | None, provider: Party | None, at: int) -> Notice | None:
    """The same notice to the contact's next address; None where it has no other, or is not known any more."""
    contact = contact_of(notice, customer, provider)
    if contact is None:
        return None
    places = [address.place for address in _addresses(contact)]
    number = next(n for n, place in enumerate(places, 1) if place == (notice.channel, notice.address))
    if number == len(places):
        return None
    key = f"{notice.id.partition(ELSEWHERE)[0]}{ELSEWHERE}{number}"
    channel, address = places[number]
    return replace(
        notice,
        id=key,
        channel=channel,
        address=address,
        state="recorded",
        recorded_at=at,
        payload=_renamed(notice.payload, key),
        instead_of=notice.instead_of or notice.address,
        sent_at=None,
        attempts=0,
        reason=None,
        not_before=None,
        outside_id=None,
        receipt=None,
        receipt_at=None,
        receipt_detail="",
        acknowledged_at=None,
        acknowledgement="",
        together=None,
    )


def undeliverable(
    notice: Notice, why: str, further: Notice | None, customer: Party | None, provider: Party | None, at: int
) -> list[Notice]:
    """What the account manager is told of a customer's notice that did not arrive, and where it goes to now. Nothing is
    told of the provider's own: that would be told to somebody who may be out of reach as well."""
    if not notice.role.startswith(CUSTOMER) or provider is None:
        return []
    found = []
    for role, number, contact, wanted in contacts_at([ACCOUNT_MANAGER], customer, provider, at):
        if contact is None:
            continue
        reader = Reader(contact.language, contact.time_zone or provider.time_zone)
        context = _context(notice, why, further, customer, provider, reader)
        key = f"{notice.id}/undeliverable/{role}/{number}"
        common = {name: getattr(notice, name) for name in ("customer", "agreement", "case_id", "problem_id")}
        named = {"agreement": notice.agreement, "customer": notice.customer}
        data = {"notice": notice.id, "why": why, "further": None if further is None else further.id}
        text = render("undeliverable", context)
        found.append(
            recorded(key, "undeliverable", role, contact, wanted, reader.zone, text, at, None, common, named, data)
        )
    return found


def contact_of(notice: Notice, customer: Party | None, provider: Party | None) -> Contact | None:
    """The contact that the notice is for: of its role, or of one that stands in for it."""
    party = customer if notice.role.startswith(CUSTOMER) else provider
    if party is None:
        return None
    by_role = party.contacts.get(notice.role.removeprefix(CUSTOMER), ())
    others = (contact for contacts in party.contacts.values() for contact in contacts)
    place = notice.channel, notice.address
    return next((c for c in (*by_role, *others) if any(a.place == place for a in _addresses(c))), None)


def _addresses(contact: Contact) -> tuple[Address, ...]:
    return contact, *contact.fallback


def _renamed(payload: Mapping[str, Any] | None, key: str) -> Mapping[str, Any] | None:
    return None if payload is None else {**payload, "data": {**payload["data"], "id": key}}


def _context(
    notice: Notice, why: str, further: Notice | None, customer: Party | None, provider: Party, reader: Reader
) -> dict[str, Any]:
    name = customer.name if customer is not None else notice.customer or ""
    return {
        "reader": reader,
        "reference": notice.case_id or notice.problem_id or notice.maintenance_id or notice.id,
        "customer": one_line(name),
        "provider": one_line(provider.name),
        "brand": branded(provider, reader),
        "told": one_line(notice.subject),
        "told_role": one_line(notice.role),
        "address": one_line(notice.address),
        "recorded_at": notice.recorded_at,
        "came_back": notice.receipt == "bounced",
        "why": one_line(notice.receipt_detail if notice.receipt == "bounced" else why),
        "further": None if further is None else one_line(further.address),
    }
