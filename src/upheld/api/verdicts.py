"""Verdicts and their versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, Input, Instant, Name
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.assessment.verdict import to_document
from upheld.ports import VerdictFilter


class VerdictQuery(Input):
    """Which verdicts; what is left out does not limit. `newest`: only that of the newest period of each objective of
    each service."""

    agreement: Name | None = None
    service: Name | None = None
    customer: Name | None = None
    newest: bool = False


def router(application: Application) -> APIRouter:
    """`/v1/verdicts`."""
    routes = APIRouter(prefix="/v1/verdicts", tags=["verdicts"])

    @routes.get("")
    def many(caller: Asking, query: Annotated[VerdictQuery, Query()]) -> dict[str, Any]:
        """The newest version of each verdict."""
        where = VerdictFilter(query.agreement, query.service, query.customer, query.newest)
        with application.store.transaction(caller.tenant, writing=False) as t:
            return {"verdicts": [to_document(verdict) for verdict in t.verdicts(where)]}

    @routes.get("/{agreement}/{objective}/{service}/{period_start}")
    def one(caller: Asking, agreement: Name, objective: Name, service: Name, period_start: Instant) -> dict[str, Any]:
        """One verdict, and every version of it with when it was known and why it came about, oldest first."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            versions = t.verdict_versions((agreement, objective, service, period_start))
        if not versions:
            raise Problem(404, "there is no verdict for that agreement, objective, service and period")
        return {
            "verdict": to_document(versions[-1][0]),
            "versions": [
                {"known_at": format_instant(known_at), "cause": cause, "verdict": to_document(verdict)}
                for verdict, known_at, cause in versions
            ],
        }

    return routes
