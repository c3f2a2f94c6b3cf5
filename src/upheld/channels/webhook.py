"""Notices as signed webhooks (Standard Webhooks), posted to public addresses only."""

import base64
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from standardwebhooks import Webhook

from upheld.agreements.units import to_datetime
from upheld.channels.public_addresses import AnyNetwork, PublicAddresses, checked_url
from upheld.ports import Answer, DeliveryError, Gone

PATIENCE = 20.0
"""Seconds that a whole delivery may take, however slowly the other side trickles."""
BODY_LIMIT = 64 * 1024
RETRIED = frozenset({408, 425, 429})
"""The answers of the 400s that ask to come back later."""
_WHAT = "the webhook"


class SignedWebhooks:
    """Posts signed payloads; implements `ports.Webhooks`. `allowed` are networks that may be posted to although they
    are not public, such as the one of the provider's own ticket system."""

    def __init__(self, allowed: Sequence[AnyNetwork] = ()) -> None:
        self._addresses = PublicAddresses(allowed)

    def post(
        self,
        url: str,
        secret: str,
        message_id: str,
        at: int,
        payload: Mapping[str, Any],
        media_type: str = "application/json",
    ) -> str:
        """Posts `payload` as JSON under the headers of Standard Webhooks and returns the answer's body, at most
        64 KiB of it. `at` (microseconds) becomes the timestamp, `message_id` the key by which the receiver drops a
        delivery that comes twice.

        A 2xx is success. Raises DeliveryError: permanent for an address that may not be posted to, a secret that
        cannot sign, and the 400s; temporary for 408, 425, 429, any other answer and trouble on the way. Redirects are
        not followed, proxies of the environment not used. Neither the secret nor the URL is in the error."""
        return self.call(url, secret, message_id, at, payload, media_type).body

    def call(
        self,
        url: str,
        secret: str,
        message_id: str,
        at: int,
        payload: Mapping[str, Any],
        media_type: str = "application/json",
    ) -> Answer:
        """As `post`, with the status that it was answered with."""
        target = checked_url(url, _WHAT)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        headers = _headers(secret, message_id, at, body, media_type)
        deadline = time.monotonic() + PATIENCE
        with self._addresses.answer(_WHAT, "POST", target, headers, deadline, body.encode()) as answer:
            _judge(answer.status)
            return Answer(answer.status, _read(answer.iter_stream()).decode(errors="replace"))

    def check(self, url: str) -> None:
        """Raises DeliveryError, permanent, where an address may not be posted to; one that does not resolve now may."""
        self._addresses.check(_WHAT, checked_url(url, _WHAT))


def _headers(secret: str, message_id: str, at: int, body: str, media_type: str) -> dict[str, str]:
    second = at // 1_000_000
    key = _header_value(message_id)
    return {
        "content-type": media_type,
        "accept": "*/*",
        "webhook-id": key,
        "webhook-timestamp": str(second),
        "webhook-signature": _signer(secret).sign(key, to_datetime(second * 1_000_000), body),
        "content-length": str(len(body.encode())),
    }


def _signer(secret: str) -> Webhook:
    # strictly base64: the library skips other characters, and would sign with a key that the receiver does not have
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise DeliveryError("the webhook's secret is not base64, so it cannot sign", permanent=True)
    return Webhook(key)


def _header_value(text: str) -> str:
    """`text` as printable ASCII, the rest percent-encoded, so that it stays one key and cannot carry a header."""
    return "".join(c if "!" <= c <= "~" and c != "%" else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


def _read(chunks: Iterable[bytes]) -> bytes:
    """The beginning of the body; the rest is not waited for."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) >= BODY_LIMIT:
            break
    return bytes(body[:BODY_LIMIT])


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryError(f"the webhook answered {status}, and redirects are not followed")
    if status == 410:
        raise Gone("the webhook answered 410: it is gone and wants nothing more")
    raise DeliveryError(f"the webhook answered {status}", permanent=400 <= status < 500 and status not in RETRIED)
