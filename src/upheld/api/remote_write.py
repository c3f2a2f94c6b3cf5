"""Prometheus remote write in, 1.0 and 2.0.

Specifications: https://prometheus.io/docs/specs/prw/remote_write_spec/ and remote_write_spec_2_0/ beside it. A sender
of 2.0 is told how many samples were taken; where some could not be, by 400, and it does not send them again.
"""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from upheld.api.inputs import Asking
from upheld.api.labelled import left_out_header, taken
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.readers.body_faults import MalformedBody
from upheld.readers.labelled import Received
from upheld.readers.remote_write import MAX_BYTES, claimed_length
from upheld.taking_in.ingesting import Protocol

PROTOBUF = "application/x-protobuf"
MESSAGES: Mapping[str, Protocol] = MappingProxyType(
    {
        "": "remote write",
        "prometheus.WriteRequest": "remote write",
        "io.prometheus.write.v2.Request": "remote write 2.0",
    }
)
_SAID = {
    "not_finite": "samples that are NaN or infinite",
    "histograms": "native histograms",
    "future": "samples too far in the future",
}


def router(application: Application) -> APIRouter:
    """`/v1/remote-write`."""
    routes = APIRouter(prefix="/v1/remote-write", tags=["measurements"])
    content = {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}}

    @routes.post("", status_code=204, openapi_extra={"requestBody": {"required": True, "content": content}})
    async def write(caller: Asking, request: Request) -> Response:
        """Takes the samples of a `prometheus.WriteRequest` (remote write 1.0) or an `io.prometheus.write.v2.Request`
        (2.0; Content-Type with `;proto=io.prometheus.write.v2.Request`), compressed as a snappy block, as the tenant's
        mapping has it. What an objective reads is on disk before this answers; how many samples were left out, and why,
        stands in `Upheld-Left-Out`. To 2.0 the answer is 400 where samples of a series that an objective reads could
        not be taken; the others are on disk, and the headers `X-Prometheus-Remote-Write-*-Written` count them."""
        protocol = _protocol(request)
        body = await request.body()
        request.state.place.resize(len(body) + _claimed(body))
        if protocol == "remote write":
            received = await run_in_threadpool(taken, application, caller, protocol, body)
            return Response(status_code=204, headers=left_out_header(received))
        try:
            received = await run_in_threadpool(taken, application, caller, protocol, body)
        except Problem as problem:
            problem.headers = {**(problem.headers or {}), **_written(0, 0)}
            raise
        headers = _written(received.samples_taken, received.histograms_taken) | left_out_header(received)
        if received.refused:
            raise Problem(400, _partial(received), headers=headers)
        return Response(status_code=204, headers=headers)

    return routes


def _claimed(body: bytes) -> int:
    """What a body takes up when it is decompressed; one that will be refused takes up nothing."""
    try:
        claimed = claimed_length(body)
    except MalformedBody:
        return 0
    return claimed if claimed <= MAX_BYTES else 0


def _protocol(request: Request) -> Protocol:
    """Refuses what is of no known form; a sender of another goes back to one that is, then."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    message = next((p.strip()[6:].strip('"') for p in parameters.split(";") if p.strip().startswith("proto=")), "")
    if kind.strip().lower() != PROTOBUF or message not in MESSAGES:
        raise Problem(415, f"Content-Type must be {PROTOBUF}, with proto={' or '.join(filter(None, MESSAGES))}")
    if request.headers.get("content-encoding", "").strip().lower() != "snappy":
        raise Problem(415, "Content-Encoding must be snappy", headers={"Accept-Encoding": "snappy"})
    return MESSAGES[message]


def _written(samples: int, histograms: int) -> dict[str, str]:
    counts = {"Samples": samples, "Histograms": histograms, "Exemplars": 0}
    return {f"X-Prometheus-Remote-Write-{what}-Written": str(count) for what, count in counts.items()}


def _partial(received: Received) -> str:
    """What is said of a request of which not all could be taken."""
    refused = ", ".join(f"{count} {_SAID[reason]}" for reason, count in received.refused.items())
    return f"not taken: {refused}; the other {received.samples_taken} samples of the request were"
