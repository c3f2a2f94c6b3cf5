"""Cases with all that happened, and the built-in list of tickets."""

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from upheld.agreements.units import format_instant
from upheld.analysis.outlook import to_document
from upheld.api.inputs import Asking, Input, Name, Window
from upheld.api.problems import Problem
from upheld.api.resolutions import clock_document, owed_document
from upheld.app import Application
from upheld.cases.clocks import clocks
from upheld.cases.decide import Update
from upheld.cases.model import OPEN_STATES, State
from upheld.cases.performance import Kept
from upheld.notices.planning import asked_at
from upheld.process.casework import answering, examining, related, resolving
from upheld.reports.records import notice_document, record_document


class CaseQuery(Input):
    """`open`: only those that have not ended. `state`, which may be given more than once: only those in these.
    `resolution=owed`: only closed ones of which nobody has said what they were. One of them."""

    open: bool = False
    state: tuple[State, ...] = ()
    resolution: Literal["owed"] | None = None
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.open and self.state:
            raise PydanticCustomError("exclusive", "give open or state, and not both", {"field": "state"})
        if self.resolution is not None and (self.open or self.state):
            raise PydanticCustomError("exclusive", "is about closed cases: give it alone", {"field": "resolution"})
        return self


class UpdateInput(Input):
    """What the customer is told, in words of one's own."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class AnswerInput(Input):
    """What a contact of a customer answers to the question whether the problem is solved. `contact` is who said so, and
    `score` how satisfied they are."""

    solved: bool
    contact: Name
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""
    score: Annotated[int, Field(ge=1, le=5)] | None = None


class TicketQuery(Input):
    """How many, newest first."""

    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


def router(application: Application) -> APIRouter:
    """`/v1/cases` and `/v1/tickets`."""
    routes = APIRouter(prefix="/v1", tags=["cases"])

    @routes.get("/cases")
    def many(caller: Asking, query: Annotated[CaseQuery, Query()]) -> dict[str, Any]:
        """Cases, newest first."""
        states = OPEN_STATES if query.open else query.state or None
        with application.store.transaction(caller.tenant, writing=False) as t:
            found = t.cases(states, query.limit) if query.resolution is None else t.cases_unresolved(query.limit)
            return {"cases": [record_document(case) for case in found]}

    @routes.get("/cases/{case_id}")
    def one(caller: Asking, case_id: Name) -> dict[str, Any]:
        """One case with its events, its actions and its notices; until when a no takes it up again, where it is closed
        (`reopens_until`); where another case of its problem was examined for all, what was found of that
        (`problem_findings`); while it is open what is to be expected of the period by its end; and what it may be seen
        with (`related`): ended cases like it and what solved them, and what else is open of the services that it
        concerns."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            case = t.case(case_id)
            if case is None:
                raise Problem(404, "there is no case of that id")
            shared, owed = examining.shared_findings(t, case), resolving.owed_of(t, case)
            notices = t.notices_of(case)
            happened = {
                "events": [record_document(event) for event in t.events(case_id)],
                "actions": [record_document(action) for action in t.actions(case_id)],
                "notices": [notice_document(notice) for notice in notices],
            }
        now, current = application.clock.now(), application.process.in_force(caller.tenant)
        expected = application.process.cases.outlook(caller.tenant, case)
        parties = None if current is None else current.parties(case.agreement, now)
        until = answering.reopens_until(current, case, now)
        running = [] if parties is None else clocks(case, parties.agreement, asked_at(case, notices))
        return {
            **record_document(case),
            "reopens_until": None if until is None else format_instant(until),
            "clocks": [clock_document(clock, now) for clock in running],
            "resolution_owed": None if owed is None else owed_document(owed, now),
            "problem_findings": shared,
            "outlook": None if expected is None else to_document(expected),
            "related": related.to_document(application.process.cases.related_to(caller.tenant, case)),
            **happened,
        }

    @routes.post("/cases/{case_id}/update", status_code=204)
    def update(caller: Asking, case_id: Name, told: UpdateInput) -> None:
        """Tells the customer how far it is; 409 where the case is not open any more, or solved."""
        _given(application.process.cases.command(caller.tenant, case_id, Update(told.text, caller.name)))

    @routes.post("/cases/{case_id}/answer", status_code=204)
    def answer(caller: Asking, case_id: Name, said: AnswerInput) -> None:
        """Takes an answer to the newest round of the question, given by telephone or in another system; also after the
        case was closed, when a no in time takes it up again (`reopens_until`). The same again changes nothing. 409
        where nothing was asked."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            case = t.case(case_id)
        asked = 0 if case is None else case.asked
        words = said.contact, said.solved, said.comment, said.score
        _given(application.process.cases.answer(caller.tenant, case_id, asked, *words, via="api", taken_by=caller.name))

    @routes.post("/cases/{case_id}/ask", status_code=204)
    def ask(caller: Asking, case_id: Name) -> None:
        """Says that the case is solved, and asks the customer; 409 where it is not open, or is asked already."""
        _given(application.process.cases.ask_again(caller.tenant, case_id, caller.name))

    @routes.post("/cases/{case_id}/examine", status_code=204)
    def examine(caller: Asking, case_id: Name) -> None:
        """Looks again at what was measured around an open case, by now: its causes, and whether its measurements are
        sound. 409 where it has ended, or is about events, of which there are no series."""
        _given(application.process.cases.examine_again(caller.tenant, case_id))

    @routes.get("/cases/{case_id}/report", response_class=PlainTextResponse)
    def report(caller: Asking, case_id: Name) -> PlainTextResponse:
        """The draft of a post-incident report, as Markdown."""
        text = application.process.cases.incident_report(caller.tenant, case_id)
        if text is None:
            raise Problem(404, "there is no case of that id")
        return PlainTextResponse(text, media_type="text/markdown")

    @routes.get("/performance")
    def performance(caller: Asking, window: Annotated[Window, Query()]) -> dict[str, Any]:
        """How well the promises of handling were kept of the cases opened and the notices recorded in [start, end):
        told in time by the kind of notice, fixed in time, told how far it is, asked, the customers' satisfaction; and
        of what cases closed then without a word of what they were, how many were given one in time."""
        found = application.process.cases.performance(caller.tenant, window.start, window.end)
        answers = sum(found.scores.values())
        mean = sum(score * count for score, count in found.scores.items()) / answers if answers else None
        return {
            "cases": found.cases,
            "told": {kind: _kept(kept) for kind, kept in sorted(found.told.items())},
            "fixed": _kept(found.fixed),
            "updates": _kept(found.updates),
            "asked": _kept(found.asked),
            "resolved": _kept(found.resolved),
            "satisfaction": {"answers": answers, "mean": None if mean is None else round(mean, 2), "of": found.scores},
        }

    @routes.get("/tickets")
    def tickets(caller: Asking, query: Annotated[TicketQuery, Query()]) -> dict[str, Any]:
        """The built-in list of tickets, newest first."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            return {"tickets": [record_document(ticket) for ticket in t.tickets(query.limit)]}

    return routes


def _kept(kept: Kept) -> dict[str, Any]:
    share = None if kept.share is None else f"{float(kept.share):.4f}"
    return {"kept": kept.kept, "missed": kept.missed, "runs": kept.runs, "share": share}


def _given(came: str) -> None:
    if came == "unknown":
        raise Problem(404, "there is no case of that id")
    if came == "too_late":
        raise Problem(409, "the case is not in a state for that any more")
