"""A real Prometheus as a peer: started in a directory of its own, fed, asked, and its CPU read from outside."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from bench.measuring import cpu_of_process
from upheld.demo.mail import free_port

ABSENT = "Prometheus is not installed: on Debian, RUNLEVEL=1 apt-get install --no-install-recommends prometheus"
_PATIENCE = 60


@dataclass(frozen=True)
class Rule:
    """A recording rule."""

    record: str
    expression: str


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    pid: int
    url: str
    home: Path

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has taken so far."""
        return cpu_of_process(self.pid)

    def write(self, body: bytes) -> None:
        """Sends it a remote-write request."""
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        _fetch(Request(f"{self.url}/api/v1/write", body, headers))  # noqa: S310 - a local address

    def values(self, expression: str, seconds: float) -> dict[str, float]:
        """The value of each series of an instant query, by its label `service`."""
        query = urlencode({"query": expression, "time": f"{seconds:.3f}"})
        answer: Any = json.loads(_fetch(Request(f"{self.url}/api/v1/query?{query}")))  # noqa: S310
        return {one["metric"].get("service", ""): float(one["value"][1]) for one in answer["data"]["result"]}

    def evaluations(self) -> int:
        """How many rules it has evaluated so far, none of which failed."""
        lines = _fetch(Request(f"{self.url}/metrics")).decode().splitlines()  # noqa: S310
        assert not _sum(lines, "prometheus_rule_evaluation_failures_total"), "Prometheus failed to evaluate a rule"
        return int(_sum(lines, "prometheus_rule_evaluations_total"))

    def evaluate(self, groups: Sequence[Sequence[Rule]], interval: str) -> None:
        """From now on evaluates these groups of rules, and no others, once in every interval."""
        written = [
            {
                "name": f"group-{i}",
                "interval": interval,
                "rules": [{"record": rule.record, "expr": rule.expression} for rule in group],
            }
            for i, group in enumerate(groups)
        ]
        (self.home / "rules.yml").write_text(json.dumps({"groups": written}))  # JSON is YAML
        _fetch(Request(f"{self.url}/-/reload", method="POST"))  # noqa: S310


def installed() -> bool:
    """Whether there is a Prometheus, with promtool, to measure against."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


@contextmanager
def running(openmetrics: Path | None = None, *, cores: Sequence[int] = ()) -> Iterator[Prometheus]:
    """A Prometheus that scrapes nothing and holds what an OpenMetrics file has; on these cores only, where given."""
    with TemporaryDirectory(prefix="upheld-bench-") as directory:
        home = Path(directory)
        if openmetrics is not None:
            _backfill(openmetrics, home / "data")
        (home / "rules.yml").write_text('{"groups": []}')
        (home / "prometheus.yml").write_text('{"rule_files": ["rules.yml"], "scrape_configs": []}')
        port = free_port()
        command = [
            *(["taskset", "-c", ",".join(map(str, cores))] if cores else []),
            "prometheus",
            f"--config.file={home}/prometheus.yml",
            f"--storage.tsdb.path={home}/data",
            "--storage.tsdb.retention.time=100d",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
        ]
        with (home / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        try:
            server = Prometheus(process.pid, f"http://127.0.0.1:{port}", home)
            _await_ready(server, process)
            yield server
        finally:
            process.kill()
            process.wait()


def _backfill(openmetrics: Path, data: Path) -> None:
    # Long blocks, as compaction makes them of 28 days: many short ones would cost each query more.
    command = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=768h", "openmetrics", "--quiet"]
    done = subprocess.run([*command, str(openmetrics), str(data)], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"promtool: {done.stderr.strip() or done.stdout.strip()}")


def _await_ready(server: Prometheus, process: "subprocess.Popen[bytes]") -> None:
    until = monotonic() + _PATIENCE
    while True:
        if process.poll() is not None or monotonic() > until:
            raise RuntimeError(f"Prometheus did not start: {(server.home / 'log').read_text()[-1000:]}")
        try:
            _fetch(Request(f"{server.url}/-/ready"))  # noqa: S310
            return
        except OSError:
            sleep(0.1)


def _fetch(request: Request) -> bytes:
    with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def _sum(lines: Sequence[str], metric: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((metric + "{", metric + " ")))
