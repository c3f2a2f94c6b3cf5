"""What requests bring: who asks, names, instants, documents, raw bodies."""

from typing import Annotated, Any, Self

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from upheld.access import Caller
from upheld.agreements.model import Portfolio
from upheld.agreements.units import format_instant, parse_instant
from upheld.analysis.topology import Topology
from upheld.api.problems import Problem, field_problem
from upheld.maintenance.model import Window as Span
from upheld.maintenance.window import MOST
from upheld.readers.bodies import media_type
from upheld.readers.body_faults import WrongContentType
from upheld.readers.kept import NUL, nul_at
from upheld.readers.yaml_source import field_text

Instant = Annotated[int, BeforeValidator(parse_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339 with its zone -> microseconds UTC; a naive time is an error."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]


class Input(BaseModel):
    """A body, or a set of query parameters. A field that it does not know is an error: one that is misspelt must not
    be passed over; and so is a text that no database keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _nothing_unknown(cls, data: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if data is None or isinstance(data, list | str | int | float):
            raise PydanticCustomError("no_object", f"is not an object of JSON; its fields: {', '.join(known)}")
        if (place := nul_at(data)) is not None:
            raise PydanticCustomError("nul", NUL, {"field": field_text(place)})
        unknown = sorted(set(data) - set(known)) if isinstance(data, dict) else []
        if unknown:
            allowed = ", ".join(known)
            raise PydanticCustomError("unknown_field", f"unknown field; allowed: {allowed}", {"field": unknown[0]})
        return data


class Window(Input):
    """[start, end) in microseconds UTC."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _check_order(self.start, self.end)
        return self


class Windows(Input):
    """When a work is: [`start`, `end`), or several `windows` that lie apart."""

    start: Instant | None = None
    end: Instant | None = None
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=MOST)] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        given = {name: at for name, at in (("start", self.start), ("end", self.end)) if at is not None}
        if self.windows:
            if given:
                raise PydanticCustomError("twice", "give start and end, or windows", {"field": "windows"})
            return self
        for name in ("start", "end"):
            if name not in given:
                raise PydanticCustomError("missing", "Field required", {"field": name})
        _check_order(given["start"], given["end"])
        return self

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every window as (start, end)."""
        if self.windows:
            return tuple((one.start, one.end) for one in self.windows)
        assert self.start is not None, "as was checked"
        assert self.end is not None, "as was checked"
        return ((self.start, self.end),)


def _check_order(start: int, end: int) -> None:
    if end <= start:
        found = f"{format_instant(end)} is not after {format_instant(start)}"
        raise PydanticCustomError("order", "must be later than start: {found}", {"field": "end", "found": found})


def asking(request: Request) -> Caller:
    """Who makes the request. The gate has proven it before any route is looked for."""
    caller = request.state.caller
    assert isinstance(caller, Caller), "no route behind the gate is reached without a caller"
    return caller


Asking = Annotated[Caller, Depends(asking)]


def content_type(request: Request) -> str:
    """The request's Content-Type. A body under a Content-Encoding is refused, for what it grows to is not known."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem(
            415, "Content-Encoding is not taken: send the body as it is", headers={"Accept-Encoding": "identity"}
        )
    return request.headers.get("content-type", "")


def json_body(kind: Annotated[str, Depends(content_type)]) -> None:
    """Refuses a body that is not declared as JSON."""
    check_media_type(kind, ("application/json",))


def check_media_type(kind: str, allowed: tuple[str, ...]) -> None:
    """Refuses a Content-Type that is none of those, or names another charset than UTF-8."""
    must = f"Content-Type must be {' or '.join(allowed)}"
    try:
        if media_type(kind) in allowed:
            return
    except WrongContentType:
        must = "the charset of Content-Type must be utf-8"
    reason = f"{must}; it is {repr(kind[:100]) if kind else 'missing'}"
    raise Problem(415, reason, headers={"Accept": ", ".join(allowed)})


async def raw_body(request: Request, kind: Annotated[str, Depends(content_type)]) -> tuple[str, bytes]:
    """(Content-Type, body)."""
    return kind, await request.body()


RawBody = Annotated[tuple[str, bytes], Depends(raw_body)]


def body_text(content: bytes) -> str:
    """The text of a body; refuses what is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Problem(
            422, "the text is not UTF-8", {"errors": [{"line": line, "field": "", "message": "is not UTF-8"}]}
        ) from None


def check_service(portfolio: Portfolio | None, service: str) -> None:
    """Refuses a service, or a group, that no agreement in force names."""
    groups = {name for agreement in portfolio.agreements for name in agreement.subjects} if portfolio else set()
    if service not in groups:
        raise field_problem("service", f"no agreement in force names {service!r}")


def check_touched(topology: Topology, names: tuple[str, ...]) -> None:
    """Refuses, by their names, what no topology, and no agreement or resource of the portfolio in force has."""
    unknown = [repr(name) for name in names if name not in topology.nodes]
    if unknown:
        raise field_problem("services", f"no agreement, resource or topology in force names {', '.join(unknown[:8])}")
