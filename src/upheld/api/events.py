"""Events in: what the clocks of `duration` objectives run for."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from upheld.api.inputs import Asking, RawBody, check_media_type
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.readers.bodies import JSON_LINES
from upheld.readers.events import read_event_lines


def router(application: Application) -> APIRouter:
    """`/v1/events`."""
    routes = APIRouter(prefix="/v1/events", tags=["measurements"])
    process = application.process
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in JSON_LINES}

    @routes.post("", status_code=202, openapi_extra={"requestBody": {"required": True, "content": content}})
    def deliver(caller: Asking, body: RawBody, mode: Literal["whole", "rows"] = "whole") -> JSONResponse:
        """Takes events as JSON lines (`service`, `metric`, `opened`, and where they are known `closed`, `priority`,
        `due`, `event`), which are on disk before this answers. An event told again, under its number, replaces what was
        told of it. `whole`: one bad row and nothing is taken; `rows`: the good rows are taken."""
        content_type, lines = body
        check_media_type(content_type, JSON_LINES)
        events, faults = read_event_lines(lines, process.known_events(caller.tenant), application.clock.now())
        application.admission.charge(caller.tenant, samples=len(events) + len(faults))
        rejected = [{"row": fault.row, "field": fault.field, "message": fault.message} for fault in faults]
        if faults and (mode == "whole" or not events):
            count = f"{len(faults):,} {'fault' if len(faults) == 1 else 'faults'}"
            raise Problem(422, f"{count}; nothing was taken", {"accepted": 0, "rejected": rejected})
        process.take_events(caller.tenant, events)
        return JSONResponse({"accepted": len(events), "rejected": rejected}, status_code=202)

    return routes
