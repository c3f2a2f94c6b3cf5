"""The console's pages of planned work: planned, changed, cancelled."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.agreements.model import Portfolio
from upheld.agreements.units import DAY
from upheld.analysis.better_slot import Wanted
from upheld.maintenance.model import Maintenance
from upheld.process.works import work_life
from upheld.web import planned, previewed
from upheld.web.site import Site, Visitor, form_of, signed_in
from upheld.web.words import sentence

CONCERNS = 50
"""Coming works of which it is told what there is to be warned of: the next ones."""
AHEAD = 28 * DAY
"""So long after a window a better one is looked for."""


def add_works(routes: APIRouter, site: Site) -> None:
    """`/maintenance`."""
    _add_planning(routes, site)
    _add_changing(routes, site)


def _filled(
    id: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
    description: Annotated[str, Form()] = "",
    start: Annotated[str, Form()] = "",
    end: Annotated[str, Form()] = "",
    windows: Annotated[str, Form(max_length=10_000)] = "",
    zone: Annotated[str, Form()] = "",
    approved_by: Annotated[str, Form()] = "",
    emergency: Annotated[str, Form()] = "",
    kind: Annotated[str, Form()] = "maintenance",
) -> dict[str, str]:
    """The fields of the form but the services."""
    given = {
        "id": id,
        "title": title,
        "description": description,
        "start": start,
        "end": end,
        "windows": windows,
        "zone": zone,
        "approved_by": approved_by,
        "emergency": emergency,
        "kind": kind,
    }
    return {name: text.strip() for name, text in given.items()}


Filled = Annotated[dict[str, str], Depends(_filled)]
Services = Annotated[tuple[str, ...], Form()]


def _add_planning(routes: APIRouter, site: Site) -> None:
    visit, submit = signed_in(site), form_of(site)

    def show(
        request: Request,
        visitor: Visitor,
        form: planned.Form,
        status: int = 200,
        done: str = "",
        preview: previewed.Previewed | None = None,
    ) -> HTMLResponse:
        topology = site.application.process.topology(visitor.tenant)
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            coming, past = planned.works(t, topology, site.now())
            waiting = t.count_waiting_notices()
        concerns = site.application.process.works.concerns(
            visitor.tenant, [one.maintenance for one in coming[:CONCERNS]]
        )
        return site.page(
            request,
            "maintenance.html",
            visitor,
            status,
            coming=coming,
            past=past,
            warnings={one.work.id: previewed.warned(one) for one in concerns},
            waiting=waiting,
            form=form,
            preview=preview,
            new_id=planned.new_id(),
            done=next((work for work in [*coming, *past] if work.maintenance.id == done), None),
            **_choices(site, visitor),
        )

    @routes.get("/maintenance")
    def maintenance(request: Request, visitor: Annotated[Visitor, Depends(visit)], done: str = "") -> Response:
        return show(request, visitor, planned.Form(), done=done)

    @routes.post("/maintenance")
    def plan(
        request: Request, visitor: Annotated[Visitor, Depends(submit)], filled: Filled, services: Services = ()
    ) -> Response:
        topology = site.application.process.topology(visitor.tenant)
        read = planned.read_form(filled, services, topology, site.now())
        if not isinstance(read, Maintenance):
            return show(request, visitor, read, 422)
        site.application.process.works.plan(visitor.tenant, read)
        return _done(read.id)

    @routes.post("/maintenance/preview")
    def preview(
        request: Request,
        visitor: Annotated[Visitor, Depends(submit)],
        filled: Filled,
        services: Services = (),
        use: Annotated[str, Form()] = "",
    ) -> Response:
        """What the work of the form would do; with `use`, in another window. Nothing is kept."""
        process, now = site.application.process, site.now()
        filled = planned.in_window(filled, use) if use else filled
        nameless = {**filled, "title": filled["title"] or "–", "approved_by": filled["approved_by"] or "–"}
        read = planned.read_form(nameless, services, process.topology(visitor.tenant), now)
        form = planned.Form(filled, tuple(sorted(set(services))), {} if isinstance(read, Maintenance) else read.faults)
        if not isinstance(read, Maintenance):
            return show(request, visitor, form, 200 if request.headers.get("HX-Request") else 422)
        wanted = Wanted(read.end - read.start, now, max(read.end, now) + AHEAD)
        found = process.works.preview(visitor.tenant, read, wanted)
        return show(request, visitor, form, preview=previewed.previewed(found))

    @routes.post("/maintenance/{maintenance_id:path}/say")
    def say(
        maintenance_id: str, visitor: Annotated[Visitor, Depends(submit)], turn: Annotated[work_life.Turn, Form()]
    ) -> Response:
        try:
            site.application.process.works.say(visitor.tenant, maintenance_id, turn, site.now())
        except KeyError:
            raise HTTPException(404, "There is no such planned work.") from None
        except work_life.OutOfTurn as fault:
            raise HTTPException(409, f"{sentence(str(fault))}.") from None
        return _done(maintenance_id)

    @routes.post("/maintenance/{maintenance_id:path}/cancel")
    def cancel(maintenance_id: str, visitor: Annotated[Visitor, Depends(submit)]) -> Response:
        work = _known(site, visitor, maintenance_id)
        if work.state == "planned" and work.end <= site.now():
            raise HTTPException(409, "This work is over already, so it can no longer be cancelled.")
        site.application.process.works.cancel(visitor.tenant, maintenance_id)
        return _done(maintenance_id)


def _add_changing(routes: APIRouter, site: Site) -> None:
    visit, submit = signed_in(site), form_of(site)

    def changeable(visitor: Visitor, maintenance_id: str) -> Maintenance:
        work = _known(site, visitor, maintenance_id)
        if work.state == "cancelled":
            raise HTTPException(409, "This work was cancelled, so it can no longer be changed. Plan another.")
        if work.ended_at is not None or (work.end <= site.now() and not work.runs_over):
            raise HTTPException(409, "This work is over already, so it can no longer be changed.")
        return work

    def show(
        request: Request, visitor: Visitor, work: Maintenance, form: planned.Form, status: int = 200
    ) -> HTMLResponse:
        choices = _choices(site, visitor)
        return site.page(request, "maintenance_change.html", visitor, status, work=work, form=form, **choices)

    @routes.get("/maintenance/{maintenance_id:path}/change")
    def form_to_change(
        request: Request, maintenance_id: str, visitor: Annotated[Visitor, Depends(visit)]
    ) -> HTMLResponse:
        work = changeable(visitor, maintenance_id)
        return show(request, visitor, work, planned.form_for(work))

    @routes.post("/maintenance/{maintenance_id:path}/change")
    def change(
        request: Request,
        maintenance_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        filled: Filled,
        services: Services = (),
    ) -> Response:
        work = changeable(visitor, maintenance_id)
        topology = site.application.process.topology(visitor.tenant)
        read = planned.read_form(filled, services, topology, site.now(), work)
        if not isinstance(read, Maintenance):
            return show(request, visitor, work, read, 422)
        site.application.process.works.change(visitor.tenant, read)
        return _done(maintenance_id)


def _choices(site: Site, visitor: Visitor) -> dict[str, Any]:
    """What the form offers."""
    portfolio = _portfolio(site, visitor)
    topology = site.application.process.topology(visitor.tenant)
    return {"services": planned.choices_of(portfolio, topology), "zones": planned.zones_of(portfolio)}


def _portfolio(site: Site, visitor: Visitor) -> Portfolio | None:
    current = site.application.process.in_force(visitor.tenant)
    return None if current is None else current.portfolio


def _known(site: Site, visitor: Visitor, maintenance_id: str) -> Maintenance:
    with site.application.store.transaction(visitor.tenant, writing=False) as t:
        work = t.maintenance(maintenance_id)
    if work is None:
        raise HTTPException(404, "There is no such planned work.")
    return work


def _done(maintenance_id: str) -> Response:
    return RedirectResponse(f"/maintenance?done={quote(maintenance_id, safe='')}", status_code=303)
