"""Events for other systems, fetched from a position on; and what billing has to adjust."""

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, Input, Instant
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.outgoing.billing import to_csv, to_document
from upheld.outgoing.model import check_types, cloud_event, is_wanted

Position = Annotated[int, Field(ge=0, le=2**63 - 1)]


class FeedQuery(Input):
    """Those behind position `after`: at most `limit` are looked at, and those of a `type` given, which may be repeated
    and may end in `.*`."""

    after: Position = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    type: tuple[Annotated[str, Field(max_length=100)], ...] = ()


class BillingQuery(Input):
    """What was told in [since, until); what is left out does not limit."""

    since: Instant | None = None
    until: Instant | None = None
    format: Literal["json", "csv"] = "json"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.until <= self.since:
            found = f"{format_instant(self.until)} is not after {format_instant(self.since)}"
            raise PydanticCustomError("order", "must be later than since: {found}", {"field": "until", "found": found})
        return self


def router(application: Application) -> APIRouter:
    """`/v1/outgoing-events` and `/v1/billing-adjustments`."""
    routes = APIRouter(prefix="/v1", tags=["outgoing events"])
    store, origin = application.store, application.settings.public_url

    @routes.get("/outgoing-events")
    def events(caller: Asking, query: Annotated[FeedQuery, Query()]) -> dict[str, Any]:
        """Events for other systems as CloudEvents, in their order. `position` is where to go on from, `end` that of the
        last event there is. 410 where events behind `after` were removed because they were old."""
        try:
            types = check_types(query.type)
        except ValueError as error:
            raise field_problem("type", str(error)) from None
        with store.transaction(caller.tenant, writing=False) as t:
            removed, end = t.outgoing_span()
            if query.after < removed:
                raise Problem(410, f"the events up to position {removed} were removed: after must be {removed} or more")
            found = t.outgoing_events(query.after, query.limit)
        return {
            "events": [cloud_event(event, caller.tenant, origin) for event in found if is_wanted(event, types)],
            "position": found[-1].position if found else query.after,
            "end": end,
        }

    @routes.get("/billing-adjustments")
    def billing(caller: Asking, query: Annotated[BillingQuery, Query()]) -> Response:
        """What billing has to adjust, oldest first; each with an `id` that no other has and that stays."""
        with store.transaction(caller.tenant, writing=False) as t:
            found = [to_document(adjustment) for adjustment in t.adjustments(query.since, query.until)]
        if query.format == "csv":
            return Response(to_csv(found), media_type="text/csv; charset=utf-8")
        return JSONResponse({"adjustments": found})

    return routes
