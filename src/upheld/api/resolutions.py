"""What cases and problems were: what is still owed of them, and what people say."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, Input, Name
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.cases.clocks import Clock
from upheld.cases.decide import Resolve
from upheld.cases.resolutions import OwedResolution


class ResolutionInput(Input):
    """What it was, and what was done."""

    cause: Annotated[str, Field(min_length=1, max_length=500)]
    done: Annotated[str, Field(max_length=2_000)] = ""


class ResolutionQuery(Input):
    """How many, soonest due first."""

    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


def router(application: Application) -> APIRouter:
    """`/v1/resolutions`, and what is posted to a case or problem."""
    routes = APIRouter(prefix="/v1", tags=["cases"])
    process = application.process

    @routes.get("/resolutions")
    def owed(caller: Asking, query: Annotated[ResolutionQuery, Query()]) -> dict[str, Any]:
        """What closed cases and problems were, as far as that is still to be put down, soonest due first; of the cases
        of a problem once for all of them."""
        now = application.clock.now()
        with application.store.transaction(caller.tenant, writing=False) as t:
            return {"resolutions": [owed_document(one, now) for one in t.owed_resolutions(limit=query.limit)]}

    @routes.post("/cases/{case_id}/resolution", status_code=204)
    def of_case(caller: Asking, case_id: Name, found: ResolutionInput) -> None:
        """Keeps what a case was, and what was done; the last word holds. It is what its problem was too, where nobody
        has said that yet. 409 where the case was withdrawn."""
        _given(process.cases.resolve(caller.tenant, case_id, _said(found, caller.name)), "case")

    @routes.post("/problems/{problem_id}/resolution", status_code=204)
    def of_problem(caller: Asking, problem_id: Name, found: ResolutionInput) -> None:
        """Keeps what a problem was, and what was done; the last word holds, also for each of its cases of which nothing
        else was said. 409 where it was merged into another."""
        _given(process.cases.resolve_problem(caller.tenant, problem_id, _said(found, caller.name)), "problem")

    return routes


def clock_document(clock: Clock, now: int) -> dict[str, Any]:
    """A promise that runs, as JSON has it."""
    return {
        "promise": clock.name,
        "since": format_instant(clock.since),
        "due": format_instant(clock.due),
        "met_at": None if clock.met_at is None else format_instant(clock.met_at),
        "standing": clock.standing(now),
    }


def owed_document(owed: OwedResolution, now: int) -> dict[str, Any]:
    """What is owed of a `case` or a `problem`, with its clock, as JSON has it."""
    of = "problem" if owed.is_of_problem else "case"
    return {
        of: owed.subject,
        "href": f"/v1/{of}s/{owed.subject}",
        **{name: getattr(owed, name) for name in ("agreement", "service", "customer")},
        **clock_document(owed.clock, now),
    }


def _said(found: ResolutionInput, by: str) -> Resolve:
    return Resolve(found.cause, found.done, by)


def _given(came: str, what: str) -> None:
    if came == "unknown":
        raise Problem(404, f"there is no {what} of that id")
    if came == "too_late":
        raise Problem(409, f"the {what} is not in a state for that any more")
