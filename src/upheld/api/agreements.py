"""The agreements in force: put as YAML, read as JSON."""

from typing import Any

from fastapi import APIRouter

from upheld.api.inputs import Asking, RawBody, body_text, check_media_type
from upheld.api.problems import input_problem
from upheld.app import Application
from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio
from upheld.readers.yaml_source import parse_yaml
from upheld.reports.records import as_written

YAML = ("application/yaml", "application/x-yaml", "text/yaml")


def router(application: Application) -> APIRouter:
    """`/v1/agreements`."""
    routes = APIRouter(prefix="/v1/agreements", tags=["agreements"])

    @routes.put("", openapi_extra={"requestBody": {"required": True, "content": {YAML[0]: {}}}})
    def put(caller: Asking, body: RawBody) -> dict[str, Any]:
        """Puts a whole portfolio in force, in place of the one before; the same text again changes nothing."""
        text = yaml_text(*body)
        try:
            portfolio = parse_portfolio(text, "body")
        except InputError as error:
            raise input_problem(error) from None
        version = application.process.adopt_portfolio(caller.tenant, text, portfolio, caller.name)
        return {
            "version": version,
            "agreements": list(dict.fromkeys(agreement.id for agreement in portfolio.agreements)),
        }

    @routes.get("")
    def get(caller: Asking) -> dict[str, Any]:
        """The portfolio in force as it was written, without its secrets; `version` is null before the first."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            newest = t.portfolio()
        if newest is None:
            return {"version": None, "agreements": []}
        return {"version": newest[0], **as_written(parse_yaml(newest[1], "portfolio").value)}

    return routes


def yaml_text(content_type: str, content: bytes) -> str:
    """The text of a YAML body; refuses another type, and what is not UTF-8."""
    check_media_type(content_type, YAML)
    return body_text(content)
