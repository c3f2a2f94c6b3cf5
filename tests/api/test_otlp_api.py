"""OpenTelemetry metrics over HTTP: forms of requests, and what is left out."""

import gzip
import json
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from upheld.readers.body_faults import MalformedBody
from upheld.readers.otlp import OtlpDecoder, from_json

from .conftest import House
from .test_remote_write_api import logged, mapped

BINARY, JSON = {"Content-Type": "application/x-protobuf"}, {"Content-Type": "application/json"}
MAPPING = """
series:
  - labels: {__name__: reachable, region: "eu", up: "true", tags: '["a", 1]'}
    service: "{line}"
    metric: reachable
"""
ATTRIBUTES = [
    {"key": "line", "value": {"stringValue": "vpn-1"}},
    {"key": "up", "value": {"boolValue": True}},
    {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}},
]


def request(*points: dict[str, Any], kind: str = "gauge", name: str = "reachable") -> dict[str, Any]:
    """A request in JSON. What the resource says of the line, the points say otherwise."""
    resource = [{"key": k, "value": {"stringValue": v}} for k, v in (("region", "eu"), ("line", "vpn-2"))]
    metric = {"name": name, kind: {"dataPoints": [{"attributes": ATTRIBUTES, **point} for point in points]}}
    scopes = [{"scope": {"name": "x"}, "metrics": [metric]}]
    return {"resourceMetrics": [{"resource": {"attributes": resource}, "scopeMetrics": scopes}]}


def point(house: House, value: float | int | str = 1, **more: Any) -> dict[str, Any]:
    at = house.application.clock.now() * 1000
    return {"timeUnixNano": str(at), "asInt" if isinstance(value, int) else "asDouble": value, **more}


def binary(sent: dict[str, Any]) -> bytes:
    return from_json(json.dumps(sent).encode())


@pytest.mark.parametrize("kind", ["gauge", "sum"])
def test_points_become_measurements_binary_or_json(house: House, north: TestClient, kind: str) -> None:
    sent = request(point(house, 1), kind=kind), request(point(house, 0.5), kind=kind)
    answer = mapped(north, MAPPING).post("/v1/metrics", content=binary(sent[0]), headers=BINARY)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-protobuf")
    assert ExportMetricsServiceResponse.FromString(answer.content) == ExportMetricsServiceResponse()
    answer = north.post("/v1/metrics", content=json.dumps(sent[1]), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert [(row["service"], row["metric"], row["value"]) for row in logged(house)] == [
        ("vpn-1", "reachable", 1.0),
        ("vpn-1", "reachable", 0.5),
    ]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_may_be_compressed(house: House, north: TestClient, encoding: str) -> None:
    plain = binary(request(point(house)))
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    headers = {**BINARY, "Content-Encoding": encoding}
    assert mapped(north, MAPPING).post("/v1/metrics", content=packed, headers=headers).status_code == 200
    assert len(logged(house)) == 1
    assert north.post("/v1/metrics", content=packed[:-9], headers=headers).status_code == 400
    assert north.post("/v1/metrics", content=b"plain", headers=headers).status_code == 400


def test_a_bomb_is_not_unpacked(house: House, north: TestClient) -> None:
    bomb = gzip.compress(bytes(house.application.settings.max_body + 1))
    answer = mapped(north, MAPPING).post("/v1/metrics", content=bomb, headers={**BINARY, "Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_what_cannot_be_taken_is_told_as_a_partial_success(house: House, north: TestClient) -> None:
    bad = [
        point(house, "NaN"),
        point(house, timeUnixNano=str((house.application.clock.now() + 2 * 86_400_000_000) * 1000)),
    ]
    sent = request(*bad, point(house, flags=1))
    sent["resourceMetrics"] += request(point(house), name="other")["resourceMetrics"]
    histogram = {"timeUnixNano": "1", "count": "1", "bucketCounts": ["1"]}
    sent["resourceMetrics"] += request(histogram, kind="histogram")["resourceMetrics"]
    answer = mapped(north, MAPPING).post("/v1/metrics", content=json.dumps(sent), headers=JSON)
    assert answer.headers["Upheld-Left-Out"] == "unmapped=1, stale=1, not_finite=1, histograms=1, future=1"
    assert answer.json()["partialSuccess"] == {
        "rejectedDataPoints": "3",
        "errorMessage": "1 not finite, 1 histograms, 1 future",
    }
    assert logged(house) == []


@pytest.mark.parametrize(
    ("content", "headers", "status", "detail"),
    [
        (b"\xff\xff", BINARY, 400, "not an ExportMetricsServiceRequest"),
        (b"{", JSON, 400, "not an ExportMetricsServiceRequest in JSON"),
        (b'{"resourceMetrics": 1}', JSON, 400, "not an ExportMetricsServiceRequest in JSON"),
        (b"", {"Content-Type": "text/plain"}, 415, "application/x-protobuf or application/json"),
        (b"", {**BINARY, "Content-Encoding": "br"}, 415, "gzip"),
        (binary(request({"timeUnixNano": "0", "asInt": 1})), BINARY, 400, "time_unix_nano 0"),
        (binary(request({"timeUnixNano": "5000", "asInt": 1}, name="")), BINARY, 400, "without a name"),
    ],
)
def test_what_is_not_otlp_is_refused(
    house: House, north: TestClient, content: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = mapped(north, MAPPING).post("/v1/metrics", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]
    assert logged(house) == []


def test_an_ingest_key_may_export_and_without_a_mapping_the_exporter_tries_again(
    house: House, north: TestClient
) -> None:
    source = house.client(house.key("north", "ingest"))
    assert source.post("/v1/metrics", content=b"", headers=BINARY).status_code == 503
    mapped(north, MAPPING)
    assert source.post("/v1/metrics", content=b"", headers=BINARY).status_code == 200


@given(st.binary(max_size=200))
def test_no_body_breaks_the_decoder(body: bytes) -> None:
    decoder = OtlpDecoder()
    try:
        samples = decoder.decode(body)
    except MalformedBody:
        assert len(decoder) == 0
    else:
        assert len(samples.series) == len(samples.time) == len(samples.value)


@given(st.data())
def test_no_change_of_a_request_breaks_the_decoder(data: st.DataObject) -> None:
    body = bytearray(binary(request({"timeUnixNano": "1700000000000000000", "asDouble": 1.5})))
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    decoder = OtlpDecoder()
    try:
        decoder.decode(bytes(body))
    except MalformedBody:
        assert len(decoder) == 0


def test_a_request_is_one_that_others_read(house: House) -> None:
    parsed = ExportMetricsServiceRequest.FromString(binary(request(point(house))))
    assert parsed.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].as_int == 1
