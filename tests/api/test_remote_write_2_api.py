"""Prometheus remote write 2.0 over HTTP: what the sender is told of each request."""

import math

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from readers.remote_write_2_request import body, request
from readers.remote_write_request import packed
from upheld.agreements.units import DAY

from .conftest import House
from .test_remote_write_api import PROBE, logged, mapped

HEADERS = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
OTHER = [("__name__", "go_goroutines")]


def written(answer: Response) -> tuple[int, ...]:
    """Samples, histograms and exemplars, as the answer's headers count them."""
    kinds = ("Samples", "Histograms", "Exemplars")
    return tuple(int(answer.headers[f"X-Prometheus-Remote-Write-{kind}-Written"]) for kind in kinds)


def test_samples_become_measurements_and_all_are_said_to_be_written(house: House, north: TestClient) -> None:
    now = house.application.clock.now() // 1000
    percent = [("__name__", "up_percent"), ("instance", "vpn-2")]
    sent = body([(PROBE, [(now, 1.0), (now + 1, 0.0)]), (percent, [(now, 0.07)]), (OTHER, [(now, math.nan)])])
    answer = mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert (answer.status_code, answer.content, written(answer)) == (204, b"", (4, 0, 0)), answer.text
    assert answer.headers["Upheld-Left-Out"] == "unmapped=1"
    assert [(r["service"], r["time"], r["value"]) for r in logged(house)] == [
        ("vpn-1", now * 1000, 1.0),
        ("vpn-1", (now + 1) * 1000, 0.0),
        ("vpn-2", now * 1000, 7.0),
    ]


def test_where_some_samples_cannot_be_taken_the_others_are_and_the_sender_is_told(
    house: House, north: TestClient
) -> None:
    now = house.application.clock.now() // 1000
    later = now + 2 * DAY // 1000
    mine = (PROBE, [(now, 1.0), (now + 1, math.nan), (later, 1.0), (later, math.inf)])
    made = request([mine, (OTHER, [(now, 1.0)])])
    for series in list(made.timeseries):
        made.timeseries.add(labels_refs=series.labels_refs).histograms.add(count_int=1, timestamp=now)
    made.timeseries[0].exemplars.add(value=1.0, timestamp=now)
    sent = packed(made.SerializeToString())
    answer = mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert (answer.status_code, written(answer)) == (400, (2, 1, 0))
    assert answer.json()["detail"] == (
        "not taken: 2 samples that are NaN or infinite, 1 native histograms, 1 samples too far in the future; "
        "the other 2 samples of the request were"
    )
    assert answer.headers["Upheld-Left-Out"] == "unmapped=2, not_finite=2, histograms=1, future=1"
    assert [(row["time"], row["value"]) for row in logged(house)] == [(now * 1000, 1.0)]


@pytest.mark.parametrize("content", [b"no snappy", packed(b"\x2a\x05abc"), packed(b"\x2a\x00")])
def test_of_what_cannot_be_read_nothing_is_written(house: House, north: TestClient, content: bytes) -> None:
    answer = mapped(north).post("/v1/remote-write", content=content, headers=HEADERS)
    assert (answer.status_code, written(answer)) == (400, (0, 0, 0))
    assert logged(house) == []


def test_without_a_mapping_the_sender_keeps_what_it_has(north: TestClient) -> None:
    answer = north.post("/v1/remote-write", content=body([(PROBE, [(0, 1.0)])]), headers=HEADERS)
    assert (answer.status_code, answer.headers["Retry-After"], written(answer)) == (503, "30", (0, 0, 0))


def test_a_framed_snappy_stream_is_no_block(north: TestClient) -> None:
    framed = b"\xff\x06\x00\x00sNaPpY"
    assert mapped(north).post("/v1/remote-write", content=framed, headers=HEADERS).status_code == 400
    for encoding in ("zstd", "gzip"):
        answer = north.post("/v1/remote-write", content=b"", headers={**HEADERS, "Content-Encoding": encoding})
        assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "snappy")


def test_series_of_both_versions_are_shown(house: House, north: TestClient) -> None:
    now = house.application.clock.now() // 1000
    mapped(north).post("/v1/remote-write", content=body([(PROBE, [(now, 1.0)])]), headers=HEADERS)
    assert [one["labels"] for one in north.get("/v1/mapping/series").json()["series"]] == [dict(PROBE)]
