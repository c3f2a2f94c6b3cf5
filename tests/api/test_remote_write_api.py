"""Prometheus remote write over HTTP."""

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from readers.remote_write_request import body, packed
from upheld.agreements.units import DAY, MINUTE

from .conftest import House

MAPPING = """
series:
  - labels: {__name__: probe_success}
    service: "{instance}"
    metric: reachable
    services: {"10.0.0.1:9115": vpn-1}
  - labels: {__name__: up_percent}
    service: "{instance}"
    metric: reachable
    scale: 100
"""
HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
PROBE = [("__name__", "probe_success"), ("instance", "10.0.0.1:9115")]


def mapped(client: TestClient, text: str = MAPPING) -> TestClient:
    answer = client.put("/v1/mapping", content=text, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 200, answer.text
    return client


def logged(house: House) -> list[dict[str, object]]:
    tables = [table for _, table, _ in house.application.log.read(house.tenant("north"))]
    return pa.concat_tables(tables).to_pylist() if tables else []


def test_samples_become_measurements_as_the_mapping_has_it(house: House, north: TestClient) -> None:
    now = house.application.clock.now() // 1000
    percent = [("__name__", "up_percent"), ("instance", "vpn-2")]
    sent = body([(PROBE, [(now, 1.0), (now + 1, 0.0)]), (percent, [(now, 0.07)])])
    answer = mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert (answer.status_code, answer.content, "Upheld-Left-Out" in answer.headers) == (204, b"", False), answer.text
    rows = [(r["service"], r["metric"], r["time"], r["value"], r["good"]) for r in logged(house)]
    assert rows == [
        ("vpn-1", "reachable", now * 1000, 1.0, None),
        ("vpn-1", "reachable", (now + 1) * 1000, 0.0, None),
        ("vpn-2", "reachable", now * 1000, 7.0, None),  # and not 7.000000000000001
    ]


def test_what_is_left_out_is_counted_by_its_reason(house: House, north: TestClient) -> None:
    now = house.application.clock.now() // 1000
    sent = body(
        [
            ([("__name__", "go_goroutines")], [(now, 9.0)]),
            ([("__name__", "probe_success"), ("instance", "nobody")], [(now, 1.0), (now + 1, 1.0)]),
            (PROBE, [(now, float("nan")), (now + 2 * DAY // 1000, 1.0)]),
        ]
    )
    answer = mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert answer.headers["Upheld-Left-Out"] == "unmapped=1, unread=2, not_finite=1, future=1"
    assert logged(house) == []


def test_a_new_mapping_holds_from_the_next_request_on(house: House, north: TestClient) -> None:
    now = house.application.clock.now() // 1000
    sent = body([([("__name__", "probe_success"), ("instance", "edge")], [(now, 1.0)])])
    mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert logged(house) == []
    changed = MAPPING.replace('"10.0.0.1:9115": vpn-1', "edge: vpn-1")
    mapped(north, changed).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert [row["service"] for row in logged(house)] == ["vpn-1"]


def test_the_same_request_again_counts_once(house: House, north: TestClient) -> None:
    minute = house.application.clock.now() // MINUTE * MINUTE - 10 * MINUTE
    sent = body([(PROBE, [(minute // 1000, 0.0)])])
    for _ in range(3):
        assert mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS).status_code == 204
        house.pulse()
    verdicts = north.get("/v1/verdicts", params={"service": "vpn-1"}).json()["verdicts"]
    assert [v["bad"] for v in verdicts if v["objective"] == "availability"] == [1]


@pytest.mark.parametrize(
    ("content", "headers", "status", "detail"),
    [
        (b"no snappy", HEADERS, 400, "not a snappy block"),
        (packed(b"\x0a\x05abc"), HEADERS, 400, "not a prometheus.WriteRequest"),
        (b"", {**HEADERS, "Content-Encoding": "gzip"}, 415, "Content-Encoding must be snappy"),
        (b"", {"Content-Type": "application/x-protobuf"}, 415, "Content-Encoding must be snappy"),
        (b"", {**HEADERS, "Content-Type": "application/json"}, 415, "Content-Type must be application/x-protobuf"),
        (
            b"",
            {**HEADERS, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"},
            415,
            "with proto=prometheus.WriteRequest or io.prometheus.write.v2.Request",
        ),
    ],
)
def test_what_is_not_remote_write_is_refused(
    north: TestClient, content: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = mapped(north).post("/v1/remote-write", content=content, headers=headers)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_without_a_mapping_the_sender_keeps_what_it_has(north: TestClient) -> None:
    answer = north.post("/v1/remote-write", content=body([(PROBE, [(0, 1.0)])]), headers=HEADERS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "PUT /v1/mapping" in answer.json()["detail"]


def test_an_ingest_key_may_write_and_no_more(house: House, north: TestClient) -> None:
    mapped(north)
    source = house.client(house.key("north", "ingest"))
    assert source.post("/v1/remote-write", content=body([]), headers=HEADERS).status_code == 204
    assert source.get("/v1/mapping").status_code == 403
    assert house.client().post("/v1/remote-write", content=body([]), headers=HEADERS).status_code == 401


def test_tenants_have_mappings_of_their_own(house: House, north: TestClient, south: TestClient) -> None:
    assert mapped(north).get("/v1/mapping").json()["series"][0]["metric"] == "reachable"
    assert south.get("/v1/mapping").json() == {"version": None, "series": []}


def test_the_series_that_came_are_shown_with_what_they_become(house: House, north: TestClient) -> None:
    now = house.application.clock.now() // 1000
    mapped(north)
    series = [(PROBE, [(now, 1.0)]), ([("__name__", "up")], [(now, 1.0)])]
    north.post("/v1/remote-write", content=body(series), headers=HEADERS)
    assert north.get("/v1/mapping/series").json()["series"] == [
        {"labels": dict(PROBE), "service": "vpn-1", "metric": "reachable", "read": True},
        {"labels": {"__name__": "up"}, "reason": "no rule matches", "read": False},
    ]


def test_a_faulty_mapping_changes_nothing(north: TestClient) -> None:
    faulty = {"content": "series:\n  - labels: {}\n", "headers": {"Content-Type": "application/yaml"}}
    answer = mapped(north).put("/v1/mapping", **faulty)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} >= {"series[0].service", "series[0].metric"}
    assert north.get("/v1/mapping").json()["version"] == 1
