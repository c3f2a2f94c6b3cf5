"""What services run over: the topology in force, and what would be hit if something in it failed."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from upheld.api.agreements import YAML
from upheld.api.inputs import Asking, Input, Instant, Name, RawBody, body_text, check_media_type
from upheld.api.problems import Problem, input_problem
from upheld.app import Application
from upheld.readers.bodies import media_type
from upheld.readers.faults import InputError
from upheld.readers.topology import Form, parse_topology
from upheld.reports.topology import counts, impact_document

FORMS: dict[str, Form] = {**dict.fromkeys(YAML, "yaml"), "application/json": "json", "text/csv": "csv"}


class ImpactQuery(Input):
    """What fails, one or several together, and when: now, unless `at` says otherwise."""

    node: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1_000)]
    at: Instant | None = None


def router(application: Application) -> APIRouter:
    """`/v1/topology`."""
    routes = APIRouter(prefix="/v1/topology", tags=["topology"])
    bodies: dict[str, dict[str, str]] = {kind: {} for kind in (YAML[0], "application/json", "text/csv")}

    @routes.put("", openapi_extra={"requestBody": {"required": True, "content": bodies}})
    def put(caller: Asking, body: RawBody) -> dict[str, Any]:
        """Puts a whole topology in force, in place of the one before; the same again changes nothing. Whom a planned
        work hits by it, and who was not told, is told."""
        kind, content = body
        check_media_type(kind, tuple(FORMS))
        try:
            topology = parse_topology(body_text(content), FORMS[media_type(kind)], "body")
        except InputError as error:
            raise input_problem(error) from None
        version = application.process.adopt_topology(caller.tenant, topology, caller.name)
        return {"version": version, **counts(topology)}

    @routes.get("")
    def get(caller: Asking) -> dict[str, Any]:
        """The topology in force; `version` is null before the first."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            newest = t.topology()
        if newest is None:
            return {"version": None, "services": [], "resources": [], "dependencies": []}
        return {"version": newest[0], **json.loads(newest[1])}

    @routes.get("/impact")
    def impact(caller: Asking, query: Annotated[ImpactQuery, Query()]) -> dict[str, Any]:
        """The services and customers that are hit if these nodes fail together, and those that stand, but have lost
        what would stand in; by the topology joined with the resources of the portfolio."""
        topology = application.process.topology(caller.tenant)
        unknown = [repr(name) for name in query.node if name not in topology.nodes]
        if unknown:
            raise Problem(404, f"no topology or portfolio in force names {', '.join(unknown[:8])}")
        at = application.clock.now() if query.at is None else query.at
        return impact_document(topology, query.node, at)

    return routes
