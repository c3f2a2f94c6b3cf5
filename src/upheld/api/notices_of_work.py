"""Providers' notices of planned work, and works as CSV, taken in; and what a person is asked of them."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, WithJsonSchema

from upheld.agreements.fields import Zone
from upheld.api.inputs import Asking, Input, Instant, Name, RawBody, Text, body_text, check_media_type, json_body
from upheld.api.inputs import Window as WindowInput
from upheld.api.problems import Problem, field_problem, input_problem
from upheld.app import Application
from upheld.maintenance.model import Window
from upheld.maintenance.received import MOST_WINDOWS, NoticedWork, ReceivedState, in_zone
from upheld.process.works.intake import Answer, Unanswerable
from upheld.process.works.works import Differs
from upheld.readers.bodies import media_type
from upheld.readers.faults import Fault, InputError
from upheld.readers.provider_mails import NoParser
from upheld.readers.work_files import read_works
from upheld.reports.received import noticed_document, received_document
from upheld.reports.records import record_document
from upheld.reports.work_preview import warnings
from upheld.taking_in.noticeboard import TooLarge

WORKS = "text/csv"
NOTICES = ("message/rfc822", "text/calendar", "text/html", "text/plain", "application/octet-stream")


class TakenQuery(Input):
    """What the body is called there, for people, and whose form a mail has, whoever sent it."""

    name: Annotated[str, Field(max_length=200)] = ""
    provider: Name | None = None


class NoticesQuery(Input):
    """Only those in a state."""

    state: ReceivedState | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class AnswerInput(Input):
    """Whether to follow a notice, with what is to be read otherwise. `start` and `end` are those of a notice of one
    window; `windows` has one for each that the notice tells of, in its order, null where it is not worked in. `zone`
    says that its times were local ones of that zone, and were taken for UTC. `circuits` says what each of the
    supplier's circuits is: nothing, where it is none of ours. A notice that is not followed has a `reason`."""

    accept: bool
    reason: Annotated[Text, Field(max_length=2000)] = ""
    start: Instant | None = None
    end: Instant | None = None
    windows: Annotated[tuple[WindowInput | None, ...], Field(max_length=MOST_WINDOWS)] = ()
    zone: Annotated[Zone, WithJsonSchema({"type": "string"})] | None = None
    circuits: Annotated[dict[Name, tuple[Name, ...]], Field(max_length=1000, default_factory=dict)]
    services: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()
    title: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    emergency: bool = False


def router(application: Application) -> APIRouter:
    """`/v1/maintenance/notices` and `/v1/maintenance/questions`."""
    routes = APIRouter(prefix="/v1/maintenance", tags=["maintenance"])
    process, store = application.process, application.store

    @routes.post("/notices", status_code=201)
    def take(caller: Asking, body: RawBody, query: Annotated[TakenQuery, Query()], response: Response) -> Any:
        """Takes in a provider's notice: a mail (`message/rfc822`), an iCalendar, or a mail's saved body. It is on disk,
        and what it asks for is done or waits for a person, before this answers. The same body again answers the same
        and changes nothing. With `text/csv`, plans the works of a CSV file: all of them or none."""
        kind, content = body
        check_media_type(kind, (*NOTICES, WORKS))
        if media_type(kind) == WORKS:
            return {"maintenance": _planned(application, caller.tenant, content, query.name or "works.csv")}
        try:
            received, works = application.noticeboard.take(
                caller.tenant, content, f"API, {caller.name}", query.name, query.provider
            )
        except TooLarge as error:
            raise Problem(413, str(error)) from None
        except NoParser as error:
            raise Problem(503, str(error), headers={"Retry-After": "60"}) from None
        response.headers["Location"] = f"/v1/maintenance/notices/{received.id}"
        return received_document(received, works)

    @routes.get("/notices")
    def many(caller: Asking, query: Annotated[NoticesQuery, Query()]) -> dict[str, Any]:
        """What was received, work by work, newest first; those that wait, oldest first."""
        with store.transaction(caller.tenant, writing=False) as t:
            found = t.noticed_works(query.state, query.limit)
        return {"works": [noticed_document(noticed) for noticed in found]}

    @routes.get("/notices/{received_id}")
    def one(caller: Asking, received_id: Name) -> dict[str, Any]:
        """A notice with the works that it tells of, and what became of each."""
        with store.transaction(caller.tenant, writing=False) as t:
            received = t.received_brief([received_id]).get(received_id)
            works = t.noticed_in(received_id)
        if received is None:
            raise Problem(404, "there is no notice of that id")
        return received_document(received, works)

    @routes.get("/notices/{received_id}/body")
    def body(caller: Asking, received_id: Name) -> Response:
        """A notice as it came."""
        with store.transaction(caller.tenant, writing=False) as t:
            received = t.received(received_id)
        if received is None:
            raise Problem(404, "there is no notice of that id")
        headers = {"Content-Disposition": f'attachment; filename="{received.id}"'}
        return Response(received.body, media_type="application/octet-stream", headers=headers)

    @routes.get("/questions")
    def questions(caller: Asking) -> dict[str, Any]:
        """What waits for a person, oldest first."""
        with store.transaction(caller.tenant, writing=False) as t:
            return {"questions": [noticed_document(noticed) for noticed in t.noticed_works("waiting")]}

    @routes.post("/questions/{question_id}", dependencies=[Depends(json_body)])
    def answer(caller: Asking, question_id: Name, said: AnswerInput) -> dict[str, Any]:
        """Answers: what is accepted is planned, moved or cancelled, and whom it hits is told; who has answered is
        kept. One that waits no more is 409."""
        with store.transaction(caller.tenant, writing=False) as t:
            noticed = t.noticed(question_id)
        if noticed is None:
            raise Problem(404, "there is no question of that id")
        try:
            came = process.works.answer_notice(caller.tenant, question_id, _answer(said, noticed), caller.name)
        except Unanswerable as error:
            raise field_problem(error.field, error.message) from None
        if came != "taken":
            raise Problem(409, "this was answered already, or a newer notice has come")
        with store.transaction(caller.tenant, writing=False) as t:
            after = t.noticed(question_id)
        assert after is not None, "it was answered"
        return noticed_document(after)

    return routes


def _answer(said: AnswerInput, noticed: NoticedWork) -> Answer:
    windows = tuple(None if one is None else (one.start, one.end) for one in said.windows)
    given = (said.start, "start"), (said.end, "end"), (windows or None, "windows")
    if said.zone is not None:
        if also := next((name for value, name in given if value is not None), None):
            raise field_problem("zone", f"{also} says already when it is: give one of both")
        windows = _in_zone(noticed, said.zone)
    start, end = (windows[0] or (None, None)) if len(windows) == len(noticed.said) == 1 else (said.start, said.end)
    return Answer(
        said.accept,
        said.reason,
        start,
        end,
        windows if len(noticed.said) > 1 else (),
        said.circuits,
        said.services,
        said.title,
        said.emergency,
    )


def _in_zone(noticed: NoticedWork, zone: ZoneInfo) -> tuple[Window, ...]:
    """The windows that a notice tells of, whose times were local ones of a zone."""
    if not noticed.said:
        raise field_problem("zone", "no time was read that could be of another zone: give start and end")
    found = []
    for notice in noticed.told:
        start, end = in_zone(notice.start, zone), in_zone(notice.end, zone)
        if start is None or end is None:
            what = "start" if start is None else "end"
            raise field_problem("zone", f"a clock change skips the {what}, or lets it happen twice: give it in UTC")
        found.append((start, end))
    return tuple(found)


def _planned(application: Application, tenant: str, content: bytes, name: str) -> list[dict[str, Any]]:
    """Plans the works of a CSV file."""
    text, nodes = body_text(content), application.process.topology(tenant).nodes
    with application.store.transaction(tenant, writing=False) as t:
        known = {work.id for work in t.maintenances()}
    try:
        works = read_works(text, name, nodes, known, application.clock.now())
        application.process.works.plan_all(tenant, works)
    except Differs as error:
        raise input_problem(InputError([Fault(name, None, "id", str(error))]), of_file=True) from None
    except InputError as error:
        raise input_problem(error, of_file=True) from None
    concerns = application.process.works.concerns(tenant, works)
    return [{**record_document(one.work), "warnings": warnings(one)} for one in concerns]
