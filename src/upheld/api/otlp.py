"""OpenTelemetry metrics in, over HTTP. Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

import zlib

from fastapi import APIRouter, Request, Response
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from starlette.concurrency import run_in_threadpool

from upheld.api.inputs import Asking
from upheld.api.labelled import left_out_header, taken
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.readers.labelled import Received
from upheld.taking_in.ingesting import JSON, PROTOBUF

COMPRESSED = ("gzip", "deflate")
MOST_DEFLATED = 1032
"""How many times its bytes a body may have when it is decompressed: deflate gets no further."""
_REFUSED = ("not_finite", "histograms", "future")
"""What of a request cannot be taken, whatever the mapping."""


def router(application: Application) -> APIRouter:
    """`/v1/metrics`, which is where exporters send to by default."""
    routes = APIRouter(prefix="/v1/metrics", tags=["measurements"])
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (PROTOBUF, JSON)}

    @routes.post("", openapi_extra={"requestBody": {"required": True, "content": content}})
    async def export(caller: Asking, request: Request) -> Response:
        """Takes the gauges and sums of an `ExportMetricsServiceRequest`, binary or JSON, as the tenant's mapping has
        it. What an objective reads is on disk before this answers; how many points were left out, and why, stands in
        `Upheld-Left-Out`."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (PROTOBUF, JSON):
            raise Problem(415, f"Content-Type must be {PROTOBUF} or {JSON}")
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        body = await request.body()
        if encoding in COMPRESSED:
            request.state.place.resize(len(body) + min(application.settings.max_body, MOST_DEFLATED * len(body)))
            body = await run_in_threadpool(_plain, body, encoding, application.settings.max_body)
            request.state.place.resize(len(body))
        elif encoding not in ("", "identity"):
            accepted = {"Accept-Encoding": "gzip"}
            raise Problem(415, "Content-Encoding must be gzip, deflate or identity", headers=accepted)
        received = await run_in_threadpool(taken, application, caller, "OTLP", body, kind)
        return Response(_answer(received, kind), media_type=kind, headers=left_out_header(received))

    return routes


def _plain(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its compression, of which no more than `most` bytes are made."""
    unpacking = zlib.decompressobj(wbits=47)  # finds out by itself which of the two it is
    try:
        plain = unpacking.decompress(body, most)
    except zlib.error as error:
        raise Problem(400, f"not a {encoding} body: {error}") from None
    if unpacking.unconsumed_tail:
        raise Problem(413, f"a body must have at most {most:,} bytes when it is decompressed")
    if not unpacking.eof:
        raise Problem(400, f"not a {encoding} body: it ends too early")
    return plain


def _answer(received: Received, kind: str) -> bytes:
    refused = {reason: count for reason, count in received.left_out.items() if reason in _REFUSED}
    response = ExportMetricsServiceResponse()
    if refused:
        said = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in refused.items())
        partial = ExportMetricsPartialSuccess(rejected_data_points=sum(refused.values()), error_message=said)
        response.partial_success.CopyFrom(partial)
    return MessageToJson(response, indent=None).encode() if kind == JSON else response.SerializeToString()
