"""What cases and problems were: what is still owed of them, and the form in which a person says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Response
from fastapi.responses import RedirectResponse

from upheld.agreements.model import Portfolio
from upheld.analysis.clues import named
from upheld.cases.decide import Resolve
from upheld.cases.problems import Problem
from upheld.cases.resolutions import OwedResolution
from upheld.ports import Transaction
from upheld.web.casework import customer_name
from upheld.web.site import Site, Visitor, form_of

CAUSES_OFFERED = 5
LONGEST_CAUSE = 500


@dataclass(frozen=True, slots=True)
class OwedRow:
    """What is owed, as a list shows it: of which case or problem, under which address, and what that is about."""

    owed: OwedResolution
    address: str
    about: str
    customer: str


def owed_rows(t: Transaction, portfolio: Portfolio | None, after: tuple[int, str] | None, limit: int) -> list[OwedRow]:
    """What is owed behind the place `after`, soonest due first."""
    rows = []
    for owed in t.owed_resolutions(after, limit):
        problem = t.problem(owed.subject) if owed.is_of_problem else None
        place = "problems" if owed.is_of_problem else "cases"
        about = owed.service if problem is None else problem.named
        customer = customer_name(portfolio, owed.customer) if problem is None else "several"
        rows.append(OwedRow(owed, f"/{place}/{quote(owed.subject)}", about, customer))
    return rows


def causes(findings: Mapping[str, Any]) -> list[str]:
    """The causes to choose among, the likeliest first, as findings rank them."""
    ranked = [f"{named(one)}: {one['reason']}"[:LONGEST_CAUSE] for one in findings.get("cause_candidates") or ()]
    return list(dict.fromkeys(ranked))[:CAUSES_OFFERED]


def causes_of_problem(t: Transaction, problem: Problem) -> list[str]:
    """Those found of the case that was examined for all of its cases, or else of one of them."""
    brief = next(iter(t.cases_of_problem(problem.id, limit=1)), None)
    name = problem.examined or (None if brief is None else brief.id)
    case = None if name is None else t.case(name)
    return ([] if case is None else causes(case.findings)) or [problem.named]


def add_pages(routes: APIRouter, site: Site) -> None:
    """The forms of a case's and of a problem's page."""
    submit, process = form_of(site), site.application.process

    def said(
        visitor: Annotated[Visitor, Depends(submit)],
        cause: Annotated[str, Form(max_length=LONGEST_CAUSE)] = "",
        other: Annotated[str, Form(max_length=LONGEST_CAUSE)] = "",
        done: Annotated[str, Form(max_length=2_000)] = "",
    ) -> Resolve:
        """`other` is what was written where none of the causes was chosen."""
        it_was = cause.strip() or other.strip()
        if not it_was:
            raise HTTPException(422, "Choose a cause, or write what it was.")
        return Resolve(it_was, done.strip(), visitor.caller.key_id)

    @routes.post("/cases/{case_id}/resolution")
    def of_case(
        case_id: str, visitor: Annotated[Visitor, Depends(submit)], found: Annotated[Resolve, Depends(said)]
    ) -> Response:
        return _shown(process.cases.resolve(visitor.tenant, case_id, found), "cases", case_id)

    @routes.post("/problems/{problem_id}/resolution")
    def of_problem(
        problem_id: str, visitor: Annotated[Visitor, Depends(submit)], found: Annotated[Resolve, Depends(said)]
    ) -> Response:
        return _shown(process.cases.resolve_problem(visitor.tenant, problem_id, found), "problems", problem_id)


def _shown(came: str, place: str, subject: str) -> Response:
    """The page again; what comes too late changes nothing."""
    if came == "unknown":
        raise HTTPException(404, f"There is no such {place.removesuffix('s')}.")
    return RedirectResponse(f"/{place}/{quote(subject)}", status_code=303)
