"""Webhooks, signed as Standard Webhooks has it: those that are declared, and those of hubs."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable

from upheld.ports import Webhooks
from upheld.sinks.sending import Message


class WebhookSender:
    """See `sending.Sender`. Posts each event to an address; `secret` and `now` (microseconds UTC) are asked for every
    time."""

    def __init__(
        self, webhooks: Webhooks, url: str, secret: Callable[[], str], media_type: str, now: Callable[[], int]
    ) -> None:
        self._webhooks, self._url, self._secret, self._media_type = webhooks, url, secret, media_type
        self._now = now

    async def send(self, message: Message) -> None:
        given = self._url, self._secret(), message.id, self._now(), message.document, self._media_type
        await asyncio.to_thread(self._webhooks.post, *given)

    async def close(self) -> None:
        """Every event has a connection of its own."""


def hub_secret(installation: str, tenant: str, hub_id: str) -> str:
    """The secret that what goes to a hub is signed with, made of the installation's own: it is kept nowhere."""
    digest = hmac.digest(installation.encode(), "\n".join(("hub", tenant, hub_id)).encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(digest).decode()
