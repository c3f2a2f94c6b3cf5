"""What is told of objections to a planned work: to the provider, all that came in a while at once; and the answer, to
the contact who had objected. Pure; instants in microseconds UTC."""

from collections.abc import Mapping, Sequence
from typing import Any

from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import MINUTE
from upheld.maintenance.model import Maintenance
from upheld.maintenance.objection import Objection
from upheld.notices.facts import branded, maintenance_context, work_title
from upheld.notices.formats import Reader, one_line
from upheld.notices.model import Notice
from upheld.notices.planning import (
    ACCOUNT_MANAGER,
    contacts_at,
    maintenance_data,
    nobody,
    once_each,
    reader_of,
    recorded,
)
from upheld.notices.texts import render
from upheld.notices.word_of_works import windows_document

GATHER = 5 * MINUTE
"""For how long objections to a work are gathered before the provider is told of them."""
LISTED = 20
"""Objections that a notice lists at most; it says how many there are."""


def plan_objections(
    objections: Sequence[Objection],
    work: Maintenance,
    customers: Mapping[str, Party],
    provider: Party | None,
    at: int,
) -> list[Notice]:
    """One notice of all of the objections to each account manager of the provider."""
    due_by = min(one.answer_by for one in objections)
    theirs = {one.customer for one in objections}
    named = {"customer": theirs.pop() if len(theirs) == 1 else None, "maintenance": work.id}
    common: dict[str, Any] = {"customer": named["customer"], "maintenance_id": work.id}
    found = []
    for role, number, contact, wanted in contacts_at([ACCOUNT_MANAGER], None, provider, at):
        key = f"{work.id}/objection-{at}/{role}/{number}"
        if contact is None or provider is None:
            found.append(nobody(key, "objection", role, at, None, common))
            continue
        reader = Reader(contact.language, contact.time_zone or provider.time_zone)
        context = {
            "reader": reader,
            "role": one_line(role),
            "reference": work.id,
            "provider": one_line(provider.name),
            "brand": branded(provider, reader),
            "title": work_title(work.title, reader),
            "start": work.start,
            "windows": list(work.spans),
            "answer_by": due_by,
            "count": len(objections),
            "listed": [_listed(one, customers) for one in objections[:LISTED]],
        }
        data = {
            "maintenance": maintenance_data(work),
            "objections": [_data(one) for one in objections[:LISTED]],
            "count": len(objections),
        }
        text = render("objection", context)
        found.append(
            recorded(key, "objection", role, contact, wanted, reader.zone, text, at, None, common, named, data)
        )
    return once_each(found)


def plan_answer(
    objection: Objection,
    work: Maintenance,
    agreement: Agreement,
    customer: Party | None,
    provider: Party | None,
    services: Sequence[str],
    at: int,
) -> list[Notice]:
    """What was answered, to the contact who had objected; nothing where it is no contact of the agreement any more.
    `work` is as it is after the answer, `services` are those of the agreement that it hits."""
    common: dict[str, Any] = {
        "customer": objection.customer,
        "agreement": agreement.id,
        "maintenance_id": work.id,
    }
    named = {"agreement": agreement.id, "customer": objection.customer}
    found = []
    for role, number, contact, wanted in contacts_at([objection.role], customer, provider, at):
        if contact is None or wanted is None or wanted.place[1] != objection.contact:
            continue
        reader = reader_of(role, contact, agreement, customer, provider)
        context = {
            **maintenance_context(work, agreement, customer, provider, services, role, reader, at),
            "agreed": objection.agreed is not None,
            "objected": list(objection.windows),
            "wish": objection.wish,
            "answer": one_line(objection.answer),
        }
        key = f"{work.id}/answer-{at}/{objection.id}/{role}/{number}"
        data = {"maintenance": maintenance_data(work), "services": list(services), "objection": _data(objection)}
        text = render("objection_answered", context)
        found.append(
            recorded(key, "objection_answered", role, contact, wanted, reader.zone, text, at, None, common, named, data)
        )
    return once_each(found)


def _listed(objection: Objection, customers: Mapping[str, Party]) -> dict[str, Any]:
    party = customers.get(objection.customer)
    return {
        "customer": one_line(party.name if party is not None else objection.customer),
        "agreement": one_line(objection.agreement),
        "contact": one_line(objection.contact),
        "wish": objection.wish,
        "reason": one_line(objection.reason),
    }


def _data(objection: Objection) -> dict[str, Any]:
    windows = {name: getattr(objection, name) for name in ("wish", "agreed")}
    return {
        "id": objection.id,
        "customer": objection.customer,
        "agreement": objection.agreement,
        "contact": objection.contact,
        "reason": objection.reason,
        "state": objection.state,
        "answer": objection.answer,
        **{name: None if window is None else windows_document([window])[0] for name, window in windows.items()},
    }
