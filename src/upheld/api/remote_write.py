"""Prometheus remote write 1.0 in. Specification: https://prometheus.io/docs/specs/prw/remote_write_spec/."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from upheld.api.inputs import Asking
from upheld.api.labelled import left_out_header, taken
from upheld.api.problems import Problem
from upheld.app import Application

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
        received = await run_in_threadpool(taken, application, caller, "remote write", body)
        return Response(status_code=204, headers=left_out_header(received))

    return routes


def _check_form(request: Request) -> None:
    """Refuses what is not remote write 1.0; a sender of 2.0 goes back to 1.0 then."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    message = next((p.strip()[6:] for p in parameters.split(";") if p.strip().startswith("proto=")), "")
    if kind.strip().lower() != PROTOBUF or message not in _MESSAGES:
        raise Problem(415, f"Content-Type must be {PROTOBUF}, with a prometheus.WriteRequest of remote write 1.0 in it")
    if request.headers.get("content-encoding", "").strip().lower() != "snappy":
        raise Problem(415, "Content-Encoding must be snappy", headers={"Accept-Encoding": "snappy"})
