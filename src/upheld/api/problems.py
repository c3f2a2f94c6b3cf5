"""Errors as RFC 9457 has them: problem+json that names what is wrong and what is allowed, and nothing of the inside."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from upheld.agreements.units import format_instant
from upheld.ports import NoLongerKnown, NotKept
from upheld.readers.faults import InputError
from upheld.taking_in.admission import Refused, TooMuch

log = structlog.get_logger("upheld.http")

TMF_API = "/tmf-api/"
API = ("/v1", TMF_API, "/health/", "/metrics", "/openapi.json")
"""The addresses of the API: errors are problems there, and pages for people elsewhere. Under `TMF_API` they have
the form of the TM Forum's APIs (`api/tmf_errors.py`)."""


class Problem(HTTPException):
    """An error to answer with. `members` are further members of the document, such as `errors`."""

    def __init__(
        self, status: int, detail: str, members: Mapping[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.members = dict(members or {})


def problem(
    status: int, detail: str, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for an error: `title` is the status's own name, `detail` says what happened this time."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(
        json.dumps({**document, **(members or {})}),
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )


def field_problem(field: str, message: str) -> Problem:
    """422 for one field of the body that is well-formed but cannot be."""
    return Problem(422, f"{field}: {message}", {"errors": [{"field": field, "message": message}]})


def input_problem(error: InputError, *, of_file: bool = False) -> Problem:
    """422 with the faults of a document, each with its line and field; `of_file`, and with the file's name."""
    count = len(error.faults) + error.more
    errors = [
        {**({"file": f.file} if of_file else {}), "line": f.line, "field": f.field, "message": f.message}
        for f in error.faults
    ]
    detail = "there is 1 fault" if count == 1 else f"there are {count:,} faults"
    return Problem(422, f"{detail}; nothing was changed", {"errors": errors})


def refusal(refused: Refused) -> Response:
    """429 where a tenant has sent more than it may, 503 where there is no room; both say when to come again."""
    status = 429 if isinstance(refused, TooMuch) else 503
    return problem(status, str(refused), headers={"Retry-After": str(refused.retry_after)})


def install(app: FastAPI, page: Callable[[Request, int], Response]) -> None:
    """Lets `app` answer every error of the API as a problem, and an address that nobody knows outside of the API as a
    `page`."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if not isinstance(error, Problem) and not request.url.path.startswith(API):
            return await run_in_threadpool(page, request, error.status_code)
        members = error.members if isinstance(error, Problem) else None
        return problem(error.status_code, str(error.detail), members, error.headers)

    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(NotKept, _answer_not_kept)
    app.add_exception_handler(Refused, _answer_refused)
    app.add_exception_handler(NoLongerKnown, _answer_no_longer_known)


async def _answer_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def _answer_no_longer_known(_: Request, error: Exception) -> Response:
    assert isinstance(error, NoLongerKnown)
    detail = f"the measurements of that day were removed: known_at must be {format_instant(error.raised_at)} or later"
    return problem(410, detail)


async def _answer_not_kept(_: Request, error: Exception) -> Response:
    """503, also where the disk is full: of the statuses of 5xx it is the one that every sender tries again."""
    assert isinstance(error, NotKept)
    log.warning("not kept", error=type(error).__name__, reason=str(error))
    return problem(503, str(error), headers={"Retry-After": str(error.retry_after)})


async def _answer_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(400, "the body is not valid JSON")
    errors = [_named(one) for one in found]
    said = (f"{e['field'] or 'the ' + e['in']}{':' if e['field'] else ''} {e['message']}" for e in errors[:3])
    return problem(422, "; ".join(said), {"errors": errors})


def _named(error: Mapping[str, Any]) -> dict[str, str]:
    """A validation error as {in, field, message}. What was found is left out: it may be long, or a secret."""
    place: Sequence[Any] = error["loc"]
    context = error.get("ctx", {})
    field = ".".join(map(str, [*place[1:], *([context["field"]] if "field" in context else [])]))
    message = error["msg"].removeprefix("Value error, ")
    return {"in": str(place[0]) if place else "body", "field": str(field)[:200], "message": message[:1000]}
