"""Credits that must be claimed: which there are, how each stands, and claiming one for a customer."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from upheld.api.inputs import Asking, Input, Instant, Name, json_body
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.outgoing.claims import (
    LONGEST_WORDS,
    Refused,
    Standing,
    claim_document,
    claimable,
    claimable_csv,
    claimable_document,
)
from upheld.ports import VerdictFilter

Words = Annotated[str, Field(max_length=LONGEST_WORDS, pattern=r"^[^\x00]*$")]


class ClaimsQuery(Input):
    """Which credits that must be claimed; what is left out does not limit. `standing`: `open` can still be claimed,
    `claimed` was, `expired` was not in time."""

    standing: Standing | None = None
    agreement: Name | None = None
    service: Name | None = None
    customer: Name | None = None
    format: Literal["json", "csv"] = "json"


class ClaimInput(Input):
    """The verdict whose credit is claimed for its customer. `exception` is the reason why a late claim is accepted."""

    agreement: Name
    objective: Name
    service: Name
    period_start: Instant
    comment: Words = ""
    exception: Annotated[Words, Field(min_length=1)] | None = None


def router(application: Application) -> APIRouter:
    """`/v1/claims`."""
    routes = APIRouter(prefix="/v1/claims", tags=["claims"])

    @routes.get("")
    def many(caller: Asking, query: Annotated[ClaimsQuery, Query()]) -> Response:
        """The credits that must be claimed, by their deadlines, with how each stands."""
        now = application.clock.now()
        with application.store.transaction(caller.tenant, writing=False) as t:
            verdicts = t.verdicts(VerdictFilter(query.agreement, query.service, query.customer))
            claims = {claim.key: claim for claim in t.claims(query.agreement, query.service)}
        found = [
            claimable_document(verdict, claim, now)
            for verdict, claim in claimable(verdicts, claims, now, query.standing)
        ]
        if query.format == "csv":
            return Response(claimable_csv(found), media_type="text/csv; charset=utf-8")
        return JSONResponse({"claims": found})

    @routes.post("", status_code=201, dependencies=[Depends(json_body)])
    def claim(caller: Asking, wanted: ClaimInput, answer: Response) -> dict[str, Any]:
        """Claims a credit for a customer: 201; 200 with the first claim where it has been claimed before. 409 where
        there is nothing to claim, or it is late and no exception is made."""
        key = wanted.agreement, wanted.objective, wanted.service, wanted.period_start
        taken = application.process.claim_credit(
            caller.tenant, key, caller.name, "operator", wanted.comment, wanted.exception
        )
        if isinstance(taken, Refused):
            raise refusal(taken)
        answer.status_code = 201 if taken.new else 200
        return claim_document(taken.claim)

    return routes


def refusal(refused: Refused) -> Problem:
    """The answer to a claim that does not stand."""
    return Problem(404 if refused.why == "unknown" else 409, refused.text)
