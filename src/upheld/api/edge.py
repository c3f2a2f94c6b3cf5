"""The outermost layers: the log of requests, headers that protect the browser, the limit of a body, and the answer
where something of ours fails."""

import re
import secrets
import time
import traceback
from pathlib import Path
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

import upheld
from upheld.access import Caller
from upheld.api.gate import is_public
from upheld.api.problems import Problem, problem
from upheld.readers.kept import NUL
from upheld.recorder import Recorder

log = structlog.get_logger("upheld.http")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OURS = Path(upheld.__file__).parent
PUBLIC_LIMIT = 64 * 1024
"""Bytes that a form may have where nobody has to show a key."""

_PROTECTION = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Links carry tokens: no other site learns from which page a visitor came.
    "Referrer-Policy": "no-referrer",
}


class Addresses:
    """ASGI middleware: refuses an address with a NUL character, for nothing that is kept can have one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (field := _with_nul(scope)) is not None:
            errors = [{"in": "query" if field else "path", "field": field, "message": NUL}]
            refused = problem(422, f"{field or 'the address'}: {NUL}", {"errors": errors})
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _with_nul(scope: Scope) -> str | None:
    """The parameter that has a NUL character; empty where the path has one, None where nothing has."""
    if "\0" in scope["path"]:
        return ""
    if b"%00" not in scope["query_string"]:
        return None
    sent = QueryParams(scope["query_string"]).multi_items()
    return next((name.replace("\0", "") for name, text in sent if "\0" in name + text), None)


class Protection:
    """ASGI middleware: adds the headers that protect a browser. What an answer has set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _PROTECTION.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, protected if scope["type"] == "http" else send)


class Witness:
    """ASGI middleware: logs and counts each request, and answers 500 where the inside fails. Every line that is logged
    on the way has the `request_id`, which the answer tells as X-Request-Id: the sender's own, or a new one.

    The log has the route's template and never the address itself, for addresses carry tokens; of a failure it has the
    places in the code and never the message, for messages carry data."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self.app, self.recorder = app, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.monotonic()
        status, request_id = 0, _request_id(scope)
        clear_contextvars()
        bind_contextvars(request_id=request_id)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            log.info("client went away", **_request(scope))
        except Exception as error:
            log.error("request failed", error=type(error).__name__, places=_places(error), **_request(scope))
            if status:
                raise ConnectionAbortedError("the answer had begun when the inside failed") from None
            await problem(500, "the server failed; its log says where")(scope, receive, watched)
        finally:
            seconds, request = time.monotonic() - began, _request(scope)
            self.recorder.request(request["method"], request["route"] or "none", status, seconds)
            log.info("request", status=status, milliseconds=round(seconds * 1000, 1), **request)


class Traced:
    """ASGI middleware: traces each request that the gate has let through, as a part of its sender's own trace (header
    traceparent) where a key has proven who that is."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self.app, self.recorder = app, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_public(scope["path"]):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        with self.recorder.span(scope["method"], carried=sent, kind="server") as span:
            trace_id = self.recorder.trace_id()
            if trace_id is not None:
                bind_contextvars(trace_id=trace_id)

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.tell(status=message["status"])
                    if message["status"] >= 500:
                        span.failed(str(message["status"]))
                await send(message)

            try:
                await self.app(scope, receive, watched)
            finally:
                known = {name: value for name, value in _request(scope).items() if value is not None}
                span.named(f"{known['method']} {known.get('route', '')}".strip())
                span.tell(**known)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _request(scope: Scope) -> dict[str, Any]:
    caller = scope.get("state", {}).get("caller")
    known = {"tenant": caller.tenant, "key": caller.key_id} if isinstance(caller, Caller) else {}
    return {"method": scope["method"], "route": getattr(scope.get("route"), "path", None), **known}


def _places(error: BaseException) -> list[str]:
    """Where it failed: the eight innermost places of our own code, and the innermost of all where that is another's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_OURS)][-8:]
    told = [*own, *(frame for frame in frames[-1:] if frame not in own)]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in told]


class BodyLimit:
    """ASGI middleware: no body grows beyond `limit` bytes, nor beyond `PUBLIC_LIMIT` where nobody has to show a key.
    One that says so beforehand is refused unread; one that does not is read up to the limit and no further."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = min(self.limit, PUBLIC_LIMIT) if is_public(scope["path"]) else self.limit
        too_large = Problem(413, f"a body must have at most {limit:,} bytes", headers={"Connection": "close"})
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await problem(413, too_large.detail, headers=too_large.headers)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise too_large
            return message

        await self.app(scope, counted, send)
