"""The server as a process, over a socket: what only a real connection can show."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from upheld.agreements.units import format_instant
from upheld.app import DEFAULT_TENANT
from upheld.clock import SystemClock
from upheld.store import open_store

from .conftest import PORTFOLIO

LIMIT = 100_000
START = """
from upheld.app import Application, Settings
from upheld.server import listen, serve
settings = Settings()
application = Application(settings)
print(application.first_key(), flush=True)
serve(application, listen(settings.host, settings.port))
"""
ROW = {
    "service": "vpn-1",
    "metric": "reachable",
    "time": format_instant(SystemClock().now() // 10**6 * 10**6 - 3_600 * 10**6),
    "value": 1,
}
LINE = json.dumps(ROW).encode() + b"\n"


@dataclass
class Server:
    process: "subprocess.Popen[bytes]"
    port: int
    key: str
    output: Path

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/x-ndjson"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=30)

    def connect(self, *headers: str) -> socket.socket:
        """A connection on which the head of a delivery has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        head = [
            "POST /v1/measurements HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/x-ndjson",
            *headers,
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        return connection

    def taken(self) -> int:
        """How many measurements of the series the server has."""
        window = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
        with self.client() as client:
            answer = client.get("/v1/measurements/series", params={"service": "vpn-1", "metric": "reachable", **window})
        return len(answer.json()["points"])


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server of its own, with the test portfolio in force."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "UPHELD_DRAIN": "0",
        **os.environ,
        "UPHELD_DATABASE_URL": database(folder),
        "UPHELD_PORT": str(port),
        "UPHELD_MAX_BODY": str(LIMIT),
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", START], env=environment, stdout=output, stderr=output)
    try:
        started = Server(process, port, _key(folder / "output"), folder / "output")
        _until_ready(started)
        with started.client() as client:
            client.put("/v1/agreements", content=PORTFOLIO, headers={"Content-Type": "application/yaml"})
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def database(folder: Path) -> str:
    return f"sqlite:///{folder / 'upheld.db'}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("wire")) as started:
        yield started


def _key(output: Path) -> str:
    for _ in range(3600):
        text = output.read_text()
        if "\n" in text and "uph_" in text:
            return next(line for line in text.splitlines() if line.startswith("uph_"))
        time.sleep(0.05)
    raise AssertionError(output.read_text())


def _until_ready(server: Server) -> None:
    for _ in range(3600):
        try:
            with server.client() as client:
                if client.get("/health/ready").status_code == 200:
                    return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(server.output.read_text())


def _answer(connection: socket.socket) -> bytes:
    """All that the server sends before it closes, or as much of it as a reset leaves."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_a_chunked_body_within_the_limit_is_taken(server: Server) -> None:
    with server.client() as client:
        answer = client.post("/v1/measurements", content=iter([LINE[:20], LINE[20:]]))
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert server.taken() == 1


def test_of_a_chunked_body_beyond_the_limit_no_more_is_read(server: Server) -> None:
    chunk = b"\n" * 10_000
    offered, sent = 200_000_000, 0
    with server.connect("Transfer-Encoding: chunked") as connection:
        connection.settimeout(5)
        try:
            while sent < offered:
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                sent += len(chunk)
        except OSError:
            pass  # the server has closed: that is the point
        answer = _answer(connection)
    assert sent < offered / 4, "what lies in the socket's buffers may be more than the limit, but not by much"
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 "), answer[:200]


def test_the_answer_to_a_body_just_beyond_the_limit_says_so(server: Server) -> None:
    with server.connect("Transfer-Encoding: chunked") as connection:
        connection.sendall(b"%x\r\n%s\r\n" % (LIMIT + 1, b"\n" * (LIMIT + 1)))
        answer = _answer(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert f"{LIMIT:,}".encode() in body


def test_a_body_that_declares_too_much_is_refused_before_it_comes(server: Server) -> None:
    with server.connect(f"Content-Length: {10**15}") as connection:
        assert _answer(connection).startswith(b"HTTP/1.1 413 ")


def test_a_delivery_that_breaks_off_leaves_nothing(server: Server) -> None:
    before = server.taken()
    other = LINE.replace(b"reachable", b"requests")
    with server.connect(f"Content-Length: {2 * len(LINE)}") as connection:
        connection.sendall(LINE.replace(b"T", b"t") + other[:10])
    with server.connect("Transfer-Encoding: chunked") as connection:
        connection.sendall(b"%x\r\n%s\r\n" % (len(LINE), LINE.replace(b":00Z", b":30Z")))
    time.sleep(0.3)
    assert server.taken() == before
    assert "request failed" not in server.output.read_text()


def test_what_was_acknowledged_survives_the_death_of_the_process(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        with server.client() as client:
            position = client.post("/v1/measurements", content=LINE).json()["position"]
        server.process.kill()
        server.process.wait(timeout=30)
    store = open_store(database(tmp_path))
    assert [(at, batch.num_rows) for at, batch, _ in store.read(DEFAULT_TENANT)] == [(position, 1)]
    store.close()


def test_the_process_prints_neither_keys_nor_addresses(server: Server) -> None:
    with server.client() as client:
        client.get("/confirm/token-of-a-customer?q=confidential")
        client.get("/v1/verdicts?service=confidential")
    printed = server.output.read_text()
    assert printed.count(server.key) == 1, "only the first key, once"
    assert "token-of-a-customer" not in printed
    assert "confidential" not in printed
