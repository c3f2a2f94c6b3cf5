"""The server as `upheld serve` starts it, in a process and a folder of its own: fed over HTTP and watched from outside,
with a mail relay that notes what comes to whom."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from prometheus_client.parser import text_string_to_metric_families

from bench.measuring import cpu_of_process
from upheld.demo.mail import free_port

REMOTE_WRITE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
_PATIENCE = 120.0

Page = Mapping[str, float]
"""What `/metrics` says: the value of each sample by its name, summed over its labels but `le`, which stands behind the
name as `name{le}`."""


class Mails:
    """A mail relay's end: keeps when each mail came (seconds since 1970) and to whom."""

    def __init__(self) -> None:
        self.came: list[tuple[float, str]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        """As aiosmtpd calls it."""
        self.came += [(time.time(), recipient) for recipient in envelope.rcpt_tos]
        return "250 OK"


@dataclass(frozen=True)
class Served:
    """A running server. `client` has an operator's key."""

    pid: int
    folder: Path
    client: httpx.Client
    mails: Mails

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has taken so far."""
        return cpu_of_process(self.pid)

    def put(self, path: str, document: object) -> None:
        """Puts a document in force; JSON is YAML."""
        headers = {"Content-Type": "application/yaml"}
        _good(self.client.put(path, content=json.dumps(document), headers=headers))

    def write(self, body: bytes) -> None:
        """Sends it a remote-write request, again while it says that it is busy."""
        while (answer := self.client.post("/v1/remote-write", content=body, headers=REMOTE_WRITE)).status_code == 503:
            time.sleep(0.2)
        _good(answer)

    def page(self) -> Page:
        """Its metrics now."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(_good(self.client.get("/metrics")).text):
            for sample in family.samples:
                name = f"{sample.name}{{{sample.labels['le']}}}" if "le" in sample.labels else sample.name
                found[name] = found.get(name, 0) + sample.value
        return found

    def until(self, holds: Callable[[Page], bool], patience: float = _PATIENCE) -> Page:
        """Waits until the metrics are as wanted, and returns them."""
        deadline = time.monotonic() + patience
        while not holds(page := self.page()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server did not come so far: {_end_of(self.folder / 'output')}")
            time.sleep(0.5)
        return page


@contextmanager
def serving(**settings: str) -> Iterator[Served]:
    """A server that is ready, on SQLite; `settings` are variables of its environment, without `UPHELD_`."""
    mails = Mails()
    relay = Controller(mails, hostname="127.0.0.1", port=free_port())
    relay.start()
    with TemporaryDirectory(prefix="upheld-bench-") as directory:
        folder, url = Path(directory), f"http://127.0.0.1:{(port := free_port())}"
        given = {"PORT": str(port), "SMTP_PORT": str(relay.port), "LOG_LEVEL": "warning", **settings}
        environment = {**os.environ, **{f"UPHELD_{name}": value for name, value in given.items()}}
        output = folder / "output"
        with output.open("w") as to:
            command = [sys.executable, "-m", "upheld.cli", "serve"]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=to, stderr=to)  # noqa: S603
        try:
            _await_ready(process, url, output)
            key = re.findall(r"uph_\S+", output.read_text())[0]
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                yield Served(process.pid, folder, client, mails)
        finally:
            process.kill()
            process.wait()
            relay.stop()


def quantile(share: float, before: Page, after: Page, histogram: str) -> float:
    """The quantile of what a histogram has observed between two pages, as Prometheus' `histogram_quantile` has it: in
    seconds; NaN where there was nothing, and infinite beyond the last bound."""
    name = f"{histogram}_bucket{{"
    counts = {float(k[len(name) : -1]): v - before.get(k, 0) for k, v in after.items() if k.startswith(name)}
    bounds = sorted(counts)
    if not bounds or not counts[bounds[-1]]:
        return float("nan")
    wanted = share * counts[bounds[-1]]
    for low, high in pairwise([0.0, *bounds]):
        if counts[high] >= wanted:
            below = counts.get(low, 0.0)
            return low + (high - low) * (wanted - below) / (counts[high] - below)
    raise AssertionError("the last bucket has all")


def _await_ready(process: "subprocess.Popen[bytes]", url: str, output: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: {_end_of(output)}")
        try:
            if httpx.get(f"{url}/health/ready").is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)


def _good(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text[:500]}")
    return answer


def _end_of(output: Path) -> str:
    return output.read_text()[-2000:]
