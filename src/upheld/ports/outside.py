"""What is reached outside: mail, webhooks, ticket systems, pagers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from upheld.notices.model import Notice


class Mailer(Protocol):
    def send(self, tenant: str, notice: Notice) -> str:
        """Hands a tenant's notice to the relay, under a Message-ID made of both, and returns the part of that before
        the @, by which delivery reports name it. Raises DeliveryError."""


class Webhooks(Protocol):
    def post(
        self,
        url: str,
        secret: str,
        message_id: str,
        at: int,
        payload: Mapping[str, Any],
        media_type: str = "application/json",
    ) -> str:
        """Posts the payload signed as Standard Webhooks has it, and returns the answer's body (at most 64 KiB).
        Raises DeliveryError; a private address is refused permanently."""

    def check(self, url: str) -> None:
        """Raises DeliveryError, permanent, where an address may not be posted to; one that does not resolve now may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of 2xx: its status, and its body (at most 64 KiB)."""

    status: int
    body: str


class Tickets(Protocol):
    """A ticket system. A ticket's content is that of TMF621 TroubleTicket: name, description, severity, ticketType,
    externalId, relatedEntity. Every method raises DeliveryError, and can be called again under the same key: whatever
    was cut off before, there is one ticket, or one note, for a key."""

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        """Opens a ticket, and returns what people call it by there."""

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        """Writes a note to the ticket of that reference, and moves it to `state` (in_progress, resolved, closed)."""


class Pager(Protocol):
    """A destination that wakes people. It may be told twice where it was cut off: it has no keys."""

    def page(self, title: str, body: str) -> None:
        """Raises DeliveryError."""


class Hook(Protocol):
    """An automation that is called with a signed payload."""

    def call(self, key: str, at: int, payload: Mapping[str, Any]) -> Answer:
        """Posts the payload under its key. An answer of 202 says that the outcome comes later. Raises DeliveryError."""


@dataclass(frozen=True, slots=True)
class Channels:
    """Where steps reach outside, by the names that playbooks call them by."""

    tickets: Mapping[str, Tickets] = field(default_factory=dict)
    pagers: Mapping[str, Pager] = field(default_factory=dict)
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    tenants: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Of a channel that only some tenants may use, which; of others nothing."""

    def of(self, tenant: str) -> Sequence[str]:
        """The names of those that a tenant may use, sorted."""
        return sorted(name for name in (*self.tickets, *self.pagers, *self.hooks) if self.may(tenant, name))

    def may(self, tenant: str, channel: str) -> bool:
        """Whether there is such a channel for a tenant."""
        known = channel in self.tickets or channel in self.pagers or channel in self.hooks
        return known and tenant in self.tenants.get(channel, (tenant,))
