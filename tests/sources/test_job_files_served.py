"""A real server is told that files are ready, is killed before it could fetch them, and fetches each once."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from upheld.agreements.units import SECOND, format_instant

from .conftest import Server, wait_until
from .file_server import FileServer
from .test_prometheus import PORTFOLIO

BASE = "/tmf-api/performance/v4"
START = int(time.time()) * SECOND - 7200 * SECOND


def csv(first: int, *values: int) -> bytes:
    lines = [
        f"line-1,reachable,{format_instant(START + (first + n) * SECOND)},{value}" for n, value in enumerate(values)
    ]
    return "\n".join(["service,metric,time,value", *lines, ""]).encode()


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.end()


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Server]:
    """Its clock runs fast, so that a second attempt is not far."""
    settings = {"UPHELD_ALLOWED_CALLBACKS": '["127.0.0.1/32"]', "UPHELD_CLOCK_SPEED": "20", "UPHELD_DRAIN": "0"}
    running = Server(tmp_path, **settings)
    yield running
    running.kill()


def test_files_that_are_ready_are_fetched_once_though_the_server_was_killed(
    fetching: Server, files: FileServer
) -> None:
    fetching.put("/v1/agreements", PORTFOLIO)
    made = fetching.client.post(f"{BASE}/measurementCollectionJob", json={"fileTransferData": [{"fileFormat": "CSV"}]})
    assert made.status_code == 201, made.text
    path = f"{BASE}/measurementCollectionJob/{made.json()['id']}"
    locations = [{"fileLocation": f"{files.url}/{number}"} for number in range(2)]
    told = {"event": {"measurementCollectionJob": {"id": made.json()["id"], "fileTransferData": locations}}}

    def announce() -> None:
        answer = fetching.client.post(f"{BASE}/listener/measurementCollectionJobFilesReadyEvent", json=told)
        assert answer.status_code == 201, answer.text

    def job() -> dict[str, Any]:
        found: dict[str, Any] = fetching.client.get(path).json()
        return found

    announce()
    wait_until(lambda: str(job()).count("it is tried again") == 2, fetching.log)  # neither is there yet
    fetching.kill()
    files.files |= {"/0": csv(0, 1, 0), "/1": csv(2, 1, 1)}
    fetching.start()
    announce()
    wait_until(lambda: job()["executionState"] == "completed", fetching.log)
    assert [point["value"] for point in fetching.points("line-1", "reachable")] == [1, 0, 1, 1]
    asked = list(files.asked)
    announce()
    fetching.stop()
    fetching.start()
    assert job()["executionState"] == "completed"
    assert str(job()).count("2 measurements taken") == 2
    assert files.asked == asked, "it is not fetched again"
