"""The built-in list of tickets, for a provider that has no ticket system of its own."""

from collections.abc import Mapping
from typing import Any

from upheld.actions.model import Ticket
from upheld.ports import Clock, DeliveryError, Store


class ListedTickets:
    """Implements `ports.Tickets` in the store. A ticket goes by the key under which it was opened."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        subject = str(ticket["externalId"])
        with self._store.transaction(tenant) as t:
            t.open_ticket(Ticket(key, self._clock.now(), str(ticket["name"]), ticket, subject))
        return key

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        with self._store.transaction(tenant) as t:
            found = t.note_on_ticket(reference, {"id": key, "text": note, "state": state}, state)
        if not found:
            raise DeliveryError("there is no such ticket in the list", permanent=True)
