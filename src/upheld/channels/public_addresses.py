"""Requests to addresses that others have named, made to public addresses only.

Whoever names an address must not reach into the provider's own network with it (server-side request forgery). So the
address is checked where the connection is made, on the very number that is connected to: no second look-up of the name
can change it in between (DNS rebinding). TLS is verified against the name all the same.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx

from upheld.notices.formats import one_line
from upheld.ports import DeliveryError

AnyNetwork = IPv4Network | IPv6Network
AnyAddress = IPv4Address | IPv6Address

# IPv6 ranges that only carry an IPv4 address: what they lead to is not theirs to say
_WRAPPING = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))


def checked_url(url: str, what: str) -> httpx.URL:
    """An address of http or https without user and password. Raises DeliveryError, permanent, which calls whom it
    belongs to `what`, such as `the webhook`; the address itself is not in the error."""
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise DeliveryError(f"{what}'s address is not a URL", permanent=True) from None
    if target.scheme not in ("http", "https") or not target.host:
        raise DeliveryError(f"{what}'s address does not begin with http:// or https://", permanent=True)
    if target.port is not None and not 0 < target.port < 65536:  # a resolver would wrap it around
        raise DeliveryError(f"{what}'s port does not lie between 1 and 65535", permanent=True)
    if target.userinfo:
        raise DeliveryError(f"{what}'s address carries a user name or password, which is not taken", permanent=True)
    return target


class PublicAddresses:
    """Makes requests. `allowed` are networks that may be reached although they are not public, such as the one of the
    provider's own ticket system. Redirects are not followed, proxies of the environment not used."""

    def __init__(self, allowed: Sequence[AnyNetwork] = ()) -> None:
        self._allowed = tuple(allowed)
        self._tls = httpx.create_ssl_context()

    @contextmanager
    def answer(
        self,
        what: str,
        method: str,
        target: httpx.URL,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes | None = None,
    ) -> Iterator[httpcore.Response]:
        """The answer to a request, whose body can be read within; all of it ends at `deadline` (of the monotonic
        clock), however slowly the other side trickles. Raises DeliveryError, which calls the other side `what`:
        permanent for an address that may not be reached, temporary for trouble on the way."""
        try:
            patience = _left(deadline)
            request = httpcore.Request(
                method,
                httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
                headers=[("host", target.netloc.decode()), ("user-agent", "Upheld"), *headers.items()],
                content=content,
                extensions={"timeout": {"connect": patience, "read": patience, "write": patience, "pool": patience}},
            )
            backend = _Guarded(self._allowed, deadline, what)
            with httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool:
                response = pool.handle_request(request)
                try:
                    yield response
                finally:
                    response.close()
        except httpcore.TimeoutException:
            raise DeliveryError(f"{what} took too long") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as fault:
            raise DeliveryError(f"{what} cannot be reached: {_said(fault)}") from None

    def check(self, what: str, target: httpx.URL) -> None:
        """Raises DeliveryError, permanent, where an address may not be reached, as it resolves now. That does not save
        the check when it is connected to."""
        port = target.port or (443 if target.scheme == "https" else 80)
        with suppress(httpcore.ConnectError):
            _Guarded(self._allowed, time.monotonic(), what).addresses(target.host, port)


class _Guarded(httpcore.NetworkBackend):
    """Connects only to addresses that may be reached, and only until `deadline` (of the monotonic clock)."""

    def __init__(self, allowed: Sequence[AnyNetwork], deadline: float, what: str) -> None:
        self._allowed, self._deadline, self._what = allowed, deadline, what
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
        for address in self.addresses(host, port):
            try:
                stream = self._sockets.connect_tcp(str(address), port, _left(self._deadline), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                fault = refused
            else:
                return _Hurried(stream, self._deadline)
        raise fault

    def addresses(self, host: str, port: int) -> list[AnyAddress]:
        """What the name resolves to, all of it permitted: a name that leads inside only now and then is refused too."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as fault:
            raise httpcore.ConnectError(f"its name does not resolve ({type(fault).__name__})") from None
        addresses = list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))
        for address in addresses:
            if not permitted(address, self._allowed):
                raise DeliveryError(
                    f"{self._what}'s address is not public, and not among those allowed", permanent=True
                )
        return addresses


def permitted(address: AnyAddress, allowed: Sequence[AnyNetwork]) -> bool:
    """Whether it may be connected to: a public unicast address, or one of `allowed`."""
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
