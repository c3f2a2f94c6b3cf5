"""A real Prometheus scrapes a real page and writes to a real server, which is killed on the way."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from .conftest import Server, wait_until

prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="Prometheus is not installed: on Debian, apt-get install --no-install-recommends prometheus",
)

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1s}
        period: {calendar: day}
        target: 99.9 %
      - id: delay
        indicator: {kind: availability, metric: rtt, good_when: "<= 40", slot: 1s}
        period: {calendar: day}
        target: 99.9 %
"""
MAPPING = """
series:
  - labels: {__name__: probe_success, job: pings}
    service: "{line}"
    metric: reachable
  - labels: {__name__: probe_duration_seconds}
    service: "{line}"
    metric: rtt
    scale: 1000
"""


class Probe(BaseHTTPRequestHandler):
    """The page of an exporter. Each answer counts up, so that no value comes twice."""

    count = 0

    def do_GET(self) -> None:
        Probe.count += 1
        page = (
            f'probe_success{{line="line-1"}} 1\nprobe_duration_seconds{{line="line-1"}} {Probe.count / 1000}\nother 1\n'
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Probe)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{listening.server_port}"
    listening.shutdown()


class Prometheus:
    """A running Prometheus that scrapes the page every second and writes to the server."""

    def __init__(self, home: Path, server: Server, page: str) -> None:
        home.mkdir()
        (home / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: pings
    static_configs: [{{targets: ["{page}"]}}]
remote_write:
  - url: {server.url}/v1/remote-write
    authorization: {{credentials: {server.key}}}
    queue_config: {{batch_send_deadline: 500ms, min_backoff: 100ms, max_backoff: 500ms}}
""")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log, self._url = home / "log", f"http://{address}"
        files = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["prometheus", *files, f"--web.listen-address={address}"], cwd=home, stdout=output, stderr=output
            )

    def samples(self, selector: str) -> list[tuple[float, float]]:
        """What it holds of a series: (seconds, value) by time."""
        answer = httpx.get(f"{self._url}/api/v1/query", params={"query": f"{selector}[10m]"}).json()
        (series,) = answer["data"]["result"]
        return [(at, float(value)) for at, value in series["values"]]


@prometheus
def test_what_prometheus_scraped_is_there_once_though_the_server_was_killed(
    tmp_path: Path, server: Server, page: str
) -> None:
    server.put("/v1/agreements", PORTFOLIO)
    server.put("/v1/mapping", MAPPING)
    sender = Prometheus(tmp_path / "prometheus", server, page)
    try:
        wait_until(lambda: len(server.points("line-1", "rtt")) >= 3, sender.log.read_text)
        before = len(server.points("line-1", "rtt"))
        server.kill()
        wait_until(lambda: len(sender.samples("probe_duration_seconds")) >= before + 3, sender.log.read_text)
        server.start()
        wait_until(lambda: len(server.points("line-1", "rtt")) >= before + 5, sender.log.read_text)
        points = server.points("line-1", "rtt")
        scraped = sender.samples("probe_duration_seconds")
    finally:
        sender.process.terminate()
        sender.process.wait(timeout=30)

    taken = [(datetime.fromisoformat(point["time"]).timestamp(), point["value"]) for point in points]
    assert taken == [(at, float(Decimal(repr(value)) * 1000)) for at, value in scraped[: len(taken)]]
    assert all(point["value"] == 1 for point in server.points("line-1", "reachable"))
    became = server.client.get("/v1/mapping/series").json()["series"]
    assert {one.get("reason") for one in became} == {None, "no rule matches"}


def test_the_page_is_one_that_prometheus_reads(page: str) -> None:
    """So that the test above fails for no other reason than ours."""
    families = list(text_string_to_metric_families(httpx.get(f"http://{page}/metrics").text))
    assert [family.name for family in families] == ["probe_success", "probe_duration_seconds", "other"]
