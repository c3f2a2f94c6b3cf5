"""A real server under more than it takes: what it refuses may be sent again, and what it acknowledges is there."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from .conftest import Server

SENDERS, BATCHES, ROWS = 16, 6, 60
BURST = 10  # seconds' worth of a rate, all of which may come at once
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [SERVICES]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: day}
        target: 99.5 %
customers: [{id: acme, name: Acme GmbH}]
"""


def test_a_burst_is_refused_in_part_and_nothing_acknowledged_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {
        "TENANT_SAMPLES_PER_SECOND": SENDERS * BATCHES * ROWS * 0.6 / BURST,
        "TENANT_REQUESTS_AT_ONCE": 2,
        "REQUESTS_AT_ONCE": 2,
        "MEMORY_FOR_BODIES": 10_000,  # about one body, of those that wait
    }
    for name, value in limits.items():
        monkeypatch.setenv(f"UPHELD_{name}", str(value))
    server = Server(tmp_path)
    try:
        services = [f"vpn-{n}" for n in range(SENDERS)]
        server.put("/v1/agreements", PORTFOLIO.replace("SERVICES", ", ".join(services)))
        deadline = time.monotonic() + 90
        with ThreadPoolExecutor(SENDERS) as threads:
            told = [one for many in threads.map(lambda s: send(server, s, deadline), services) for one in many]
        statuses = [status for status, _ in told]
        assert set(statuses) <= {202, 429, 503}
        assert statuses.count(202) == SENDERS * BATCHES
        assert 429 in statuses
        assert all(int(after or 0) > 0 for status, after in told if status != 202)
        server.kill()
        server.start()
        for service in services:
            assert len(server.points(service, "reachable")) == BATCHES * ROWS
    finally:
        server.kill()


def send(server: Server, service: str, deadline: float) -> list[tuple[int, str | None]]:
    """Sends its batches, each until it is acknowledged; every answer as (status, Retry-After)."""
    told = []
    with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=30) as client:
        for batch in range(BATCHES):
            content = "\n".join(row(service, batch * ROWS + n) for n in range(ROWS))
            while True:
                answer = client.post(
                    "/v1/measurements", content=content, headers={"Content-Type": "application/x-ndjson"}
                )
                told.append((answer.status_code, answer.headers.get("retry-after")))
                if answer.status_code == 202:
                    break
                assert time.monotonic() < deadline, told
                time.sleep(int(told[-1][1] or 1))
    return told


def row(service: str, minute: int) -> str:
    at = f"2026-06-01T{minute // 60:02}:{minute % 60:02}:00Z"
    return json.dumps({"service": service, "metric": "reachable", "time": at, "value": 1})
