"""What every page shares: who is visiting, the templates, the forms' tokens, and errors as pages."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import Form, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException as StarletteHTTPException

from upheld import access
from upheld.access import SESSION_COOKIE, Caller, Sessions
from upheld.agreements.units import format_instant, format_share, parse_instant
from upheld.analysis.clues import named
from upheld.app import Application
from upheld.clock import SystemClock
from upheld.notices.links import BadLink
from upheld.readers.kept import NUL, nul_at
from upheld.web import words
from upheld.web.addressed import Addressee, stranger
from upheld.web.standing import credit_so_far

HERE = Path(__file__).parent
_ERRORS = {
    400: ("This cannot be done as asked", "Something in the request is missing or wrong."),
    401: ("Please sign in", "This page is for signed-in operators."),
    403: ("This is not allowed", "The form is no longer valid. Go back, reload the page and try again."),
    404: ("There is no such page", "It may have been removed, or the address is mistyped."),
    405: ("This cannot be done here", "The address does not take this kind of request."),
    500: ("Something went wrong on our side", "It has been recorded. Please try again in a moment."),
}


class SignInNeeded(Exception):
    """The visitor has no session that holds."""


Question = TypeVar("Question")
Found = TypeVar("Found")


def behind(
    read: Callable[[str], Question], token: str, look: Callable[[Question], Found | None]
) -> tuple[Question, Found] | None:
    """What a signed token was made for, as `read` reads it, and what there is of that, as `look` finds it; None where
    the token is none of ours, or nothing of it is there."""
    try:
        question = read(token)
    except BadLink:
        return None
    found = look(question)
    return None if found is None else (question, found)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in operator: the caller, and the token that the session's forms carry."""

    caller: Caller
    csrf: str

    @property
    def tenant(self) -> str:
        return self.caller.tenant


@dataclass(frozen=True, slots=True)
class Site:
    """The application with what its pages need."""

    application: Application
    sessions: Sessions
    templates: Environment

    def now(self) -> int:
        """The application's time, by which promises are judged."""
        return self.application.clock.now()

    def page(
        self, request: Request, name: str, visitor: Visitor | None, status: int = 200, **data: Any
    ) -> HTMLResponse:
        """A template as an answer. It is never kept by a cache: what it shows belongs to one tenant and one moment."""
        settings = self.application.settings
        text = self.templates.get_template(name).render(
            path=request.url.path,
            query=request.url.query,
            visitor=visitor,
            now=self.now(),
            has_mailbox=settings.mail_catcher is not None,
            **data,
        )
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    def signed_page(self, request: Request, name: str, status: int, to: Addressee | None, **data: Any) -> HTMLResponse:
        """The page of a signed link, in the words of whom it is addressed `to`; None where the link is none of ours. It
        is for nobody but whom it was sent to, so no index keeps it, and no page that is gone to from here learns its
        address."""
        words_ = (to or stranger(request)).words(self.now())
        answer = self.page(request, name, None, status, **words_, **data)
        answer.headers.update({"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"})
        return answer

    def error(self, request: Request, status: int, detail: str | None = None) -> HTMLResponse:
        """An error as a page in the site's own style."""
        title, advice = _ERRORS.get(status, _ERRORS[400 if status < 500 else 500])
        visitor = self.visitor_or_none(request)
        return self.page(
            request, "error.html", visitor, status, error_status=status, error_title=title, advice=detail or advice
        )

    def visitor_or_none(self, request: Request) -> Visitor | None:
        cookie = request.cookies.get(SESSION_COOKIE)
        store, now = self.application.store, SystemClock().now()
        caller = access.signed_in(store, self.sessions, cookie, now) if cookie else None
        if cookie is None or caller is None or caller.role != "operator":
            return None
        return Visitor(caller, self.sessions.csrf_token(cookie))


def open_site(application: Application, sessions: Sessions) -> Site:
    return Site(application, sessions, _environment())


# -- dependencies of the endpoints ----------------------------------------------------------------------------


def signed_in(site: Site) -> Callable[[Request], Visitor]:
    """A dependency that gives the visitor, or sends them to sign in."""

    def visitor(request: Request) -> Visitor:
        found = site.visitor_or_none(request)
        if found is None:
            raise SignInNeeded
        return found

    return visitor


def form_of(site: Site) -> Callable[..., Visitor]:
    """A dependency for a form: as `signed_in`, and the form carries the session's token."""

    def visitor(request: Request, csrf: Annotated[str, Form()] = "") -> Visitor:
        found = signed_in(site)(request)
        if not site.sessions.csrf_holds(request.cookies[SESSION_COOKIE], csrf):
            raise HTTPException(403)
        return found

    return visitor


def page_route(site: Site) -> type[APIRoute]:
    """A route whose faults are answered with pages."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    if request.method == "POST" and nul_at((await request.form()).multi_items()) is not None:
                        return site.error(request, 400, f"What was sent {NUL}.")
                    return await answer(request)
                except SignInNeeded:
                    return _to_sign_in(request)
                except RequestValidationError:
                    return site.error(request, 400)
                except StarletteHTTPException as fault:
                    own_words = fault.detail if isinstance(fault.detail, str) and " " in fault.detail.strip() else None
                    return site.error(request, fault.status_code, own_words if fault.status_code != 403 else None)

            return handler

    return PageRoute


def _to_sign_in(request: Request) -> Response:
    target = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        target += f"?{request.url.query}"
    address = f"/login?next={quote(target, safe='')}"
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": address, "Cache-Control": "no-store"})
    return Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})


def local_path(target: str) -> str:
    """`target` where it is a path on this site, else `/`: a login form must not send anyone elsewhere."""
    parts = urlsplit(target)
    inside = target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    return target if inside and "\\" not in target and target.isprintable() else "/"


# -- templates and static files -------------------------------------------------------------------------------

_STATIC = HERE / "static"
STATIC_FILES = {
    path.relative_to(_STATIC).as_posix(): (path, hashlib.sha256(path.read_bytes()).hexdigest()[:12])
    for path in sorted(_STATIC.rglob("*"))
    if path.is_file()
}
"""Every static file by its name below /static, with the digest that its address carries."""


def _static(name: str) -> str:
    return f"/static/{name}?v={STATIC_FILES[name][1]}"


def _when(at: int | None, now: int, *, both: bool = True) -> Markup:
    """An instant as `<time>`: in UTC, and in words relative to now."""
    if at is None:
        return Markup("–")
    moment, words_ = words.instant(at), words.relative(at, now)
    shown = Markup('<span class="at">{}</span> <span class="rel">{}</span>').format(moment, words_) if both else words_
    return Markup('<time datetime="{}" title="{}">{}</time>').format(format_instant(at), moment, shown)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(static=_static, words=words, credit_so_far=credit_so_far)
    environment.filters.update(
        when=_when,
        instant=words.instant,
        rfc3339=format_instant,
        read_instant=parse_instant,
        named=named,
        share=format_share,
        sentence=words.sentence,
        humane=words.humane,
        span=words.span,
        linked=lambda text: Markup(words.linked(text, lambda part: str(escape(part)))),  # noqa: S704  # parts escaped
    )
    return environment
