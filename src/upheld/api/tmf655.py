"""Change Management API, TMF655 4.0.0: planned works as change requests, created, changed, cancelled and listed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from upheld.agreements.units import format_instant
from upheld.analysis.topology import Topology
from upheld.api.inputs import Asking, RawBody, check_media_type
from upheld.api.problems import Problem
from upheld.api.tmf_resources import JSON, PATCHES, ManyQuery, OneQuery, listed, only, takes, unfit_problem
from upheld.app import Application
from upheld.maintenance.model import Maintenance
from upheld.process.works.works import Differs
from upheld.readers.body_faults import MalformedBody
from upheld.readers.tmf655 import CANCELLED, read_change, read_created
from upheld.readers.tmf_bodies import Unfit

CHANGE_API = "/tmf-api/changeManagement/v4"
RequestId = Annotated[str, Path(max_length=200)]


def router(application: Application) -> APIRouter:
    """`/tmf-api/changeManagement/v4`."""
    routes = APIRouter(prefix=CHANGE_API, tags=["TMF655"])
    process, store, clock = application.process, application.store, application.clock
    beginning = f"{application.settings.public_url.rstrip('/')}{CHANGE_API}/changeRequest"

    def document(work: Maintenance, topology: Topology) -> dict[str, Any]:
        hit = sorted(topology.services(topology.hit_during(work.services, work.start, work.end).hit))
        return _document(work, _status(work, clock.now()), f"{beginning}/{quote(work.id, safe='')}", topology, hit)

    def known_work(tenant: str, request_id: str) -> Maintenance:
        with store.transaction(tenant, writing=False) as t:
            work = t.maintenance(request_id)
        if work is None:
            raise Problem(404, f"there is no change request {request_id}")
        return work

    @routes.post("/changeRequest", openapi_extra=takes("ChangeRequest_Create", JSON))
    def create(caller: Asking, body: RawBody) -> JSONResponse:
        """Plans a work and announces it to whom it hits. With an `externalReference`, the same request again is the
        same resource, and another one under it is 409."""
        check_media_type(body[0], JSON)
        topology = process.topology(caller.tenant)
        with _told():
            work = read_created(body[1], topology.nodes, caller.name, clock.now())
            process.works.plan_all(caller.tenant, [work])
        created = document(known_work(caller.tenant, work.id), topology)
        return JSONResponse(created, 201, headers={"Location": created["href"]})

    @routes.patch("/changeRequest/{request_id:path}", openapi_extra=takes("ChangeRequest_Update", PATCHES))
    def change(caller: Asking, request_id: RequestId, body: RawBody) -> JSONResponse:
        """Changes a work (JSON merge patch), or cancels it with `{"status": "cancelled"}`: whom that concerns is told.
        One that was cancelled, or is over, stays as it is: 409."""
        check_media_type(body[0], PATCHES)
        known, topology, now = known_work(caller.tenant, request_id), process.topology(caller.tenant), clock.now()
        status = _status(known, now)
        with _told():
            wanted = read_change(known, status, body[1], topology.nodes, now)
        if wanted == known or (wanted is None and status == CANCELLED):
            return JSONResponse(document(known, topology))
        if status in (CANCELLED, "completed"):
            raise Problem(409, f"the change request is {status} and cannot be changed")
        if wanted is None:
            process.works.cancel(caller.tenant, request_id)
        else:
            process.works.change(caller.tenant, wanted)
        return JSONResponse(document(known_work(caller.tenant, request_id), topology))

    @routes.delete("/changeRequest/{request_id:path}", status_code=204)
    def delete(caller: Asking, request_id: RequestId) -> Response:
        """Cancels a work, as `{"status": "cancelled"}` does: what customers were told of is not as if it had never
        been. One that is over stays as it is: 409."""
        known = known_work(caller.tenant, request_id)
        if _status(known, clock.now()) == "completed":
            raise Problem(409, "the change request is completed and cannot be deleted")
        process.works.cancel(caller.tenant, request_id)
        return Response(status_code=204)

    @routes.get("/changeRequest")
    def many(caller: Asking, query: Annotated[ManyQuery, Query()], answer: Response) -> list[dict[str, Any]]:
        """All planned works, however they were planned, the earliest first; how many stands in `X-Total-Count`."""
        topology = process.topology(caller.tenant)
        with store.transaction(caller.tenant, writing=False) as t:
            works = t.maintenances()
        shown = works[query.offset : query.offset + query.limit]
        return listed(answer, [document(work, topology) for work in shown], len(works), query.fields)

    @routes.get("/changeRequest/{request_id:path}")
    def one(caller: Asking, request_id: RequestId, query: Annotated[OneQuery, Query()]) -> dict[str, Any]:
        """One planned work."""
        return only(document(known_work(caller.tenant, request_id), process.topology(caller.tenant)), query.fields)

    return routes


@contextmanager
def _told() -> Iterator[None]:
    """Answers 400 where a body cannot be taken, and 409 where it does not go with what is planned."""
    try:
        yield
    except MalformedBody as error:
        raise Problem(400, str(error)) from None
    except Unfit as error:
        raise unfit_problem("the change request cannot be taken", error) from None
    except Differs as error:
        raise Problem(409, f"externalReference: the change request {error}") from None


def _status(work: Maintenance, now: int) -> str:
    """As was said of the work, else by its times."""
    if work.state == "cancelled":
        return CANCELLED
    if work.ended_at is not None or (work.end <= now and work.overrun_at is None):
        return "completed"
    return "inProgress" if work.started_at is not None or work.start <= now else "scheduled"


def _document(work: Maintenance, status: str, href: str, topology: Topology, hit: list[str]) -> dict[str, Any]:
    """A work as TMF655 has it, with the services that it takes down."""

    def entity(name: str, role: str) -> dict[str, str]:
        is_service = name in topology.nodes and topology.nodes[name].is_service
        return {"id": name, "role": role, "@referredType": "Service" if is_service else "Resource"}

    actual = {"actualStartTime": work.started_at, "actualEndTime": work.ended_at}
    return {
        "@type": "ChangeRequest",
        "id": work.id,
        "href": href,
        "description": work.description or work.title,
        "plannedStartTime": format_instant(work.start),
        "plannedEndTime": format_instant(work.end),
        "requestDate": format_instant(work.planned_at),
        "status": status,
        **{name: format_instant(at) for name, at in actual.items() if at is not None},
        "targetEntity": [entity(name, "target") for name in work.services],
        "impactEntity": [entity(name, "impacted") for name in hit],
        "relatedParty": [{"id": work.approved_by, "role": "approver", "@referredType": "Individual"}],
    }
