"""The console's pages of objections to a planned work: all of a work, and one with what another window would do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, get_args
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.agreements.units import to_datetime
from upheld.maintenance.model import Maintenance, Window
from upheld.maintenance.objection import LONGEST_WORDS, NO_OBJECTIONS, Objection, ObjectionState, moved
from upheld.maintenance.window import change_fault
from upheld.notices.formats import Reader, span
from upheld.process.works.objecting import Refused
from upheld.web.planned import instant_of, zones_of
from upheld.web.previewed import Previewed, previewed
from upheld.web.site import Site, Visitor, form_of, signed_in
from upheld.web.words import sentence

SHOWN = 50
"""Objections that are open, and others, that the page of a work shows at most, the earliest first."""
_OF_WORK = "/maintenance/{maintenance_id:path}/objections"
_ONE = _OF_WORK + "/{objection_id}"
NOTHING: Mapping[str, str] = MappingProxyType({})


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/maintenance/{id}/objections`, and each of them: looked at, tried with another window, agreed to, declined."""
    visit, submit = signed_in(site), form_of(site)
    process = site.application.process

    @routes.get(_OF_WORK)
    def many(
        request: Request, maintenance_id: str, visitor: Annotated[Visitor, Depends(visit)], done: str = ""
    ) -> HTMLResponse:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            work = t.maintenance(maintenance_id)
            counts = t.count_objections(site.now(), maintenance_id).get(maintenance_id, NO_OBJECTIONS)
            listed = [one for state in get_args(ObjectionState) for one in t.objections(maintenance_id, state, SHOWN)]
        if work is None:
            raise HTTPException(404, "There is no such planned work.")
        facts = {"work": work, "counts": counts, "listed": listed, "done": done, **_reading(site, visitor)}
        return site.page(request, "objections.html", visitor, 200, **facts)

    @routes.get(_ONE)
    def one(
        request: Request, maintenance_id: str, objection_id: str, visitor: Annotated[Visitor, Depends(visit)]
    ) -> HTMLResponse:
        work, objection = _known(site, visitor, maintenance_id, objection_id)
        return show(request, visitor, work, objection, _values(site, visitor, objection))

    @routes.post(_ONE)
    def answer(
        request: Request,
        maintenance_id: str,
        objection_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        step: Annotated[str, Form()],
        start: Annotated[str, Form()] = "",
        end: Annotated[str, Form()] = "",
        zone: Annotated[str, Form()] = "",
        words: Annotated[str, Form(max_length=LONGEST_WORDS)] = "",
    ) -> Response:
        """`step`: `look` at what a window would do (nothing is kept), `agree` to it, or `decline`."""
        if step not in ("look", "agree", "decline"):
            raise HTTPException(400)
        work, objection = _known(site, visitor, maintenance_id, objection_id)
        values = {"start": start, "end": end, "zone": zone, "words": words.strip()}
        faults: dict[str, str] = {}
        window = None if step == "decline" else _window(values, faults)
        if faults or step == "look":
            return show(request, visitor, work, objection, values, faults)
        try:
            process.works.answer_objection(visitor.tenant, objection_id, window, values["words"], visitor.caller.name)
        except Refused as fault:
            return show(request, visitor, work, objection, values, {fault.field or "": f"{sentence(fault.message)}."})
        return RedirectResponse(f"/maintenance/{quote(maintenance_id, safe='')}/objections?done={step}", 303)

    def show(
        request: Request,
        visitor: Visitor,
        work: Maintenance,
        objection: Objection,
        values: Mapping[str, str],
        faults: Mapping[str, str] = NOTHING,
    ) -> HTMLResponse:
        window = None if faults or not values["start"] else _window(values, {})
        tried = None if window is None or objection.state != "open" else moved(work, window)
        fault = None if tried is None else change_fault(work, tried, site.now())
        if fault is not None:
            faults = {fault[0]: f"{sentence(fault[1])}."}
        preview: Previewed | None = None
        if tried is not None and fault is None:
            preview = previewed(process.works.preview(visitor.tenant, tried, agreeing=True))
        current = process.in_force(visitor.tenant)
        return site.page(
            request,
            "objection.html",
            visitor,
            409 if "" in faults else 422 if faults else 200,
            work=work,
            one=objection,
            values=values,
            faults=faults,
            preview=preview,
            zones=zones_of(None if current is None else current.portfolio),
            **_reading(site, visitor),
        )


def _known(site: Site, visitor: Visitor, maintenance_id: str, objection_id: str) -> tuple[Maintenance, Objection]:
    with site.application.store.transaction(visitor.tenant, writing=False) as t:
        work, objection = t.maintenance(maintenance_id), t.objection(objection_id)
    if work is None or objection is None or objection.maintenance_id != work.id:
        raise HTTPException(404, "There is no such objection.")
    return work, objection


def _reading(site: Site, visitor: Visitor) -> dict[str, Any]:
    """How windows are said as a customer reads them, and what customers are called."""
    portfolio = site.application.process.portfolio(visitor.tenant)
    parties = {} if portfolio is None else {party.id: party for party in portfolio.customers}

    def in_words(window: Window, customer: str = "") -> str:
        return span(window, Reader("en", _zone_of(parties, customer)))

    names = {name: party.name for name, party in parties.items()}
    return {"in_words": in_words, "names": names}


def _zone_of(parties: Mapping[str, Any], customer: str) -> ZoneInfo:
    party = parties.get(customer)
    return ZoneInfo("UTC") if party is None else party.time_zone


def _values(site: Site, visitor: Visitor, objection: Objection) -> dict[str, str]:
    """The form with what was asked for, in the customer's zone."""
    portfolio = site.application.process.portfolio(visitor.tenant)
    parties = {} if portfolio is None else {party.id: party for party in portfolio.customers}
    zone = _zone_of(parties, objection.customer)
    wish = objection.wish or ()
    start, end = [f"{to_datetime(at).astimezone(zone):%Y-%m-%dT%H:%M}" for at in wish] or ("", "")
    return {"start": start, "end": end, "zone": zone.key, "words": ""}


def _window(values: Mapping[str, str], faults: dict[str, str]) -> Window | None:
    start, end = (instant_of(values, name, faults) for name in ("start", "end"))
    return None if start is None or end is None else (start, end)
