"""A ticket system that is spoken to by TMF621 Trouble Ticket v4."""

from collections.abc import Mapping
from typing import Any

from upheld.agreements.units import format_instant
from upheld.channels.json_api import JsonApi, quoted
from upheld.ports import Clock, DeliveryError

_STATUS = {"in_progress": "inProgress", "resolved": "resolved", "closed": "closed"}
_TYPES = {"service": "Service", "resource": "Resource", "agreement": "Agreement"}


class Tmf621Tickets:
    """Implements `ports.Tickets`. A ticket carries its key as `externalId`, by which it is looked up before another is
    opened; a note carries its key as `id`."""

    def __init__(self, api: JsonApi, clock: Clock) -> None:
        self._api, self._clock = api, clock

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        key = f"{tenant}/{key}"
        found = self._api.get("/troubleTicket", {"externalId": key, "limit": "10"})
        known = [one for one in found or [] if isinstance(one, dict) and one.get("externalId") == key]
        opened = known[0] if known else self._api.post("/troubleTicket", _document(key, ticket))
        return _id(opened)

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        path, key = f"/troubleTicket/{quoted(reference)}", f"{tenant}/{key}"
        ticket = self._api.get(path) or {}
        notes = [one for one in ticket.get("note") or [] if isinstance(one, dict)]
        change: dict[str, Any] = {}
        if not any(one.get("id") == key for one in notes):  # a list is replaced as a whole by a merge patch
            at = format_instant(self._clock.now())
            change["note"] = [*notes, {"id": key, "author": "Upheld", "date": at, "text": note}]
        if state is not None and ticket.get("status") != _STATUS[state]:
            change["status"] = _STATUS[state]
        if change:
            self._api.patch(path, change, "application/merge-patch+json")


def _document(key: str, ticket: Mapping[str, Any]) -> dict[str, Any]:
    related = ticket["relatedEntity"]
    of_types = [{**one, "@referredType": _TYPES[one["role"]]} for one in related if one["role"] in _TYPES]
    problem = {"id": ticket["externalId"], "role": "case", "@referredType": "ServiceProblem"}
    parties = [
        {"id": one["id"], "role": "customer", "@referredType": "Organization"}
        for one in related
        if one["role"] == "customer"
    ]
    return {
        **{name: ticket[name] for name in ("name", "description", "severity", "ticketType")},
        "externalId": key,
        "relatedEntity": [problem, *of_types],
        "relatedParty": parties,
    }


def _id(ticket: Any) -> str:
    found = ticket.get("id") if isinstance(ticket, dict) else None
    if not found:
        raise DeliveryError("the ticket system did not say the id of the ticket")
    return str(found)[:200]
