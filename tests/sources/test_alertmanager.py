"""A real Alertmanager delivers a real alert to a real server, which is killed between firing and resolved."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Server, wait_until

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
alertmanager = pytest.mark.skipif(
    ALERTMANAGER is None,
    reason="Alertmanager is not installed: on Debian, apt-get install --no-install-recommends prometheus-alertmanager",
)
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: restoration
        indicator: {kind: duration, metric: outage, limits: {P1: 4h, P2: 8h}}
        period: {calendar: month}
        target: 100 %
"""
MAPPING = """
alarms:
  - name: outages
    labels: {alertname: LinkDown}
    service: "{line}"
    metric: outage
    priority: "{severity}"
    priorities: {critical: P1}
"""


class Alertmanager:
    """A running Alertmanager with one receiver: the server's webhook."""

    def __init__(self, home: Path, server: Server) -> None:
        home.mkdir()
        (home / "alertmanager.yml").write_text(f"""
route: {{receiver: upheld, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: upheld
    webhook_configs:
      - url: {server.url}/v1/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials: {server.key}}}}}
""")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log, self.url = home / "log", f"http://{address}"
        options = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(ALERTMANAGER), *options, f"--web.listen-address={address}"], cwd=home, stdout=output, stderr=output
            )
        wait_until(self._ready, self.log.read_text)

    def tell(self, starts: datetime, ends: datetime | None) -> None:
        alert: dict[str, Any] = {
            "labels": {"alertname": "LinkDown", "line": "line-1", "severity": "critical"},
            "annotations": {"summary": "line-1 does not answer"},
            "startsAt": starts.isoformat(),
        }
        if ends is not None:
            alert["endsAt"] = ends.isoformat()
        assert httpx.post(f"{self.url}/api/v2/alerts", json=[alert]).is_success

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.HTTPError:
            return False


@pytest.fixture
def sender(tmp_path: Path, server: Server) -> Iterator[Alertmanager]:
    server.put("/v1/agreements", PORTFOLIO)
    server.put("/v1/mapping", MAPPING)
    running = Alertmanager(tmp_path / "alertmanager", server)
    yield running
    running.process.terminate()
    running.process.wait(timeout=30)


def alarms(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get("/v1/alarms").json()["alarms"]
    return found


@alertmanager
def test_an_alert_is_one_event_from_firing_to_resolved_though_the_server_was_killed(
    server: Server, sender: Alertmanager
) -> None:
    starts = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    sender.tell(starts, None)
    wait_until(lambda: alarms(server), sender.log.read_text)
    [raised] = alarms(server)
    assert (raised["services"], raised["severity"], raised["cleared_at"]) == (["line-1"], "critical", None)
    assert raised["events"] == [{"service": "line-1", "metric": "outage", "priority": "P1"}]
    wait_until(lambda: verdict(server).get("bad") == 1, lambda: str(verdict(server)))

    server.kill()
    sender.tell(starts, starts + timedelta(hours=3))
    server.start()
    wait_until(lambda: alarms(server)[0]["cleared_at"], sender.log.read_text)
    [cleared] = alarms(server)
    assert datetime.fromisoformat(cleared["cleared_at"]) == starts + timedelta(hours=3)
    assert (cleared["id"], cleared["text"]) == (raised["id"], "line-1 does not answer")
    # Closed within its four hours: what was bad while it was open is good.
    wait_until(lambda: (verdict(server)["bad"], verdict(server)["good"]) == (0, 1), lambda: str(verdict(server)))


def verdict(server: Server) -> dict[str, Any]:
    found = server.client.get("/v1/verdicts").json()["verdicts"]
    return found[-1] if found else {}
