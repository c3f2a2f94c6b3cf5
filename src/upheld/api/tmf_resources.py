"""What the TM Forum's Open APIs (TMF630) have in common: lists in parts, attributes that are asked for, ids."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from upheld.api.inputs import Input
from upheld.api.problems import Problem
from upheld.readers.tmf_bodies import Unfit

JSON, PATCHES = ("application/json",), ("application/json", "application/merge-patch+json")
Fields = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class OneQuery(Input):
    """The attributes that are wanted, with commas; all where nothing is said."""

    fields: Fields | None = None


class ManyQuery(OneQuery):
    """And which part of all resources."""

    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


def listed(answer: Response, documents: Sequence[Mapping[str, Any]], total: int, fields: str | None) -> list[Any]:
    """A part of all resources, of which there are `total`."""
    answer.headers["X-Total-Count"] = str(total)
    answer.headers["X-Result-Count"] = str(len(documents))
    return [only(document, fields) for document in documents]


def only(document: Mapping[str, Any], fields: str | None) -> dict[str, Any]:
    """A resource with `id`, `href` and the attributes that are wanted."""
    if fields is None:
        return dict(document)
    wanted = {"id", "href", *(name.strip() for name in fields.split(","))}
    return {name: value for name, value in document.items() if name in wanted}


def number_of(resource_id: str, unknown: Problem) -> int:
    """The number that an id in an address is here; what is none is `unknown`."""
    if not resource_id.isascii() or not resource_id.isdecimal() or len(resource_id) > 18:
        raise unknown
    return int(resource_id)


def takes(name: str, kinds: Sequence[str]) -> dict[str, Any]:
    """How OpenAPI describes a body that the specification has a definition of."""
    schema = {"type": "object", "title": name}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


def unfit_problem(what: str, error: Unfit) -> Problem:
    """400 with what is wrong, field by field."""
    errors = [{"field": fault.field, "message": fault.message} for fault in error.faults]
    return Problem(400, what, {"errors": errors})
