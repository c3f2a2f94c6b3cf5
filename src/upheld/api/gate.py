"""The gate before every route: who is asking, and may they? What is not named as public is closed, so that a route
that is added later is closed too."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from upheld.access import SESSION_COOKIE, Caller, Sessions, authenticate, signed_in
from upheld.api.problems import API, problem
from upheld.clock import SystemClock
from upheld.notices.links import SIGNED_PATHS
from upheld.ports import Store

PUBLIC = ("/health/", *(f"/{path}/" for path in SIGNED_PATHS), "/static/")
"""Open to all: whether the server is well, what a signed link itself lets in, and the pages' own files."""
PUBLIC_PAGES = ("/login", "/session", "/favicon.ico")
_SAFE = ("GET", "HEAD")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="upheld"'}


class Gate:
    """ASGI middleware. Lets a request through with `state.caller` (None on what is public), or answers it itself."""

    def __init__(self, app: ASGIApp, store: Store, sessions: Sessions) -> None:
        self.app, self.store, self.sessions = app, store, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        caller = None if is_public(scope["path"]) else await self._caller(request)
        refusal = _refusal(request, caller)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    async def _caller(self, request: HTTPConnection) -> Caller | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer":
                return None
            key = await run_in_threadpool(authenticate, self.store, secret.strip())
            return None if key is None else Caller(key.id, key.tenant, key.role, key_name=key.name)
        cookie = request.cookies.get(SESSION_COOKIE)
        if not cookie:
            return None
        return await run_in_threadpool(signed_in, self.store, self.sessions, cookie, SystemClock().now())


def is_public(path: str) -> bool:
    """Whether a path is open to all."""
    return path.startswith(PUBLIC) or path in PUBLIC_PAGES


def _refusal(request: HTTPConnection, caller: Caller | None) -> Response | None:
    method, path = request.scope["method"], request.scope["path"]
    if is_public(path):
        return None
    if caller is None:
        return _who_are_you(request, path)
    if not caller.may(method, path):
        return problem(403, f"a key with the role {caller.role} may not do this")
    if caller.by_session and method not in _SAFE:
        if path.startswith(API):
            return problem(403, "a browser's session may only read here: send an API key")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return problem(403, "the request comes from another site")
    return None


def _who_are_you(request: HTTPConnection, path: str) -> Response:
    if path.startswith(API) or "authorization" in request.headers:
        return problem(401, "send an API key as Authorization: Bearer uph_...", headers=_CHALLENGE)
    target = path if request.scope["method"] == "GET" else "/"
    if target == path and request.url.query:
        target += f"?{request.url.query}"
    address = f"/login?next={quote(target, safe='')}"
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": address, **_CHALLENGE})
    return Response(status_code=303, headers={"Location": address})
