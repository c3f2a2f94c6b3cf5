"""Counters over HTTP: what a rule with `counter: true` makes of OTLP's sums."""

import json
from typing import Any

from fastapi.testclient import TestClient

from .conftest import House
from .test_otlp_api import ATTRIBUTES, JSON
from .test_remote_write_api import logged, mapped

MAPPING = """
series:
  - labels: {__name__: errors}
    service: "{line}"
    metric: reachable
    counter: true
"""
CUMULATIVE, DELTA = 2, 1
MINUTE = 60_000_000_000


def sums(house: House, temporality: int, *values: int) -> dict[str, Any]:
    """The values of a sum, a minute apart, the last of them now."""
    now = house.application.clock.now() * 1000
    times = [str(now - (len(values) - 1 - n) * MINUTE) for n in range(len(values))]
    points = [
        {"attributes": ATTRIBUTES, "timeUnixNano": at, "asInt": str(value)}
        for at, value in zip(times, values, strict=True)
    ]
    data = {"dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": True}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "errors", "sum": data}]}]}]}


def measured(house: House) -> list[float]:
    return [row["value"] for row in logged(house) if row["metric"] == "reachable"]


def test_what_a_cumulative_sum_rose_by_is_measured(house: House, north: TestClient) -> None:
    mapped(north, MAPPING)
    sent = json.dumps(sums(house, CUMULATIVE, 100, 107, 3))
    for _ in range(2):  # the second time it is sent again
        answer = north.post("/v1/metrics", content=sent, headers=JSON)
        assert answer.status_code == 200, answer.text
    assert measured(house) == [7, 3, 7, 3]


def test_a_delta_sum_is_what_it_rose_by(house: House, north: TestClient) -> None:
    mapped(north, MAPPING).post("/v1/metrics", content=json.dumps(sums(house, DELTA, 5, 2)), headers=JSON)
    assert measured(house) == [5, 2]
