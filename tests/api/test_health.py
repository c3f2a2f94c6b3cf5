"""Alive, ready, and about to end: what an orchestrator is told, and what happens to the requests meanwhile."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from upheld.app import Application, Settings
from upheld.background import Background
from upheld.server import create_app

from .test_wire import LINE, running


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Application]:
    """An application of its own, whose parts may be broken."""
    application = Application(Settings(database_url=f"sqlite:///{tmp_path / 'upheld.db'}"))
    application.first_key()
    yield application
    application.stop()


@pytest.fixture
def client(alone: Application) -> TestClient:
    return TestClient(create_app(alone))


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_live_and_ready_while_all_is_well(alone: Application, client: TestClient) -> None:
    alone.start()
    wait_until(lambda: client.get("/health/ready").status_code == 200)
    assert client.get("/health/ready").json() == {"status": "ok"}
    assert client.get("/health/live").json() == {"status": "ok"}


def test_a_stuck_thread_makes_it_not_live(alone: Application, client: TestClient) -> None:
    go_on = threading.Event()
    alone.background = Background({"assessment": go_on.wait}, stuck_after=0.05)
    alone.start()
    wait_until(lambda: client.get("/health/live").status_code == 503)
    answer = client.get("/health/live")
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(answer.json()["failing"]) == ["assessment"]
    go_on.set()


def test_it_is_not_ready_before_it_has_caught_up(
    alone: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, turn = threading.Event(), alone.process.turn
    monkeypatch.setattr(alone.process, "turn", lambda tenant: go_on.wait(60) and turn(tenant))
    alone.start()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["failing"]) == (503, {"assessment": "catches up with the log"})
    go_on.set()
    wait_until(lambda: client.get("/health/ready").status_code == 200)


def test_it_is_not_ready_without_room(alone: Application, client: TestClient) -> None:
    alone.settings = alone.settings.model_copy(update={"min_free": 2**60})
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert list(answer.json()["failing"]) == ["disk"]
    assert client.get("/health/live").status_code == 200


def test_it_is_not_ready_with_a_database_of_another_version(alone: Application, client: TestClient) -> None:
    assert client.get("/health/ready").status_code == 200
    with alone.store._engine.begin() as connection:  # type: ignore[attr-defined]  # another version would do so
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["failing"] == {"store": "the database was migrated by another version of Upheld"}


def test_on_sigterm_it_is_not_ready_first_and_requests_come_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPHELD_DRAIN", "3")
    with running(tmp_path) as server:
        with server.connect(f"Content-Length: {len(LINE)}", "Connection: close") as connection:
            connection.sendall(LINE[:9])
            server.process.terminate()

            def ready() -> int:
                try:
                    return httpx.get(f"http://127.0.0.1:{server.port}/health/ready").status_code
                except httpx.HTTPError:
                    return 0

            seen = []
            wait_until(lambda: seen.append(ready()) or seen[-1] == 0)
            assert 503 in seen
            assert server.process.poll() is None
            connection.sendall(LINE[9:])
            answer = b""
            while some := connection.recv(65536):
                answer += some
        assert b" 202 " in answer.splitlines()[0]
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["accepted"] == 1
        assert server.process.wait(timeout=60) == 0
        assert "is about to end" in server.output.read_text()
