"""Planned maintenance: announced to whom it hits, and an exclusion only where the announcement earned it."""

import secrets
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from upheld.agreements.units import DAY
from upheld.analysis.better_slot import Wanted
from upheld.api.inputs import Asking, Input, Instant, Name, Text, Window, Windows, check_touched, json_body
from upheld.api.objections import counts_document
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.maintenance.model import Maintenance, WorkKind, is_same_plan
from upheld.maintenance.objection import NO_OBJECTIONS
from upheld.maintenance.window import FURTHEST, MOST, change_fault, planned_in, windows_fault
from upheld.process.works import work_life
from upheld.reports.records import notice_document, record_document
from upheld.reports.topology import reach_document
from upheld.reports.work_preview import preview_document, warnings


class MaintenanceInput(Windows):
    """A planned work. With an `id` of the caller's own, sending it twice plans it once."""

    title: Annotated[Text, Field(min_length=1, max_length=200)]
    services: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10_000)]
    approved_by: Name
    description: Text = ""
    emergency: bool = False
    kind: WorkKind = "maintenance"
    id: Name | None = None


class SearchInput(Input):
    """Where a better window is looked for: from `earliest` (now) to `latest` (four weeks after the window asked for).
    `hours` are preferred for work, in each agreement's zone."""

    earliest: Instant | None = None
    latest: Instant | None = None
    hours: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = "22:00-06:00"

    def wanted(self, start: int, end: int, now: int) -> Wanted:
        """Raises Problem where no window of that length has room."""
        earliest = max(self.earliest or now, now)
        latest = self.latest or max(end, now) + 28 * DAY
        if latest - earliest < end - start:
            raise field_problem("search.latest", "a window of this length has no room between earliest and latest")
        if latest - now > FURTHEST:
            raise field_problem("search.latest", "this is more than five years away: is the year right?")
        opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in self.hours.split("-"))
        return Wanted(end - start, earliest, latest, (opens, closes))


class PreviewInput(Windows):
    """A work that is thought of: with the `id` of one that is planned, as if that was planned anew. `limit`: how many
    agreements, and customers, are listed, the dearest first; the sums are of all. `search: null` looks for no better
    window; several are moved as one."""

    services: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10_000)]
    emergency: bool = False
    kind: WorkKind = "maintenance"
    id: Name | None = None
    limit: Annotated[int, Field(ge=0, le=10_000)] = 100
    search: SearchInput | None = SearchInput()


class MaintenanceChange(Input):
    """What becomes otherwise of a planned work; what is not given stays. `windows` take the place of all that it has,
    and so do `start` and `end` together; of a work of one window each may be given alone."""

    start: Instant | None = None
    end: Instant | None = None
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=MOST)] | None = None
    title: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    services: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10_000)] | None = None
    approved_by: Name | None = None
    description: Text | None = None


class TurnInput(Input):
    """Since when something is so of a work."""

    at: Instant | None = None


class MaintenanceQuery(Input):
    """Only works that end after an instant."""

    ending_after: Instant | None = None


def router(application: Application) -> APIRouter:
    """`/v1/maintenance`."""
    routes = APIRouter(prefix="/v1/maintenance", tags=["maintenance"])
    process, store = application.process, application.store

    def impact(tenant: str, work: Maintenance) -> dict[str, Any]:
        topology = process.topology(tenant)
        return reach_document(topology, topology.hit_during(work.services, work.start, work.end))

    def warned(tenant: str, work: Maintenance) -> list[dict[str, Any]]:
        coming = work.state == "planned" and work.end > application.clock.now()
        return [
            one for concern in process.works.concerns(tenant, [work] if coming else []) for one in warnings(concern)
        ]

    def known_work(tenant: str, maintenance_id: str) -> Maintenance:
        with store.transaction(tenant, writing=False) as t:
            work = t.maintenance(maintenance_id)
        if work is None:
            raise Problem(404, "there is no maintenance of that id")
        return work

    @routes.post("", status_code=201, dependencies=[Depends(json_body)])
    def plan(caller: Asking, wanted: MaintenanceInput, response: Response) -> dict[str, Any]:
        """Plans a work and announces it; the answer holds the notices, what it hits or leaves without redundancy by the
        topology in force, and what there is to be warned of. The same work under the same `id` again answers 200 and
        announces nothing anew. The window is not over, and at most 31 days long."""
        check_touched(process.topology(caller.tenant), wanted.services)
        work = _work(wanted, application.clock.now())
        with store.transaction(caller.tenant, writing=False) as t:
            known = t.maintenance(work.id)
        if known is not None:
            if not is_same_plan(known, work):
                what = "was cancelled" if known.state == "cancelled" else "is another work"
                raise Problem(409, f"id: {work.id!r} {what}; give a new id")
            response.status_code = 200
        elif (fault := windows_fault(wanted.spans, work.planned_at)) is not None:
            raise field_problem(*fault)
        notices = process.works.plan(caller.tenant, work)
        response.headers["Location"] = f"/v1/maintenance/{quote(work.id, safe='')}"
        return {
            **record_document(known or work),
            "impact": impact(caller.tenant, known or work),
            "warnings": warned(caller.tenant, known or work),
            "notices": [notice_document(notice) for notice in notices],
        }

    @routes.post("/preview", dependencies=[Depends(json_body)])
    def preview(caller: Asking, wanted: PreviewInput) -> dict[str, Any]:
        """What a work would do, before it is announced: what it takes down and leaves without redundancy, what there is
        to be warned of, and for each agreement the budget, the likelihood of a breach and the credit, if the window is
        earned and if it is not; and better windows. Nothing is kept, and nobody is told."""
        check_touched(process.topology(caller.tenant), wanted.services)
        now = application.clock.now()
        if (fault := windows_fault(wanted.spans, now)) is not None:
            raise field_problem(*fault)
        work = Maintenance(
            id=wanted.id or "",
            title="",
            services=tuple(dict.fromkeys(wanted.services)),
            approved_by="",
            planned_at=now,
            emergency=wanted.emergency,
            kind=wanted.kind,
            **planned_in(wanted.spans),
        )
        search = None if wanted.search is None else wanted.search.wanted(work.start, work.end, now)
        return preview_document(process.works.preview(caller.tenant, work, search), wanted.limit)

    @routes.get("")
    def many(caller: Asking, query: Annotated[MaintenanceQuery, Query()]) -> dict[str, Any]:
        """Planned and cancelled works, the earliest first, each with how many contacts object to it."""
        with store.transaction(caller.tenant, writing=False) as t:
            works, objections = t.maintenances(query.ending_after), t.count_objections(application.clock.now())
        counts = {work.id: counts_document(objections.get(work.id, NO_OBJECTIONS)) for work in works}
        return {"maintenance": [{**record_document(work), "objections": counts[work.id]} for work in works]}

    @routes.get("/{maintenance_id:path}")
    def one(caller: Asking, maintenance_id: Name) -> dict[str, Any]:
        """One work, what it hits, its notices, how many contacts object to it, and for each agreement whether its
        announcement earned the exclusion, and why."""
        work = known_work(caller.tenant, maintenance_id)
        with store.transaction(caller.tenant, writing=False) as t:
            counts = t.count_objections(application.clock.now(), maintenance_id)
            told = {
                "objections": counts_document(counts.get(maintenance_id, NO_OBJECTIONS)),
                "announcements": [record_document(one) for one in t.announcements(maintenance_id)],
                "notices": [notice_document(one) for one in t.notices(maintenance_id=maintenance_id)],
            }
        about = {"impact": impact(caller.tenant, work), "warnings": warned(caller.tenant, work)}
        return {**record_document(work), **about, **told}

    @routes.patch("/{maintenance_id:path}", dependencies=[Depends(json_body)])
    def change(caller: Asking, maintenance_id: Name, wanted: MaintenanceChange) -> dict[str, Any]:
        """Changes a work that is neither over nor cancelled, and tells whom that concerns; the answer holds those
        notices. A work that has begun keeps its start. The same again changes nothing."""
        known = known_work(caller.tenant, maintenance_id)
        given = {name: value for name, value in wanted if value is not None and name != "windows"}
        if wanted.windows is not None and not {"start", "end"}.isdisjoint(given):
            raise field_problem("windows", "give start and end, or windows")
        if wanted.windows:
            given |= planned_in((one.start, one.end) for one in wanted.windows)
        elif alone := {"start", "end"} & given.keys():
            if known.windows and len(alone) == 1:
                raise field_problem(
                    next(iter(alone)), f"the work has {len(known.windows)} windows: give them all, as windows"
                )
            given["windows"] = ()
        if wanted.services is not None:
            check_touched(process.topology(caller.tenant), wanted.services)
            given["services"] = tuple(dict.fromkeys(wanted.services))
        changed = replace(known, **given)
        if known.state == "cancelled":
            raise Problem(409, "the maintenance was cancelled; plan a new one")
        if (fault := change_fault(known, changed, application.clock.now())) is not None:
            raise field_problem(*fault)
        notices = process.works.change(caller.tenant, changed)
        work = known_work(caller.tenant, maintenance_id)
        return {
            **record_document(work),
            "impact": impact(caller.tenant, work),
            "warnings": warned(caller.tenant, work),
            "notices": [notice_document(notice) for notice in notices],
        }

    @routes.post("/{maintenance_id:path}/{turn}", dependencies=[Depends(json_body)])
    def say(caller: Asking, maintenance_id: Name, turn: work_life.Turn, said: TurnInput) -> dict[str, Any]:
        """Says that a work has `started`, is `over`, or runs over its window (`overrun`), since `at` (now, if it is not
        given); the answer holds the notices that tell so. Said again it changes nothing; 409 where it cannot be."""
        known_work(caller.tenant, maintenance_id)
        at = application.clock.now() if said.at is None else said.at
        try:
            notices = process.works.say(caller.tenant, maintenance_id, turn, at)
        except work_life.OutOfTurn as fault:
            raise Problem(409, str(fault)) from None
        work = known_work(caller.tenant, maintenance_id)
        return {**record_document(work), "notices": [notice_document(notice) for notice in notices]}

    @routes.delete("/{maintenance_id:path}")
    def cancel(caller: Asking, maintenance_id: Name) -> dict[str, Any]:
        """Cancels a work that is not over; whoever had been told is told. Cancelled once more, nothing happens."""
        work = known_work(caller.tenant, maintenance_id)
        if work.state == "planned" and work.end <= application.clock.now():
            raise Problem(409, "the maintenance is over and cannot be cancelled")
        notices = process.works.cancel(caller.tenant, maintenance_id)
        return {
            "id": maintenance_id,
            "state": "cancelled",
            "notices": [notice_document(notice) for notice in notices],
        }

    return routes


def _work(wanted: MaintenanceInput, now: int) -> Maintenance:
    return Maintenance(
        id=wanted.id or f"M-{secrets.token_hex(5).upper()}",
        title=wanted.title,
        services=tuple(dict.fromkeys(wanted.services)),
        approved_by=wanted.approved_by,
        planned_at=now,
        description=wanted.description,
        emergency=wanted.emergency,
        kind=wanted.kind,
        **planned_in(wanted.spans),
    )
