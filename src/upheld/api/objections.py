"""What customers say against the windows of planned works, and the provider's answers."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query
from pydantic import Field, model_validator

from upheld.api.inputs import Asking, Input, Instant, Name, Text, json_body
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.maintenance.objection import LONGEST_WORDS, NO_OBJECTIONS, Objection, Objections, ObjectionState
from upheld.process.works.objecting import Refused
from upheld.reports.records import objection_document


class ObjectionsQuery(Input):
    """Only those in a state."""

    state: ObjectionState | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class ObjectionAnswer(Input):
    """Whether the work is moved: to `start` and `end`, or where they are not given to the window that was asked for. To
    decline takes an `answer` in words."""

    agree: bool
    answer: Annotated[Text, Field(max_length=LONGEST_WORDS)] = ""
    start: Instant | None = None
    end: Instant | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end come together")
        if not self.agree and self.start is not None:
            raise ValueError("who declines names no window")
        return self


def router(application: Application) -> APIRouter:
    """`/v1/maintenance/{maintenance_id}/objections`."""
    routes = APIRouter(prefix="/v1/maintenance", tags=["maintenance"])
    store, clock = application.store, application.clock

    def known(tenant: str, maintenance_id: str, objection_id: str) -> Objection:
        with store.transaction(tenant, writing=False) as t:
            found = t.objection(objection_id)
        if found is None or found.maintenance_id != maintenance_id:
            raise Problem(404, "there is no objection of that id to that maintenance")
        return found

    @routes.get("/{maintenance_id:path}/objections")
    def many(caller: Asking, maintenance_id: Name, query: Annotated[ObjectionsQuery, Query()]) -> dict[str, Any]:
        """What contacts of customers say against a work, the earliest first, and how many of them there are: all,
        those to be answered, and of these the overdue ones."""
        now = clock.now()
        with store.transaction(caller.tenant, writing=False) as t:
            if t.maintenance(maintenance_id) is None:
                raise Problem(404, "there is no maintenance of that id")
            counts = t.count_objections(now, maintenance_id).get(maintenance_id, NO_OBJECTIONS)
            found = t.objections(maintenance_id, query.state, query.limit, query.offset)
        return {"count": counts_document(counts), "objections": [objection_document(one, now) for one in found]}

    @routes.get("/{maintenance_id:path}/objections/{objection_id}")
    def one(caller: Asking, maintenance_id: Name, objection_id: Name) -> dict[str, Any]:
        """One of them. `POST /v1/maintenance/preview` says what the window that it asks for would do."""
        return objection_document(known(caller.tenant, maintenance_id, objection_id), clock.now())

    @routes.post("/{maintenance_id:path}/objections/{objection_id}/answer", dependencies=[Depends(json_body)])
    def answer(caller: Asking, maintenance_id: Name, objection_id: Name, said: ObjectionAnswer) -> dict[str, Any]:
        """Agrees, which moves the work and tells whom that concerns, or declines; the contact is told either way. 409
        where it was answered otherwise, or has lapsed. The same answer again changes nothing."""
        objection = known(caller.tenant, maintenance_id, objection_id)
        window = None
        if said.agree:
            given = None if said.start is None or said.end is None else (said.start, said.end)
            window = given or objection.wish
            if window is None:
                raise field_problem("start", "is missing: no other window was asked for, so give one")
        if is_answered_so(objection, said, window):
            return objection_document(objection, clock.now())
        try:
            works = application.process.works
            answered = works.answer_objection(caller.tenant, objection_id, window, said.answer.strip(), caller.name)
        except Refused as fault:
            raise (
                Problem(409, fault.message) if fault.field is None else field_problem(fault.field, fault.message)
            ) from None
        return objection_document(answered, clock.now())

    return routes


def is_answered_so(objection: Objection, said: ObjectionAnswer, window: tuple[int, int] | None) -> bool:
    """Whether that is what was answered already."""
    if objection.state not in ("agreed", "declined"):
        return False
    return (objection.agreed, objection.answer) == (window, said.answer.strip())


def counts_document(counts: Objections) -> dict[str, int]:
    """How many objections there are, as JSON has it."""
    return {"all": counts.all, "open": counts.open, "overdue": counts.overdue}
