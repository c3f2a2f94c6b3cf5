"""A real server, as `upheld serve` starts it, for real senders to send to."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest


class Server:
    """`upheld serve` in a directory of its own; it can be killed and started again on the same port and data."""

    def __init__(self, directory: Path, **settings: str) -> None:
        """`settings` are variables of the environment."""
        self._directory, self._settings = directory, settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = directory / "output"
        self.start()
        (self.key,) = re.findall(r"uph_\S+", self._output.read_text())
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def start(self) -> None:
        environment = {**os.environ, "UPHELD_PORT": str(self.port), "UPHELD_ASSESSMENT_DELAY": "0", **self._settings}
        with self._output.open("ab") as output:
            command = [sys.executable, "-m", "upheld.cli", "serve"]
            self._process = subprocess.Popen(
                command, cwd=self._directory, env=environment, stdout=output, stderr=output
            )
        wait_until(self._ready, self._output.read_text, patience=180)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=30)

    def stop(self) -> None:
        """Ends it as an operator does."""
        self._process.terminate()
        assert self._process.wait(timeout=60) == 0, self.log()

    def log(self) -> str:
        return self._output.read_text()

    def put(self, path: str, text: str) -> None:
        answer = self.client.put(path, content=text, headers={"Content-Type": "application/yaml"})
        assert answer.is_success, answer.text

    def points(self, service: str, metric: str) -> list[dict[str, Any]]:
        """What the server holds of a series, by time."""
        window = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
        answer = self.client.get("/v1/measurements/series", params={"service": service, "metric": metric, **window})
        assert answer.is_success, answer.text
        found: list[dict[str, Any]] = answer.json()["points"]
        return found

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._output.read_text()
        try:
            return httpx.get(f"{self.url}/health/ready").is_success
        except httpx.HTTPError:
            return False


def wait_until(true: Any, told: Any, patience: float = 60) -> None:
    """Waits until `true()` is; where that does not come about, the failure shows `told()`."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    directory = tmp_path / "server"
    directory.mkdir()
    running = Server(directory)
    yield running
    running.kill()
