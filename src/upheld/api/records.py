"""What else is told to us: intervals that shall not count, and changes that may be causes."""

import secrets
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from upheld.analysis.model import Change
from upheld.api.inputs import Asking, Input, Instant, Name, Text, Window, check_service, check_touched, json_body
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion
from upheld.reports.records import record_document


class ExclusionInput(Window):
    """An approved interval of a service (or `*`) that does not count where the agreement admits its reason."""

    service: Name
    reason: Name
    approved_by: Name
    agreement: Name | None = None
    id: Name | None = None


class ChangeInput(Input):
    """Something that was changed at an instant."""

    at: Instant
    summary: Annotated[Text, Field(min_length=1, max_length=1_000)]
    services: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10_000)]
    author: Annotated[Text, Field(max_length=200)] = ""
    id: Name | None = None


class ChangeQuery(Input):
    """`since`: only those made then or later."""

    since: Instant | None = None
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


def router(application: Application) -> APIRouter:
    """`/v1/exclusions` and `/v1/changes`."""
    routes = APIRouter(prefix="/v1", tags=["exclusions and changes"])
    process, store = application.process, application.store

    def standing(tenant: str, exclusion_id: str) -> Exclusion | None:
        with store.transaction(tenant, writing=False) as t:
            return t.exclusion(exclusion_id)

    @routes.post("/exclusions", status_code=201, dependencies=[Depends(json_body)])
    def exclude(caller: Asking, wanted: ExclusionInput, answer: Response) -> dict[str, Any]:
        """Grants an exclusion; what it touches is assessed anew. The same under the same `id` again changes nothing and
        answers 200; another under an `id` that stands is refused with 409."""
        portfolio = process.portfolio(caller.tenant)
        if wanted.service != EVERY_SERVICE:
            check_service(portfolio, wanted.service)
        agreements = {agreement.id for agreement in portfolio.agreements} if portfolio else set()
        if wanted.agreement is not None and wanted.agreement not in agreements:
            raise field_problem("agreement", f"no agreement {wanted.agreement!r} is in force")
        exclusion_id = wanted.id or f"X-{secrets.token_hex(5).upper()}"
        exclusion = Exclusion(
            service=wanted.service,
            start=wanted.start,
            end=wanted.end,
            reason=wanted.reason,
            approved_by=wanted.approved_by,
            agreement=wanted.agreement,
            known_at=application.clock.now(),
        )
        before = standing(caller.tenant, exclusion_id)
        if before is None:
            process.grant_exclusion(caller.tenant, exclusion_id, exclusion)
        else:
            answer.status_code = 200
        kept = before or standing(caller.tenant, exclusion_id)
        if kept is None or replace(kept, known_at=exclusion.known_at) != exclusion:
            raise Problem(409, f"id: {exclusion_id!r} is another exclusion; give a new id")
        return {"id": exclusion_id, **record_document(kept)}

    @routes.delete("/exclusions/{exclusion_id}", status_code=204)
    def revoke(caller: Asking, exclusion_id: str) -> Response:
        """Lets the interval count again; what it touches is restated. That it once stood stays known."""
        if not process.revoke_exclusion(caller.tenant, exclusion_id, caller.name):
            raise Problem(404, f"no exclusion {exclusion_id!r} stands")
        return Response(status_code=204)

    @routes.get("/exclusions")
    def exclusions(caller: Asking) -> dict[str, Any]:
        """Every exclusion that has not been revoked, also those that planned maintenance has earned."""
        with store.transaction(caller.tenant, writing=False) as t:
            return {"exclusions": [record_document(exclusion) for exclusion in t.exclusions()]}

    @routes.post("/changes", status_code=201, dependencies=[Depends(json_body)])
    def change(caller: Asking, wanted: ChangeInput, answer: Response) -> dict[str, Any]:
        """Records a change. A case that opens soon after, on one of its services, names it as a possible cause. The
        same under the same `id` again changes nothing and answers 200; another under an `id` that is there is refused
        with 409."""
        check_touched(process.topology(caller.tenant), wanted.services)
        made = Change(
            id=wanted.id or f"CH-{secrets.token_hex(5).upper()}",
            at=wanted.at,
            summary=wanted.summary,
            services=tuple(dict.fromkeys(wanted.services)),
            author=wanted.author,
        )
        kept, added = process.record_change(caller.tenant, made)
        if kept != made:
            raise Problem(409, f"id: {made.id!r} is another change; give a new id")
        answer.status_code = 201 if added else 200
        return record_document(made)

    @routes.get("/changes")
    def changes(caller: Asking, query: Annotated[ChangeQuery, Query()]) -> dict[str, Any]:
        """The changes that were recorded, made last first."""
        with store.transaction(caller.tenant, writing=False) as t:
            return {"changes": [record_document(made) for made in t.changes(query.since or 0, query.limit)]}

    return routes
