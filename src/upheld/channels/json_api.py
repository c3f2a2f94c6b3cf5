"""Requests to a JSON API of the installation's own, such as a ticket system: guarded as webhooks are, signed in to."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpcore

from upheld.channels.public_addresses import PublicAddresses, checked_url
from upheld.ports import DeliveryError

PATIENCE = 10.0
"""Seconds that a whole request may take. A step makes up to five, and a worker takes up to four steps in one lease."""
MOST_BYTES = 4 * 1024 * 1024
RETRIED = frozenset({401, 403, 408, 423, 425, 429})
"""The answers of the 400s that are worth another try: a password may just be being changed."""

Authorization = Callable[[], str | None]
"""What signs in: the header's value, made anew for each request, so that a changed secret counts at once."""


def basic(username: str, password: Callable[[], str]) -> Authorization:
    """Signs in by user name and password."""
    return lambda: "Basic " + base64.b64encode(f"{username}:{password()}".encode()).decode()


def bearer(token: Callable[[], str]) -> Authorization:
    """Signs in by a token."""
    return lambda: f"Bearer {token()}"


class JsonApi:
    """Makes requests below `url`. Faults call the other side `what`, and never hold its address or a secret."""

    def __init__(self, addresses: PublicAddresses, url: str, authorization: Authorization, what: str) -> None:
        self._addresses, self._url, self._authorization, self._what = addresses, url.rstrip("/"), authorization, what

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        return self._request("GET", path, params, None)

    def post(self, path: str, body: Any) -> Any:
        return self._request("POST", path, None, body)

    def patch(self, path: str, body: Any, media_type: str = "application/json") -> Any:
        return self._request("PATCH", path, None, body, media_type)

    def _request(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Any, media_type: str = "application/json"
    ) -> Any:
        """The answer's JSON, None where it has no body. Raises DeliveryError: permanent for the 400s but those that are
        worth another try, and for an address that may not be reached."""
        target = checked_url(f"{self._url}{path}", self._what)
        if params:
            target = target.copy_merge_params(params)
        headers = {"accept": "application/json"}
        authorization = self._authorization()
        if authorization is not None:
            headers["authorization"] = authorization
        content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        if content is not None:
            headers |= {"content-type": media_type, "content-length": str(len(content))}
        deadline = time.monotonic() + PATIENCE
        with self._addresses.answer(self._what, method, target, headers, deadline, content) as answer:
            text = _read(answer)
            self._judge(answer.status)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise DeliveryError(f"{self._what} did not answer with JSON") from None

    def _judge(self, status: int) -> None:
        if 200 <= status < 300:
            return
        permanent = 400 <= status < 500 and status not in RETRIED
        raise DeliveryError(f"{self._what} answered {status}", permanent=permanent)


def _read(answer: httpcore.Response) -> str:
    body = bytearray()
    for chunk in answer.iter_stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise DeliveryError("the answer is larger than 4 MiB")
    return body.decode(errors="replace")


def quoted(segment: str) -> str:
    """A text as one segment of a path."""
    return quote(segment, safe="")
