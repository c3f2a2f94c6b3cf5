"""Alarm Management API, TMF642 4.0.0: alarms created, changed and listed, and the notifications of another system's hub
taken in."""

from collections.abc import Callable
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from upheld.access import ALARM_API, Caller
from upheld.agreements.units import format_instant
from upheld.analysis.alarms import CLEARED, Alarm
from upheld.api.inputs import Asking, RawBody, check_media_type
from upheld.api.mapping import NO_MAPPING
from upheld.api.problems import Problem
from upheld.api.tmf_resources import JSON, PATCHES, ManyQuery, OneQuery, listed, number_of, only, takes
from upheld.app import Application
from upheld.ports import AlarmFilter
from upheld.readers.body_faults import MalformedBody
from upheld.readers.tmf642 import EVENT_KINDS
from upheld.taking_in.ingesting import NoMapping
from upheld.taking_in.reported import CREATED, NOTIFIED, Came

log = structlog.get_logger("upheld.alarms")

AlarmId = Annotated[str, Path(max_length=200)]


def router(application: Application) -> APIRouter:
    """`/tmf-api/alarm/v4`."""
    routes = APIRouter(prefix=ALARM_API, tags=["TMF642"])
    document = _documents(application.settings.public_url)

    @routes.post("/alarm", openapi_extra=takes("Alarm_Create", JSON))
    def create(caller: Asking, body: RawBody) -> JSONResponse:
        """Takes an alarm in. It, and the events that it opens by the mapping's `alarms`, are on disk before this
        answers. The same alarm again is the same resource."""
        alarm = _taken(application, caller, CREATED, *body)
        created = document(alarm)
        return JSONResponse(created, 201, headers={"Location": created["href"]})

    @routes.patch("/alarm/{alarm_id}", openapi_extra=takes("Alarm_Update", PATCHES))
    def change(caller: Asking, alarm_id: AlarmId, body: RawBody) -> JSONResponse:
        """Changes an alarm (JSON merge patch), such as `{"state": "cleared"}`. What is cleared without a time is
        cleared when that is received; a change that is older than what is known (`alarmChangedTime`) only adds to
        it."""
        kind, received = body
        check_media_type(kind, PATCHES)
        try:
            came = application.reports.change(caller.tenant, number_of(alarm_id, _unknown(alarm_id)), received)
        except NoMapping:
            raise _no_mapping() from None
        except MalformedBody as error:
            raise Problem(400, str(error)) from None
        if came is None:
            raise _unknown(alarm_id)
        return JSONResponse(document(_accepted(came)))

    @routes.get("/alarm")
    def many(caller: Asking, query: Annotated[ManyQuery, Query()], answer: Response) -> list[dict[str, Any]]:
        """The alarms, reported last first; how many there are in all stands in `X-Total-Count`."""
        where = AlarmFilter(limit=query.limit, offset=query.offset)
        with application.store.transaction(caller.tenant, writing=False) as t:
            found, total = t.alarms(where), t.count_alarms(where)
        return listed(answer, [document(alarm) for alarm in found], total, query.fields)

    @routes.get("/alarm/{alarm_id}")
    def one(caller: Asking, alarm_id: AlarmId, query: Annotated[OneQuery, Query()]) -> dict[str, Any]:
        """One alarm."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            alarm = t.alarm(number_of(alarm_id, _unknown(alarm_id)))
        if alarm is None:
            raise _unknown(alarm_id)
        return only(document(alarm), query.fields)

    for kind in EVENT_KINDS:
        listener = _listener(application, kind)
        described = takes(kind[0].upper() + kind[1:], JSON)
        routes.post(f"/listener/{kind}", openapi_extra=described, name=kind, status_code=201)(listener)
    return routes


def _listener(application: Application, kind: str) -> Callable[..., dict[str, str]]:
    def listen(caller: Asking, body: RawBody) -> dict[str, str]:
        """Takes in a notification of another system's hub. Notifications may come again, late and in any order."""
        _taken(application, caller, NOTIFIED + kind, *body)
        return {"id": kind, "callback": f"{application.settings.public_url.rstrip('/')}{ALARM_API}/listener/{kind}"}

    return listen


def _taken(application: Application, caller: Caller, way: str, kind: str, body: bytes) -> Alarm:
    check_media_type(kind, JSON)
    try:
        return _accepted(application.reports.take(caller.tenant, way, body, caller.name))
    except NoMapping:
        raise _no_mapping() from None
    except MalformedBody as error:
        raise Problem(400, str(error)) from None


def _accepted(came: Came) -> Alarm:
    if came.alarms:
        return came.alarms[0]
    errors = [{"field": fault["field"], "message": fault["message"]} for fault in came.faults]
    raise Problem(409 if came.conflicts else 400, "the alarm cannot be taken", {"errors": errors})


def _no_mapping() -> Problem:
    return Problem(503, NO_MAPPING, headers={"Retry-After": "30"})


def _unknown(alarm_id: str) -> Problem:
    return Problem(404, f"there is no alarm {alarm_id}")


# -- the resource ----------------------------------------------------------------------------------------------------


def _documents(public_url: str) -> Callable[[Alarm], dict[str, Any]]:
    beginning = f"{public_url.rstrip('/')}{ALARM_API}/alarm"

    def document(alarm: Alarm) -> dict[str, Any]:
        """An alarm as TMF642 has it. Its id is a text, as in all other APIs of the TM Forum."""
        is_cleared = alarm.cleared_at is not None
        instants = {
            "alarmRaisedTime": alarm.raised_at,
            "alarmClearedTime": alarm.cleared_at,
            "alarmChangedTime": alarm.known_at if alarm.changed_at is None else alarm.changed_at,
        }
        shown = {
            "@type": "Alarm",
            "alarmReportingTime": format_instant(alarm.reported_at),
            "state": "raised",
            **alarm.fields,
            "id": str(alarm.id),
            "href": f"{beginning}/{alarm.id}",
            "sourceSystemId": alarm.source,
            "perceivedSeverity": CLEARED if is_cleared else alarm.severity,
            **({"state": CLEARED} if is_cleared else {}),
            **{name: None if at is None else format_instant(at) for name, at in instants.items()},
        }
        if "affectedService" not in shown and alarm.places:
            shown["affectedService"] = [{"id": service} for service in dict.fromkeys(p[0] for p in alarm.places)]
        return {name: value for name, value in shown.items() if value is not None}

    return document
