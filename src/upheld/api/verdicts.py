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
    each service. `known_at`: as they were known at that instant, which can take a while for many."""

    agreement: Name | None = None
    service: Name | None = None
    customer: Name | None = None
    newest: bool = False
    known_at: Instant | None = None


class VersionsQuery(Input):
    """`known_at`: as they were known at that instant."""

    known_at: Instant | None = None


def router(application: Application) -> APIRouter:
    """`/v1/verdicts`."""
    routes = APIRouter(prefix="/v1/verdicts", tags=["verdicts"])

    # Both are no coroutines: what has to be assessed again for them is assessed in a thread of its own.

    @routes.get("")
    def many(caller: Asking, query: Annotated[VerdictQuery, Query()]) -> dict[str, Any]:
        """The newest version of each verdict, now or as it was known at an earlier instant."""
        where = VerdictFilter(query.agreement, query.service, query.customer, query.newest)
        found = application.process.verdicts(caller.tenant, where, query.known_at)
        return {"verdicts": [to_document(verdict) for verdict in found]}

    @routes.get("/{agreement}/{objective}/{service}/{period_start}")
    def one(
        caller: Asking,
        agreement: Name,
        objective: Name,
        service: Name,
        period_start: Instant,
        query: Annotated[VersionsQuery, Query()],
    ) -> dict[str, Any]:
        """One verdict, and every version of it with since when it was known, why it came about and who approved that,
        oldest first; now or as it was known at an earlier instant."""
        key = agreement, objective, service, period_start
        versions = application.process.verdict_versions(caller.tenant, key, query.known_at)
        if not versions:
            raise Problem(404, "there is no verdict for that agreement, objective, service and period")
        return {
            "verdict": to_document(versions[-1].verdict),
            "versions": [
                {
                    "known_at": format_instant(version.known_at),
                    "cause": version.cause,
                    "approver": version.approver,
                    "verdict": to_document(version.verdict),
                }
                for version in versions
            ],
        }

    return routes
