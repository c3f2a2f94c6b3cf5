"""A ticket system, or an automation, that is told by signed webhooks."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from upheld.channels.webhook import SignedWebhooks
from upheld.ports import Answer, Clock


class WebhookTickets:
    """Implements `ports.Tickets`: each ticket and each note is one POST, whose `webhook-id` is the same for every try.
    An `id` in the answer is what the ticket goes by."""

    def __init__(self, webhooks: SignedWebhooks, url: str, secret: Callable[[], str], clock: Clock) -> None:
        self._webhooks, self._url, self._secret, self._clock = webhooks, url, secret, clock

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        answer = self._webhooks.post(self._url, self._secret(), f"{tenant}/{key}", self._clock.now(), ticket)
        return _reference(answer) or key

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        told = {"id": reference, "note": [{"id": key, "text": note}], **({} if state is None else {"status": state})}
        self._webhooks.post(self._url, self._secret(), f"{tenant}/{key}", self._clock.now(), told)


class WebhookHook:
    """Implements `ports.Hook`."""

    def __init__(self, webhooks: SignedWebhooks, url: str, secret: Callable[[], str]) -> None:
        self._webhooks, self._url, self._secret = webhooks, url, secret

    def call(self, key: str, at: int, payload: Mapping[str, Any]) -> Answer:
        return self._webhooks.call(self._url, self._secret(), key, at, payload)


def _reference(answer: str) -> str | None:
    """The id that a ticket system's JSON answer names (TMF621: `id`), if it does."""
    try:
        document: Any = json.loads(answer)
    except ValueError:
        return None
    reference = document.get("id") if isinstance(document, dict) else None
    return str(reference)[:200] if reference else None
