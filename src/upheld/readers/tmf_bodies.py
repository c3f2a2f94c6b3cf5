"""Bodies of the TM Forum's Open APIs: objects of JSON of what a database keeps, with what is wrong told by field."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from upheld.readers.body_faults import MalformedBody, RowFault
from upheld.readers.kept import NUL
from upheld.readers.yaml_source import field_text

M = TypeVar("M", bound=BaseModel)
MAX_DEPTH = 20
MAX_NUMBER = 10**18


class Unfit(Exception):
    """What a body holds cannot be taken as it is; `faults` say why."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults[:3]))
        self.faults = list(faults)


class Part(BaseModel):
    """A part of a body. What it does not know is kept as it comes."""

    model_config = ConfigDict(extra="allow", strict=True)


def unfit(field: str, message: str) -> Unfit:
    """One fault of a body that is about one thing."""
    return Unfit([RowFault(1, field, message)])


def read_object(body: bytes, what: str, max_bytes: int) -> dict[str, Any]:
    """A body as an object of JSON. `what` it is, such as `an alarm`, is named where it is too large. Raises
    MalformedBody."""
    if len(body) > max_bytes:
        raise MalformedBody(f"{what} has at most {max_bytes:,} bytes")
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise MalformedBody("the body is not an object of JSON")
    return document


def check_kept(value: object, depth: int = 0) -> None:
    """Refuses what a database cannot keep, and what nothing should have to walk through. Raises MalformedBody."""
    if depth > MAX_DEPTH:
        raise MalformedBody(f"the body is nested more than {MAX_DEPTH} deep")
    if isinstance(value, str) and "\0" in value:
        raise MalformedBody(f"a text in the body {NUL}")
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        raise MalformedBody("a number in the body has more than 18 digits")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            check_kept(name, depth)
            check_kept(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_kept(inner, depth + 1)


def validated(model: type[M], document: Mapping[str, Any], before: str = "") -> M:
    """The document as the model has it; fields of faults begin with `before`. Raises Unfit."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        said = [(field_text(one["loc"]), one["msg"].removeprefix("Value error, ")) for one in found]
        raise Unfit([RowFault(1, before + field, message[:500]) for field, message in said]) from None
