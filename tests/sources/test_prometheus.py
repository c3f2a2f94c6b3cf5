"""A real Prometheus scrapes a real page and writes to a real server, which is killed on the way, refuses for a time, or
is sent samples out of their order."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

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


class Backwards(BaseHTTPRequestHandler):
    """A page whose samples have instants of their own: every other one lies before the one before it, by less than what
    passes until there are some, for Prometheus does not send what lies before its own start."""

    sent: ClassVar[list[tuple[float, float]]] = []

    def do_GET(self) -> None:
        count = len(self.sent) + 1
        millis = int(time.time() * 1000) - (1_500 if count % 2 == 0 else 0)
        self.sent.append((millis / 1000, count / 1000))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(f'probe_duration_seconds{{line="line-1"}} {count / 1000} {millis}\n'.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a page."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.fixture
def page() -> Iterator[str]:
    with serving(Probe) as address:
        yield address


class Prometheus:
    """A running Prometheus that scrapes the page every second and writes to the server, in requests of few samples."""

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
    write_relabel_configs: [{{source_labels: [__name__], regex: "probe_.*|other", action: keep}}]
    queue_config:
      {{batch_send_deadline: 500ms, min_backoff: 100ms, max_backoff: 500ms, max_samples_per_send: 10, max_shards: 1,
        retry_on_http_429: true}}
storage: {{tsdb: {{out_of_order_time_window: 30m}}}}
""")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log, self.url = home / "log", f"http://{address}"
        files = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["prometheus", *files, f"--web.listen-address={address}"], cwd=home, stdout=output, stderr=output
            )

    def samples(self, selector: str) -> list[tuple[float, float]]:
        """What it holds of a series: (seconds, value) by time."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": f"{selector}[10m]"}).json()
        (series,) = answer["data"]["result"]
        return [(at, float(value)) for at, value in series["values"]]

    def metric(self, name: str) -> float:
        """A number that it tells of itself, over all its senders."""
        page = httpx.get(f"{self.url}/metrics").text
        families = text_string_to_metric_families(page)
        return sum(one.value for family in families for one in family.samples if one.name == name)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


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
        sender.stop()

    taken = [(datetime.fromisoformat(point["time"]).timestamp(), point["value"]) for point in points]
    assert taken == [(at, float(Decimal(repr(value)) * 1000)) for at, value in scraped[: len(taken)]]
    assert all(point["value"] == 1 for point in server.points("line-1", "reachable"))
    became = server.client.get("/v1/mapping/series").json()["series"]
    assert {one.get("reason") for one in became} == {None, "no rule matches"}


@prometheus
def test_what_was_refused_for_a_time_is_sent_again_and_nothing_is_lost(tmp_path: Path) -> None:
    """503 where there is no mapping yet, then 429 where more comes at once than the tenant may send."""
    directory = tmp_path / "server"
    directory.mkdir()
    server = Server(directory, UPHELD_TENANT_SAMPLES_PER_SECOND="2")
    server.put("/v1/agreements", PORTFOLIO)
    try:
        with serving(Probe) as address:
            sender = Prometheus(tmp_path / "prometheus", server, address)
            told = sender.log.read_text
            wait_until(lambda: sender.process.poll() is None and "HTTP status 503" in told(), told)
            wait_until(lambda: len(sender.samples("probe_duration_seconds")) >= 8, told)
        # No more is scraped: what is held is what there is to take.
        server.put("/v1/mapping", MAPPING)
        wait_until(lambda: "HTTP status 429" in told(), told)
        scraped = sender.samples("probe_duration_seconds")
        wait_until(lambda: len(server.points("line-1", "rtt")) == len(scraped), told)
        points = server.points("line-1", "rtt")
        retried = sender.metric("prometheus_remote_storage_samples_retried_total")
        failed = sender.metric("prometheus_remote_storage_samples_failed_total")
    finally:
        sender.stop()
        server.kill()
    taken = [(datetime.fromisoformat(point["time"]).timestamp(), point["value"]) for point in points]
    assert taken == [(at, float(Decimal(repr(value)) * 1000)) for at, value in scraped]
    assert retried > 0
    assert failed == 0


@prometheus
def test_samples_that_come_out_of_their_order_are_all_there_in_order(tmp_path: Path, server: Server) -> None:
    server.put("/v1/agreements", PORTFOLIO)
    server.put("/v1/mapping", MAPPING)
    with serving(Backwards) as address:
        sender = Prometheus(tmp_path / "prometheus", server, address)
        try:
            wait_until(lambda: len(server.points("line-1", "rtt")) >= 8, sender.log.read_text)
            points = server.points("line-1", "rtt")
        finally:
            sender.stop()
    taken = [(datetime.fromisoformat(point["time"]).timestamp(), point["value"]) for point in points]
    sent = [(at, float(Decimal(repr(value)) * 1000)) for at, value in Backwards.sent]
    assert taken == sorted(one for one in sent if one in taken)
    assert len(set(taken) & set(sent[::2])) >= 2
    assert len(set(taken) & set(sent[1::2])) >= 2  # those that lay before what had been sent


def test_the_page_is_one_that_prometheus_reads(page: str) -> None:
    """So that the test above fails for no other reason than ours."""
    families = list(text_string_to_metric_families(httpx.get(f"http://{page}/metrics").text))
    assert [family.name for family in families] == ["probe_success", "probe_duration_seconds", "other"]
