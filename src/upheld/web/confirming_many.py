"""The customer's page of a whole problem: are all of its services good again? For whom we sent the signed link to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from upheld.agreements.units import format_instant
from upheld.cases.answers import given, may_say_no
from upheld.cases.model import Case
from upheld.notices.links import ProblemQuestion
from upheld.process.casework import answering
from upheld.web.addressed import Fault, addressee
from upheld.web.said import Said, answer_document, wants_json
from upheld.web.site import Site

Standing = Literal["open", "given", "newer"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that the link asks about, in round `asked`: what its contact has answered, and how the question stands for
    them: `newer` where it was asked again since. `until`: until when a no takes it up again; `after_all`: also that of
    this contact, who has said yes."""

    case: Case
    asked: int
    standing: Standing
    answer: Mapping[str, Any] | None
    until: int | None
    after_all: bool


def show(
    site: Site, request: Request, question: ProblemQuestion, fault: Fault | None = None, said: Said | None = None
) -> Response:
    """The page: each case that the link asks about, and how it stands. `said`: what was answered just now, of which
    nothing was taken where there is a `fault`."""
    asked = _asked(site, question)
    if wants_json(request):
        if not asked:
            return JSONResponse({"error": "the link is not a question's"}, 404)
        if fault is not None:
            return JSONResponse({"error": str(fault)}, 422)
        return JSONResponse(_document(question, asked), headers={"Cache-Control": "no-store"})
    facts = {
        "standing": "open" if any(one.standing == "open" for one in asked) else "answered" if asked else "invalid",
        "asked": asked,
        "problem": question.problem,
        "thanks": said.solved if said is not None and fault is None else None,
        "fault": fault,
        "comment": said.comment if said is not None and fault is not None else "",
        "ticked": frozenset((*said.unsolved, *said.after_all) if said is not None and fault is not None else ()),
    }
    status = 400 if fault is not None else 200 if asked else 404
    to = addressee(site.application.process.portfolio(question.tenant), question.party, question.contact)
    return site.signed_page(request, "confirm_many.html", status, to, **facts)


def answer(site: Site, request: Request, question: ProblemQuestion, said: Said) -> Response:
    """Takes an answer: with yes all that are open are solved, with no those named in `unsolved` (ids of cases) are not,
    nor those named in `after_all`, and the others stay as they are."""
    if said.fault is not None:
        return show(site, request, question, said.fault, said)
    if said.solved == "no" and not (said.unsolved or said.after_all):
        return show(site, request, question, Fault("many.tick"), said)
    meant = [
        (one.case, one.asked)
        for one in _asked(site, question)
        if (one.standing == "open" and (said.solved == "yes" or one.case.id in said.unsolved))
        or (one.after_all and said.solved == "no" and one.case.id in said.after_all)
    ]
    words = said.solved == "yes", said.comment, said.score, said.after_all
    site.application.process.cases.answer_together(question.tenant, meant, question.contact, *words)
    return show(site, request, question, said=said)


def _asked(site: Site, question: ProblemQuestion) -> list[Asked]:
    with site.application.store.transaction(question.tenant, writing=False) as t:
        rows = t.owed_as_told(question.problem, question.party, question.told)
        rounds = {row.case_id: int(row.facts["asked"]) for row in rows if row.kind in ("question", "reminder")}
        cases = [(case, asked) for name, asked in rounds.items() if (case := t.case(name)) is not None]
    found, current, now = [], site.application.process.in_force(question.tenant), site.now()
    for case, asked in cases:
        theirs, until = given(case, asked, question.contact), answering.reopens_until(current, case, now)
        standing: Standing = "newer" if case.asked > asked else "given" if theirs else "open"
        after_all = may_say_no(case, asked, question.contact, until, now)
        found.append(Asked(case, asked, standing, theirs[-1] if theirs else None, until, after_all))
    return found


def _document(question: ProblemQuestion, asked: list[Asked]) -> dict[str, Any]:
    return {
        "problem": question.problem,
        "contact": question.contact,
        "cases": [
            {
                "case": one.case.id,
                "service": one.case.service,
                "round": one.asked,
                "standing": one.standing,
                "reopens_until": None if one.until is None else format_instant(one.until),
                "answer": answer_document(one.answer),
                "after_all": one.after_all,
            }
            for one in asked
        ],
    }
