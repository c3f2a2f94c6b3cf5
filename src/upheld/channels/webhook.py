"""Notices as signed webhooks (Standard Webhooks), posted to public addresses only.

Whoever names a webhook's address must not reach into the provider's own network with it (server-side request forgery).
So the address is checked where the connection is made, on the very number that is connected to: no second look-up
of the name can change it in between (DNS rebinding). TLS is verified against the name all the same.
"""

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx
from standardwebhooks import Webhook

from upheld.agreements.units import to_datetime
from upheld.notices.formats import one_line
from upheld.ports import DeliveryError

PATIENCE = 20.0
"""Seconds that a whole delivery may take, however slowly the other side trickles."""
BODY_LIMIT = 64 * 1024
RETRIED = frozenset({408, 425, 429})
"""The answers of the 400s that ask to come back later."""

AnyNetwork = IPv4Network | IPv6Network
AnyAddress = IPv4Address | IPv6Address

# IPv6 ranges that only carry an IPv4 address: what they lead to is not theirs to say
_WRAPPING = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))


class SignedWebhooks:
    """Posts signed payloads; implements `ports.Webhooks`. `allowed` are networks that may be posted to although they
    are not public, such as the one of the provider's own ticket system."""

    def __init__(self, allowed: Sequence[AnyNetwork] = ()) -> None:
        self._allowed = tuple(allowed)
        self._tls = httpx.create_ssl_context()

    def post(self, url: str, secret: str, message_id: str, at: int, payload: Mapping[str, Any]) -> str:
        """Posts `payload` as JSON under the headers of Standard Webhooks and returns the answer's body, at most
        64 KiB of it. `at` (microseconds) becomes the timestamp, `message_id` the key by which the receiver drops a
        delivery that comes twice.

        A 2xx is success. Raises DeliveryError: permanent for an address that may not be posted to, a secret that
        cannot sign, and the 400s; temporary for 408, 425, 429, any other answer and trouble on the way. Redirects are
        not followed, proxies of the environment not used. Neither the secret nor the URL is in the error."""
        request = _request(url, secret, message_id, at, payload)
        try:
            with httpcore.ConnectionPool(
                ssl_context=self._tls, network_backend=_Guarded(self._allowed, time.monotonic() + PATIENCE)
            ) as pool:
                response = pool.handle_request(request)
                try:
                    _judge(response.status)
                    return _read(response.iter_stream()).decode(errors="replace")
                finally:
                    response.close()
        except httpcore.TimeoutException:
            raise DeliveryError("the webhook took too long") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as fault:
            raise DeliveryError(f"the webhook cannot be reached: {_said(fault)}") from None


def _request(url: str, secret: str, message_id: str, at: int, payload: Mapping[str, Any]) -> httpcore.Request:
    target = _target(url)
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    second = at // 1_000_000
    key = _header_value(message_id)
    headers = {
        "host": target.netloc.decode(),
        "content-type": "application/json",
        "user-agent": "Upheld",
        "accept": "*/*",
        "webhook-id": key,
        "webhook-timestamp": str(second),
        "webhook-signature": _signer(secret).sign(key, to_datetime(second * 1_000_000), body),
        "content-length": str(len(body.encode())),
    }
    return httpcore.Request(
        "POST",
        httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
        headers=list(headers.items()),
        content=body.encode(),
        extensions={"timeout": {"connect": PATIENCE, "read": PATIENCE, "write": PATIENCE, "pool": PATIENCE}},
    )


def _target(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise DeliveryError("the webhook's address is not a URL", permanent=True) from None
    if target.scheme not in ("http", "https") or not target.host:
        raise DeliveryError("a webhook's address begins with http:// or https://", permanent=True)
    if target.port is not None and not 0 < target.port < 65536:  # a resolver would wrap it around
        raise DeliveryError("a webhook's port lies between 1 and 65535", permanent=True)
    if target.userinfo:
        raise DeliveryError("a webhook's address carries no user name or password", permanent=True)
    return target


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
        raise DeliveryError("the webhook answered 410: it is gone and wants no more notices", permanent=True)
    raise DeliveryError(f"the webhook answered {status}", permanent=400 <= status < 500 and status not in RETRIED)


class _Guarded(httpcore.NetworkBackend):
    """Connects only to addresses that may be posted to, and only until `deadline` (of the monotonic clock)."""

    def __init__(self, allowed: Sequence[AnyNetwork], deadline: float) -> None:
        self._allowed, self._deadline = allowed, deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        fault: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._sockets.connect_tcp(str(address), port, _left(self._deadline), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                fault = refused
            else:
                return _Hurried(stream, self._deadline)
        raise fault

    def _addresses(self, host: str, port: int) -> list[AnyAddress]:
        """What the name resolves to, all of it permitted: a name that leads inside only now and then is refused too."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as fault:
            raise httpcore.ConnectError(f"its name does not resolve ({type(fault).__name__})") from None
        addresses = list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))
        for address in addresses:
            if not permitted(address, self._allowed):
                raise DeliveryError("the webhook's address is not public, and not among those allowed", permanent=True)
        return addresses


def permitted(address: AnyAddress, allowed: Sequence[AnyNetwork]) -> bool:
    """Whether a webhook may be posted to: a public unicast address, or one of `allowed`."""
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None or any(address in network for network in _WRAPPING)
    ):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


class _Hurried(httpcore.NetworkStream):
    """A stream whose every step ends at one deadline, so that a trickle cannot hold it for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Hurried(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


def _said(fault: Exception) -> str:
    return one_line(str(fault))[:200] or type(fault).__name__
