"""Prometheus remote write 1.0 in. Specification: https://prometheus.io/docs/specs/prw/remote_write_spec/."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from upheld.api.inputs import Asking
from upheld.api.mapping import NO_MAPPING
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.ingesting import NoMapping
from upheld.readers.bodies import MalformedBody

PROTOBUF = "application/x-protobuf"
_MESSAGES = ("", "prometheus.WriteRequest")


def router(application: Application) -> APIRouter:
    """`/v1/remote-write`."""
    routes = APIRouter(prefix="/v1/remote-write", tags=["measurements"])
    content = {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}}

    @routes.post("", status_code=204, openapi_extra={"requestBody": {"required": True, "content": content}})
    async def write(caller: Asking, request: Request) -> Response:
        """Takes the samples of a `prometheus.WriteRequest`, compressed as a snappy block, as the tenant's mapping has
        it. What an objective reads is on disk before this answers; how many samples were left out, and why, stands in
        `Upheld-Left-Out`."""
        _check_form(request)
        body = await request.body()
        try:
            received = await run_in_threadpool(application.ingestion.remote_write, caller.tenant, body, caller.name)
        except MalformedBody as error:
            raise Problem(400, str(error)) from None
        except NoMapping:
            # The sender keeps what it has and tries again, which no answer of 4xx would let it do.
            raise Problem(503, NO_MAPPING, headers={"Retry-After": "30"}) from None
        left_out = ", ".join(f"{reason}={count}" for reason, count in received.left_out.items())
        return Response(status_code=204, headers={"Upheld-Left-Out": left_out} if left_out else {})

    return routes


def _check_form(request: Request) -> None:
    """Refuses what is not remote write 1.0; a sender of 2.0 goes back to 1.0 then."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    message = next((p.strip()[6:] for p in parameters.split(";") if p.strip().startswith("proto=")), "")
    if kind.strip().lower() != PROTOBUF or message not in _MESSAGES:
        raise Problem(415, f"Content-Type must be {PROTOBUF}, with a prometheus.WriteRequest of remote write 1.0 in it")
    if request.headers.get("content-encoding", "").strip().lower() != "snappy":
        raise Problem(415, "Content-Encoding must be snappy", headers={"Accept-Encoding": "snappy"})
