"""A real Prometheus watches a real server; alert rules, dashboard and docs speak of what there is."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from upheld.agreements.units import format_instant
from upheld.clock import SystemClock
from upheld.ports import Census
from upheld.telemetry import Standing, Telemetry

from .conftest import Server, wait_until

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/upheld.rules.yaml"
DASHBOARD = ROOT / "deploy/grafana/upheld.json"
DOCS = ROOT / "docs/operating.md"
NAME = re.compile(r"\b(?:upheld|process)_[a-z0-9_]+")
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus is not installed: on Debian, apt-get install --no-install-recommends prometheus",
)


def expressions() -> list[str]:
    """Every query of the dashboard."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def families() -> set[str]:
    """The metrics that there can be, by the names that they have in a query but for the parts of histograms."""
    telemetry = Telemetry()
    census = Census(("t",), {}, {}, {}, {})
    telemetry.watch(lambda: Standing(0, census, {"t": (0, 0)}, {"assessment": 0.0}, 1))
    counters = ("counter",)
    return {f.name + ("_total" if f.type in counters else "") for f in telemetry.registry.collect()}


def family(name: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", name)


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=["rules", "dashboard"])
def test_only_metrics_that_there_are_are_asked_for(path: Path) -> None:
    text = path.read_text() if path == RULES else "\n".join(expressions())
    asked = {family(name) for name in NAME.findall(text)}
    assert len(asked) > 10
    assert asked <= families()


def test_every_metric_of_ours_and_every_alert_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+?)(?:\{[^`]*)?` \|", DOCS.read_text(), re.MULTILINE))
    ours = {name for name in families() if name.startswith("upheld_")}
    alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    assert len(alerts) > 10
    assert explained >= ours | alerts
    assert {name for name in explained if name.startswith(("upheld_", "Upheld"))} <= ours | alerts


def test_each_panel_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@needs_prometheus
@pytest.mark.parametrize("command", [["check", "rules", RULES.name], ["test", "rules", "upheld.rules.test.yaml"]])
def test_promtool_accepts_the_rules(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], cwd=RULES.parent, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


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
"""


@pytest.fixture
def watching(tmp_path: Path, server: Server) -> Iterator[tuple[str, Path]]:
    """(address, log) of a Prometheus that scrapes the server as docs/operating.md has it, with our rules."""
    made = subprocess.run(
        [sys.executable, "-m", "upheld.cli", "key", "add", "prometheus", "--role", "metrics"],
        cwd=tmp_path / "server",
        text=True,
        capture_output=True,
        check=True,
    )
    home = tmp_path / "prometheus"
    home.mkdir()
    (home / "key").write_text(made.stdout.strip())
    (home / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{RULES}"]
scrape_configs:
  - job_name: upheld
    authorization: {{credentials_file: key}}
    static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]
""")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    files = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (home / "log").open("wb") as output:
        process = subprocess.Popen(
            ["prometheus", *files, f"--web.listen-address={address}"], cwd=home, stdout=output, stderr=output
        )
    yield f"http://{address}", home / "log"
    process.terminate()
    process.wait(timeout=30)


def asked(prometheus: str, query: str) -> list[Any]:
    """What Prometheus answers to a query; nothing while it does not answer yet."""
    try:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=10)
    except httpx.HTTPError:
        return []
    assert answer.status_code in (200, 503), answer.text
    return answer.json()["data"]["result"] if answer.is_success else []


@needs_prometheus
def test_a_real_prometheus_watches_a_real_server(server: Server, watching: tuple[str, Path]) -> None:
    prometheus, log = watching
    server.put("/v1/agreements", PORTFOLIO)

    def delivered() -> bool:
        """Sends another measurement; whether Prometheus has seen the delay of a verdict."""
        now = format_instant(SystemClock().now() // 10**6 * 10**6)
        row = {"service": "line-1", "metric": "reachable", "time": now, "value": 1}
        lines = {"Content-Type": "application/x-ndjson"}
        assert server.client.post("/v1/measurements", content=json.dumps(row), headers=lines).is_success
        return bool(asked(prometheus, "upheld_arrival_to_verdict_seconds_count > 0"))

    wait_until(delivered, log.read_text)
    assert [value for _, value in (one["value"] for one in asked(prometheus, 'up{job="upheld"}'))] == ["1"]
    assert asked(prometheus, 'upheld_measurements_taken_total{tenant="default", protocol="json_lines"} >= 1')
    assert asked(prometheus, 'upheld_assessed_until_timestamp_seconds{tenant="default"} > time() - 60')
    assert asked(prometheus, "process_resident_memory_bytes > 1e7")
    for expression in expressions():
        query = expression.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$tenant", ".*")
        asked(prometheus, query)
    wait_until(lambda: {rule["health"] for rule in rules(prometheus)} == {"ok"}, log.read_text)
    assert len(rules(prometheus)) == len(re.findall("alert:", RULES.read_text()))


def rules(prometheus: str) -> list[dict[str, Any]]:
    groups = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]
