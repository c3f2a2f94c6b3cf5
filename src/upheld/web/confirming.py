"""The customer's page: is the problem solved? Public, but only for whom we sent the signed link to.

Mail scanners follow links, so opening the page answers nothing; only its buttons do. A program that asks for JSON under
the same link is answered with it.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from upheld.agreements.units import format_instant, parse_instant
from upheld.cases.answers import given, may_say_no
from upheld.cases.model import Case
from upheld.notices.links import BadLink, ProblemQuestion, Question
from upheld.process.casework import answering
from upheld.web import claims, confirming_many
from upheld.web.addressed import addressee
from upheld.web.casework import said_by
from upheld.web.chart import disturbed_since
from upheld.web.said import Said, answer_document, said_in, wants_json
from upheld.web.site import Site


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/confirm/{token}`: GET asks, POST answers."""

    @routes.get("/confirm/{token}")
    def ask(request: Request, token: str) -> Response:
        try:
            question = site.application.links.read_question(token)
        except BadLink:
            return _show(site, request, {"standing": "invalid"})
        if isinstance(question, ProblemQuestion):
            return confirming_many.show(site, request, question)
        return _show(site, request, _facts(site, question))

    @routes.post("/confirm/{token}")
    def answer(request: Request, token: str, said: Annotated[Said, Depends(said_in)]) -> Response:
        try:
            question = site.application.links.read_question(token)
        except BadLink:
            return _show(site, request, {"standing": "invalid"})
        if isinstance(question, ProblemQuestion):
            return confirming_many.answer(site, request, question, said)
        if said.fault is not None:
            return _show(site, request, _facts(site, question), fault=said.fault, comment=said.comment)
        asked = question.tenant, question.case_id, question.asked, question.contact
        after_all = question.case_id in said.after_all
        taken = site.application.process.cases.answer(
            *asked, said.solved == "yes", said.comment, said.score, after_all=after_all
        )
        return _show(site, request, _facts(site, question), thanks=taken == "taken")


def _show(site: Site, request: Request, facts: dict[str, Any], **more: Any) -> Response:
    standing, fault = facts["standing"], more.get("fault")
    status = 404 if standing == "invalid" else 200 if fault is None else 400
    if wants_json(request):
        if standing == "invalid":
            return JSONResponse({"error": "the link is not a question's"}, 404)
        if fault is not None:
            return JSONResponse({"error": str(fault)}, 422)
        return JSONResponse(_document(facts), headers={"Cache-Control": "no-store"})
    nothing = dict.fromkeys(("to", "case", "answer", "became", "until", "claimable", "fault"))
    known = nothing | {"comment": "", "thanks": False, "after_all": False, "answers": ()}
    return site.signed_page(request, "confirm.html", status, **{**known, **facts, **more})


def _facts(site: Site, question: Question) -> dict[str, Any]:
    """How the question stands for its contact, and the facts of its case that the customer knows from our mails."""
    with site.application.store.transaction(question.tenant, writing=False) as t:
        case = t.case(question.case_id)
        events = t.events(question.case_id)
        claimable = {} if case is None else claims.link_of(site, t, question, case)
    if case is None:
        return {"standing": "invalid"}
    theirs = given(case, question.asked, question.contact)
    last = theirs[-1] if theirs else None
    until = answering.reopens_until(site.application.process.in_force(question.tenant), case, site.now())
    return {
        "standing": "newer" if case.asked > question.asked else "given" if theirs else "open",
        "question": question,
        "answers": theirs,
        "answer": last,
        "after_all": may_say_no(case, question.asked, question.contact, until, site.now()),
        "became": became(case),
        "until": until,
        "in_time": until is not None and site.now() <= until,
        "case": case,
        "since": _since(case),
        "measured": said_by(events) is None,
        **claimable,
        "to": addressee(site.application.process.portfolio(question.tenant), case.customer, question.contact),
    }


def became(case: Case) -> str:
    """What has become of a case whose customer was asked, as one of the words of the templates."""
    if case.state == "confirming":
        return "asked"
    return case.outcome or ("unsolved" if case.reopened_at is not None else "broken_again")


def _document(facts: dict[str, Any]) -> dict[str, Any]:
    case, question, until = facts["case"], facts["question"], facts["until"]
    return {
        "case": case.id,
        "service": case.service,
        "round": question.asked,
        "contact": question.contact,
        "standing": facts["standing"],
        "became": facts["became"],
        "disturbed_since": format_instant(facts["since"]),
        "restored_at": None if case.restored_at is None else format_instant(case.restored_at),
        "reopens_until": None if until is None else format_instant(until),
        "answer": answer_document(facts["answer"]),
        "after_all": facts["after_all"],
    }


def _since(case: Case) -> int:
    """Since when the customer has had the problem."""
    bad = (e for e in case.verdict.get("evidence", ()) if e["kind"] == "bad")
    return disturbed_since(case, ((parse_instant(e["start"]), parse_instant(e["end"])) for e in bad))
