"""Signing in with an API key, and out again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.access import SESSION_COOKIE, authenticate
from upheld.agreements.units import SECOND
from upheld.clock import SystemClock
from upheld.web.site import Site, Visitor, form_of, local_path


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/login`, `/logout`, and `/session`, which tells a page's script whether it is signed in."""

    @routes.get("/login")
    def login_page(request: Request, next: str = "/") -> Response:
        if site.visitor_or_none(request) is not None:
            return RedirectResponse(local_path(next), status_code=303)
        return site.page(request, "login.html", None, next=local_path(next), fault=None)

    @routes.post("/login")
    def login(request: Request, key: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/") -> Response:
        refuse_foreign(request)
        found = authenticate(site.application.store, key.strip())
        if found is None:
            return _again(request, next, "This is not a key of ours. Check that it was pasted whole.")
        if found.role != "operator":
            may = "read the metrics" if found.role == "metrics" else "deliver measurements"
            return _again(request, next, f"This key may only {may}. Sign in with an operator's key.")
        answer = RedirectResponse(local_path(next), status_code=303)
        answer.set_cookie(
            SESSION_COOKIE,
            site.sessions.issue(found, SystemClock().now()),
            max_age=site.sessions.lifetime // SECOND,
            httponly=True,
            samesite="strict",
            secure=_is_https(site, request),
        )
        return answer

    @routes.post("/logout")
    def logout(request: Request, visitor: Annotated[Visitor, Depends(form_of(site))]) -> Response:
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=_is_https(site, request))
        return answer

    @routes.get("/session")
    def session(request: Request) -> Response:
        known = site.visitor_or_none(request) is not None
        return Response("in" if known else "out", media_type="text/plain", headers={"Cache-Control": "no-store"})

    def _again(request: Request, next: str, fault: str) -> HTMLResponse:
        return site.page(request, "login.html", None, 403, next=local_path(next), fault=fault)


def refuse_foreign(request: Request) -> None:
    """Refuses a form that a browser says was sent from another site (Fetch Metadata); others send no such header."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise HTTPException(403)


def _is_https(site: Site, request: Request) -> bool:
    return request.url.scheme == "https" or site.application.settings.public_url.startswith("https:")
