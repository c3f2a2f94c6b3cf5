"""Alarms in, from Alertmanager, and out again as a list."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from upheld.api.inputs import Asking, Input, Name, RawBody, check_media_type
from upheld.api.mapping import NO_MAPPING
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.ports import AlarmFilter
from upheld.readers.body_faults import MalformedBody
from upheld.reports.records import alarm_document
from upheld.taking_in.ingesting import NoMapping
from upheld.taking_in.reported import ALERTMANAGER

log = structlog.get_logger("upheld.alarms")


class AlarmQuery(Input):
    """Which alarms: those about a service, a resource or an object; those that are raised, or the cleared ones."""

    about: Name | None = None
    raised: bool | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 500
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


def router(application: Application) -> APIRouter:
    """`/v1/alertmanager` and `/v1/alarms`."""
    routes = APIRouter(prefix="/v1", tags=["alarms"])
    content = {"application/json": {"schema": {"type": "object"}}}

    @routes.post("/alertmanager", openapi_extra={"requestBody": {"required": True, "content": content}})
    def webhook(caller: Asking, body: RawBody) -> JSONResponse:
        """Takes the alerts of Alertmanager's webhook (version 4), as the `alarms` of the tenant's mapping have it.
        They, and the events that they open and close, are on disk before this answers. The same alert again changes
        nothing. An alert that cannot be taken is among the `rejected`; where none can, the answer is 422."""
        kind, received = body
        check_media_type(kind, ("application/json",))
        try:
            came = application.reports.take(caller.tenant, ALERTMANAGER, received, caller.name)
        except NoMapping:
            raise Problem(503, NO_MAPPING, headers={"Retry-After": "30"}) from None
        except MalformedBody as error:
            raise Problem(400, str(error)) from None
        rejected = [
            {"alert": fault["row"], "field": fault["field"], "message": fault["message"]} for fault in came.faults
        ]
        if rejected:
            log.warning("alerts rejected", tenant=caller.tenant, count=len(rejected), first=rejected[0]["message"])
        if rejected and not came.alarms:
            raise Problem(422, "no alert could be taken", {"accepted": 0, "rejected": rejected})
        without = [{"reason": reason, "alerts": came.reasons.count(reason)} for reason in dict.fromkeys(came.reasons)]
        return JSONResponse({"accepted": len(came.alarms), "rejected": rejected, "without_event": without})

    @routes.get("/alarms")
    def alarms(caller: Asking, query: Annotated[AlarmQuery, Query()], answer: Response) -> dict[str, Any]:
        """The alarms that were reported, last first; how many there are in all stands in `X-Total-Count`."""
        where = AlarmFilter(about=query.about, raised=query.raised, limit=query.limit, offset=query.offset)
        with application.store.transaction(caller.tenant, writing=False) as t:
            found, total = t.alarms(where), t.count_alarms(where)
        answer.headers["X-Total-Count"] = str(total)
        return {"alarms": [alarm_document(alarm) for alarm in found]}

    return routes
