"""The customer's page: is the problem solved? Public, but only for whom we sent the signed link to.

Mail scanners follow links, so opening the page answers nothing; only its buttons do.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from upheld.agreements.units import parse_instant
from upheld.cases.model import Case
from upheld.notices.links import BadLink, ProblemQuestion, Question
from upheld.web import claims, confirming_many
from upheld.web.casework import said_by
from upheld.web.chart import disturbed_since
from upheld.web.confirming_many import LONGEST_COMMENT, reads, score_of
from upheld.web.site import Site


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/confirm/{token}`: GET asks, POST answers."""

    @routes.get("/confirm/{token}")
    def ask(request: Request, token: str) -> Response:
        try:
            question = site.application.links.read_question(token)
        except BadLink:
            return show(request, 404, standing="invalid")
        if isinstance(question, ProblemQuestion):
            return show(request, 200, "confirm_many.html", **confirming_many.facts(site, question))
        return show(request, 200, **_facts(site, question))

    @routes.post("/confirm/{token}")
    def answer(
        request: Request,
        token: str,
        solved: Annotated[str, Form()] = "",
        comment: Annotated[str, Form()] = "",
        score: Annotated[str, Form()] = "",
        unsolved: Annotated[tuple[str, ...], Form()] = (),
    ) -> Response:
        try:
            question = site.application.links.read_question(token)
        except BadLink:
            return show(request, 404, standing="invalid")
        if isinstance(question, ProblemQuestion):
            said = confirming_many.answer(site, question, solved, comment.strip(), unsolved, score_of(score))
            return show(request, 400 if said.get("fault") else 200, "confirm_many.html", **said)
        if solved not in ("yes", "no"):
            return show(request, 400, **_facts(site, question), fault="Please choose one of the two answers.")
        if len(comment) > LONGEST_COMMENT:
            fault = f"Please keep your comment to {LONGEST_COMMENT} characters; it has {len(comment)}."
            return show(request, 400, **_facts(site, question), fault=fault, comment=comment)
        taken = site.application.process.answer(
            question.tenant,
            question.case_id,
            question.asked,
            question.contact,
            solved == "yes",
            comment.strip(),
            score_of(score),
        )
        facts = _facts(site, question)
        if taken == "taken":
            facts["standing"] = "thanks_yes" if solved == "yes" else "thanks_no"
        return show(request, 200, **facts)

    def show(request: Request, status: int, template: str = "confirm.html", **facts: Any) -> HTMLResponse:
        known: dict[str, Any] = {"case": None, "provider": None, "fault": None, "comment": "", "claimable": None}
        return site.signed_page(request, template, status, **{**known, **facts})


def _facts(site: Site, question: Question) -> dict[str, Any]:
    """How the question stands, and the facts of its case that the customer knows from our mails."""
    with site.application.store.transaction(question.tenant, writing=False) as t:
        case = t.case(question.case_id)
        events = t.events(question.case_id)
        claimable = {} if case is None else claims.link_of(site, t, question, case)
    if case is None:
        return {"standing": "invalid"}
    return {
        "standing": _standing(case, question),
        "case": case,
        "since": _since(case),
        "measured": said_by(events) is None,
        **claimable,
        **reads(site, question.tenant, case.customer),
    }


def _standing(case: Case, question: Question) -> str:
    """How the question stands: `open` to answer, or one of the words of the template for why it is not."""
    if case.asked > question.asked:
        return "newer"
    if case.state == "confirming":
        return "open"
    if case.outcome is not None:
        return {"confirmed": "solved", "unanswered": "unanswered", "withdrawn": "withdrawn"}[case.outcome]
    return "unsolved" if case.reopened_at is not None else "broken_again"


def _since(case: Case) -> int:
    """Since when the customer has had the problem."""
    bad = (e for e in case.verdict.get("evidence", ()) if e["kind"] == "bad")
    return disturbed_since(case, ((parse_instant(e["start"]), parse_instant(e["end"])) for e in bad))
