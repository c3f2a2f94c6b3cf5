"""Files fetched by HTTP from addresses that others have named: whole, or not at all."""

import time
from collections.abc import Sequence

import httpcore
import httpx

from upheld.channels.public_addresses import AnyNetwork, PublicAddresses, checked_url
from upheld.ports import DeliveryError

PATIENCE = 120.0
"""Seconds that a whole fetch may take, redirects and all."""
MAX_REDIRECTS = 5
_WHAT = "the file"
_LATER = frozenset({404, 408, 423, 425, 429})
"""The answers of the 400s after which another try may help: a file that was announced may still be on its way."""
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})


class TooLarge(DeliveryError):
    """A file has more bytes than are taken."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)


class WebFiles:
    """Fetches files of at most `max_bytes`. `allowed` are networks that may be fetched from although they are not
    public, such as the one of the provider's own file servers."""

    def __init__(self, max_bytes: int, allowed: Sequence[AnyNetwork] = ()) -> None:
        self._max_bytes = max_bytes
        self._addresses = PublicAddresses(allowed)

    def read(self, url: str) -> bytes:
        """What a file holds, as it is sent. Redirects are followed, each to an address that is checked as the first,
        and never from https to http.

        Raises DeliveryError: permanent for an address that may not be fetched from, the 400s but those of `_LATER`,
        and as TooLarge for too many bytes; temporary for any other answer and for trouble on the way. The address is
        not in the error, for there may be a secret in it."""
        newer = self.newer(url, None)
        assert newer is not None, "nothing was known of it"
        return newer[0]

    def newer(self, url: str, tag: str | None) -> tuple[bytes, str | None] | None:
        """As `read`, with the file's entity tag (RFC 9110, 8.8.3); None where the file is still the one of `tag`."""
        deadline = time.monotonic() + PATIENCE
        target = checked_url(url, _WHAT)
        known = {} if tag is None else {"if-none-match": tag}
        for _ in range(MAX_REDIRECTS + 1):
            headers = {"accept": "*/*", "accept-encoding": "identity", **known}
            with self._addresses.answer(_WHAT, "GET", target, headers, deadline) as answer:
                if answer.status == 304 and tag is not None:
                    return None
                if answer.status not in _ELSEWHERE:
                    etag = _header(answer, b"etag")
                    return self._body(answer), None if etag is None else etag.decode("latin-1")
                target = _redirected(target, answer)
        raise DeliveryError(f"the file is redirected more than {MAX_REDIRECTS} times", permanent=True)

    def _body(self, answer: httpcore.Response) -> bytes:
        if answer.status != 200:
            permanent = 400 <= answer.status < 500 and answer.status not in _LATER
            raise DeliveryError(f"the file's server answered {answer.status}", permanent=permanent)
        size = _header(answer, b"content-length")
        if size is None and _header(answer, b"transfer-encoding") is None:
            # Where the connection's end is the file's end, one that is cut off looks whole, down to its last number.
            raise DeliveryError("the file's server says neither its length nor sends it in chunks")
        if size is not None and int(size) > self._max_bytes:
            raise self._too_large(f"{int(size):,} bytes")
        body = bytearray()
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large("more")
        return bytes(body)

    def _too_large(self, size: str) -> TooLarge:
        return TooLarge(f"the file has {size}, and at most {self._max_bytes:,} bytes are taken")


def shown(url: str) -> str:
    """An address for logs and people: without its query, in which there may be a secret, nor a password."""
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return "an address that is not a URL"
    return str(target.copy_with(query=None, fragment=None, userinfo=b""))[:500]


def _redirected(target: httpx.URL, answer: httpcore.Response) -> httpx.URL:
    location = _header(answer, b"location")
    if not location:
        raise DeliveryError(f"the file's server answered {answer.status} and says not whereto", permanent=True)
    try:
        joined = str(target.join(location.decode("latin-1")))
    except (httpx.InvalidURL, ValueError):
        raise DeliveryError("the file is redirected to what is not a URL", permanent=True) from None
    found = checked_url(joined, "the redirected file")
    if target.scheme == "https" and found.scheme != "https":
        raise DeliveryError("the file is redirected from https to http", permanent=True)
    return found


def _header(answer: httpcore.Response, name: bytes) -> bytes | None:
    return next((value for key, value in answer.headers if key.lower() == name), None)
