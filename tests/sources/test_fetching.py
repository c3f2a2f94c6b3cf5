"""A real server fetches from a real broker and from a folder, and is killed on the way: from a published message to the
series over HTTP."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from brokers import NO_AMQP, Amqp, Nats
from upheld.agreements.units import SECOND, format_instant

from .conftest import Server, wait_until
from .test_prometheus import PORTFOLIO

AGREED = PORTFOLIO.replace("slot: 1s", "slot: 1m")
NOW = int(time.time()) * SECOND
SECRET = "h1dden-and-not-in-logs"


def line(number: int, value: float) -> bytes:
    at = format_instant(NOW - 3600 * SECOND + number * SECOND)
    return json.dumps({"service": "line-1", "metric": "reachable", "time": at, "value": value}).encode() + b"\n"


def serving(directory: Path, source: dict[str, Any]) -> Server:
    """A server that fetches from one source."""
    (directory / "sources.yaml").write_text(yaml.safe_dump({"sources": [{"id": "probes", **source}]}))
    return Server(directory, UPHELD_SOURCES="sources.yaml", UPHELD_DRAIN="0", PROBE_SECRET=SECRET)


def values(server: Server) -> list[float]:
    return [point["value"] for point in server.points("line-1", "reachable")]


@pytest.fixture(params=["nats", "amqp"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nats | Amqp]:
    if request.param == "amqp" and not Amqp.runs():
        pytest.skip(NO_AMQP)
    running = Nats(tmp_path / "nats") if request.param == "nats" else Amqp()
    yield running
    running.end()


def test_what_is_published_is_there_once_though_the_server_was_killed(broker: Nats | Amqp, tmp_path: Path) -> None:
    declared = {**broker.declaration, "format": "jsonl", "batch_wait": "20ms", "in_flight": 10}
    broker.publish(*(line(number, 1) for number in range(20)))
    server = serving(tmp_path, declared)
    try:
        wait_until(lambda: "no agreement in force" in server.log(), server.log)
        server.put("/v1/agreements", AGREED)
        wait_until(lambda: len(values(server)) >= 10, server.log)
        server.kill()
        broker.publish(b"\xff\xfe poison", *(line(number, 0) for number in range(20, 40)), line(0, 0))
        server.start()
        wait_until(lambda: len(values(server)) == 40 and values(server)[0] == 0, server.log)
        assert values(server) == [0] + [1] * 19 + [0] * 20
        server.stop()
        assert broker.outstanding() == 0
        assert "malformed" in server.log() or "refused" in server.log()
    finally:
        server.kill()


def test_files_are_taken_from_a_folder_once_though_the_server_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    declared = {"kind": "folder", "url": str(folder), "every": "50ms", "settle": "50ms"}
    server = serving(tmp_path, declared)
    try:
        server.put("/v1/agreements", AGREED)
        for number in range(5):
            part = folder / f"{number}.jsonl.part"
            part.write_bytes(b"".join(line(number * 10 + row, number) for row in range(10)))
            part.rename(folder / f"{number}.jsonl")
        wait_until(lambda: values(server), server.log)
        server.kill()
        server.start()
        wait_until(lambda: len(list((folder / "done").glob("*.jsonl"))) == 5, server.log)
        assert values(server) == [number for number in range(5) for _ in range(10)]
        assert [path.name for path in folder.iterdir()] == ["done"]
        server.stop()
    finally:
        server.kill()


def test_a_broker_that_is_away_keeps_nobody_from_starting_and_no_secret_is_told(tmp_path: Path) -> None:
    declared = {
        "kind": "amqp",
        "url": "amqp://127.0.0.1:1/",
        "username": "upheld",
        "password": "${PROBE_SECRET}",
        "queue": "q",
        "format": "jsonl",
    }
    server = serving(tmp_path, declared)
    try:
        wait_until(lambda: "source lost" in server.log(), server.log)
        server.put("/v1/agreements", AGREED)
        server.stop()
        assert SECRET not in server.log()
    finally:
        server.kill()
