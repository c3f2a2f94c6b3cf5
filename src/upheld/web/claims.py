"""Credits that must be claimed: the customer's page, for whom we made the signed link, and an operator's form.

As with the question of a case, opening the page claims nothing; only its button does. A program that asks for JSON
under the same link is answered with it.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from upheld.agreements.units import parse_instant
from upheld.assessment.verdict import Verdict
from upheld.cases.model import Case
from upheld.notices.links import BadLink, ClaimQuestion, Question
from upheld.outgoing.claims import LONGEST_WORDS, Claim, Refused, claim_document, standing
from upheld.ports import Transaction
from upheld.web.addressed import Fault, addressee
from upheld.web.said import wants_json
from upheld.web.site import Site, Visitor, form_of

Words = Annotated[str, Form(max_length=LONGEST_WORDS)]


@dataclass(frozen=True, slots=True)
class Claimable:
    """A verdict whose credit must be claimed, with its claim where it was, and how that stands."""

    verdict: Verdict
    claim: Claim | None
    standing: str


def claimable_of(t: Transaction, verdict: Verdict | None, now: int) -> Claimable | None:
    """What there is to claim of a verdict; None where nothing is."""
    claim = None if verdict is None else t.claim_of(verdict.key)
    how = None if verdict is None else standing(verdict, claim, now)
    return None if verdict is None or how is None else Claimable(verdict, claim, how)


def link_of(site: Site, t: Transaction, question: Question, case: Case) -> dict[str, Any]:
    """What the page of a case's question says of a credit that can still be claimed: how much, until when, where."""
    verdict = t.verdict((case.agreement, case.objective, case.service, parse_instant(case.verdict["period_start"])))
    found = claimable_of(t, verdict, site.now())
    if found is None or found.standing != "open":
        return {"claimable": None}
    url = site.application.links.claim_url(ClaimQuestion(question.tenant, *found.verdict.key, question.contact))
    return {"claimable": found.verdict, "claim_url": url}


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/claim/{token}`: GET shows, POST claims; and `POST /cases/{id}/claim` of the console."""

    def show(request: Request, status: int, *, how: str, **facts: Any) -> Response:
        known = {"to": None, "verdict": None, "claim": None, "fault": None, "comment": ""}
        return site.signed_page(request, "claim.html", status, **{**known, **facts, "standing": how})

    @routes.get("/claim/{token}")
    def look(request: Request, token: str) -> Response:
        try:
            question = site.application.links.read_claim(token)
        except BadLink:
            return show(request, 404, how="invalid")
        return show(request, 200, **_facts(site, question))

    @routes.post("/claim/{token}")
    def claim(request: Request, token: str, comment: Annotated[str, Form()] = "") -> Response:
        as_json = wants_json(request)
        try:
            question = site.application.links.read_claim(token)
        except BadLink as bad:
            return JSONResponse({"error": str(bad)}, 404) if as_json else show(request, 404, how="invalid")
        if len(comment) > LONGEST_WORDS:
            fault = Fault("page.too_long", {"most": LONGEST_WORDS, "has": len(comment)})
            if as_json:
                return JSONResponse({"error": str(fault), "field": "comment"}, 422)
            return show(request, 400, **{**_facts(site, question), "fault": fault, "comment": comment})
        key = question.agreement, question.objective, question.service, question.period_start
        taken = site.application.process.claim_credit(question.tenant, key, question.contact, "link", comment.strip())
        refused = isinstance(taken, Refused)
        if as_json:
            return (
                JSONResponse({"error": taken.text}, 404 if taken.why == "unknown" else 409)
                if isinstance(taken, Refused)
                else JSONResponse(claim_document(taken.claim), 201 if taken.new else 200)
            )
        facts = _facts(site, question)
        if not isinstance(taken, Refused) and taken.new:
            facts["how"] = "thanks"
        return show(request, 409 if refused else 200, **facts)

    @routes.post("/cases/{case_id}/claim")
    def for_customer(
        request: Request,
        case_id: str,
        visitor: Annotated[Visitor, Depends(form_of(site))],
        comment: Words = "",
        exception: Words = "",
    ) -> Response:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            case = t.case(case_id)
        if case is None:
            raise HTTPException(404, "There is no such case.")
        key = case.agreement, case.objective, case.service, parse_instant(case.verdict["period_start"])
        by, words, why = visitor.caller.name, comment.strip(), exception.strip() or None
        taken = site.application.process.claim_credit(visitor.tenant, key, by, "operator", words, why)
        if isinstance(taken, Refused):
            return site.error(request, 409, f"Nothing was claimed: {taken.text}.")
        return RedirectResponse(f"/cases/{quote(case_id, safe='')}", 303)


def _facts(site: Site, question: ClaimQuestion) -> dict[str, Any]:
    """How the credit stands (`how`), and what the customer may know of it."""
    key = question.agreement, question.objective, question.service, question.period_start
    with site.application.store.transaction(question.tenant, writing=False) as t:
        verdict = t.verdict(key)
        found = claimable_of(t, verdict, site.now())
    if verdict is None:
        return {"how": "invalid"}
    to = addressee(site.application.process.portfolio(question.tenant), verdict.customer, question.contact)
    if found is None:
        how = "nothing" if verdict.credit is None else "automatic"
        return {"how": how, "to": to}
    return {"how": found.standing, "verdict": verdict, "claim": found.claim, "to": to}
