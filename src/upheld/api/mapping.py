"""What labelled samples become: the mapping put as YAML, and what it makes of the series that have come."""

from typing import Any

from fastapi import APIRouter

from upheld.api.agreements import YAML, yaml_text
from upheld.api.inputs import Asking, RawBody
from upheld.api.problems import Problem, input_problem
from upheld.app import Application
from upheld.measurements.mapping import Unmapped
from upheld.readers.faults import InputError
from upheld.readers.yaml_source import parse_yaml
from upheld.taking_in.ingesting import NoMapping

NO_MAPPING = "there is no mapping yet: PUT /v1/mapping, or upheld ingest apply"


def router(application: Application) -> APIRouter:
    """`/v1/mapping`."""
    routes = APIRouter(prefix="/v1/mapping", tags=["measurements"])
    ingestion = application.ingestion

    @routes.put("", openapi_extra={"requestBody": {"required": True, "content": {YAML[0]: {}}}})
    def put(caller: Asking, body: RawBody) -> dict[str, Any]:
        """Puts a mapping in force, in place of the one before; the same text again changes nothing."""
        try:
            return {"version": ingestion.adopt_mapping(caller.tenant, yaml_text(*body), caller.name)}
        except InputError as error:
            raise input_problem(error) from None

    @routes.get("")
    def get(caller: Asking) -> dict[str, Any]:
        """The mapping in force as it was written; `version` is null before the first."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            newest = t.mapping()
        if newest is None:
            return {"version": None, "series": []}
        return {"version": newest[0], **parse_yaml(newest[1], "mapping").value}

    @routes.get("/series")
    def series(caller: Asking) -> dict[str, Any]:
        """The first 1,000 series that have come since the server started, and what each becomes; `read` says whether an
        objective reads that."""
        try:
            found = ingestion.series(caller.tenant)
        except NoMapping:
            raise Problem(409, NO_MAPPING) from None
        return {
            "series": [
                {
                    "labels": dict(labels),
                    **({} if isinstance(became, Unmapped) else {"service": became.service, "metric": became.metric}),
                    **({"reason": reason} if reason else {}),
                    "read": not reason,
                }
                for labels, became, reason in found
            ]
        }

    return routes
