"""A customer's own feeds: its planned works as a calendar, and its notices as Atom, each under a signed address."""

import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response

from upheld.api.inputs import Asking, Name
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.notices.feeds import LISTED, REACHES_BACK, atom_feed, calendar_feed
from upheld.notices.links import BadLink, Feed

CALENDAR, NOTICES = "maintenance.ics", "notices.atom"
_KINDS = {CALENDAR: "text/calendar; charset=utf-8", NOTICES: "application/atom+xml; charset=utf-8"}
_MOST = 5_000


def router(application: Application) -> APIRouter:
    """`/v1/customers/{id}/feeds`, and the feeds themselves, for whoever has their address."""
    routes = APIRouter(tags=["notices"])

    @routes.get("/v1/customers/{customer:path}/feeds")
    def addresses(caller: Asking, customer: Name) -> dict[str, Any]:
        """The addresses of a customer's feeds. Whoever has one can read it: give it to the customer alone."""
        _check(application, caller.tenant, customer)
        with application.store.transaction(caller.tenant, writing=False) as t:
            return _document(application, Feed(caller.tenant, customer, t.feed_number(customer)))

    @routes.post("/v1/customers/{customer:path}/feeds", status_code=201)
    def renew(caller: Asking, customer: Name) -> dict[str, Any]:
        """New addresses in place of the earlier ones, which are void from now on."""
        _check(application, caller.tenant, customer)
        with application.store.transaction(caller.tenant) as t:
            number = t.feed_number(customer) + 1
            t.change_feed_number(customer, number)
        return _document(application, Feed(caller.tenant, customer, number))

    @routes.get("/feed/{token}/{file}", include_in_schema=False)
    def read(request: Request, token: str, file: str) -> Response:
        try:
            feed = application.links.read_feed(token)
        except BadLink:
            raise Problem(404, "there is no such feed") from None
        text = _feed(application, feed, file)
        if text is None:
            raise Problem(404, "there is no such feed")
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, max-age=300", "X-Robots-Tag": "noindex, nofollow"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type=_KINDS[file], headers=headers)

    return routes


def _feed(application: Application, feed: Feed, file: str) -> str | None:
    """The text of a feed; None where there is none, or its address is void."""
    current = application.process.in_force(feed.tenant)
    if current is None or feed.customer not in current.customers or file not in _KINDS:
        return None
    with application.store.transaction(feed.tenant, writing=False) as t:
        if t.feed_number(feed.customer) != feed.number:
            return None
        since = application.clock.now() - REACHES_BACK
        notices = t.told_customer(feed.customer, since, _MOST if file == CALENDAR else 10 * LISTED)
    provider = current.portfolio.provider
    name = provider.name if provider is not None else "Upheld"
    if file == CALENDAR:
        return calendar_feed(notices, name)
    return atom_feed(notices, name, application.links.feed_url(feed, file))


def _check(application: Application, tenant: str, customer: str) -> None:
    current = application.process.in_force(tenant)
    if current is None or customer not in current.customers:
        raise Problem(404, "there is no customer of that id")


def _document(application: Application, feed: Feed) -> dict[str, Any]:
    return {
        "customer": feed.customer,
        "calendar": application.links.feed_url(feed, CALENDAR),
        "notices": application.links.feed_url(feed, NOTICES),
    }
