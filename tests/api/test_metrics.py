"""The page of metrics: who may read it, what it counts, and that Prometheus' own tool finds nothing to say of it."""

import shutil
import subprocess
from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from .conftest import PORTFOLIO, House

ROW = '{"service": "vpn-1", "metric": "reachable", "time": "2026-06-01T00:00:00Z", "value": 1}\n'
LINES = {"Content-Type": "application/x-ndjson"}


def metrics(client: TestClient) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    """The samples of the page, by their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def total(found: Mapping[str, list[tuple[Mapping[str, str], float]]], name: str, **labels: str) -> float:
    """The sum of the samples of that name with these labels."""
    return sum(value for has, value in found.get(name, ()) if labels.items() <= has.items())


def test_who_may_read_the_metrics(house: House) -> None:
    assert house.client().get("/metrics").status_code == 401
    assert house.client().get("/metrics").headers["content-type"] == "application/problem+json"
    assert house.client(house.key("north", "ingest")).get("/metrics").status_code == 403
    assert house.client(house.key("north", "metrics")).get("/metrics").status_code == 200
    assert house.client(house.key("north")).get("/metrics").status_code == 200


def test_a_metrics_key_may_do_nothing_else(house: House) -> None:
    client = house.client(house.key("north", "metrics"))
    assert client.get("/v1/cases").status_code == 403
    assert client.post("/v1/measurements", content=ROW, headers=LINES).status_code == 403
    assert client.post("/metrics").status_code == 403


def test_measurements_requests_and_the_log_are_counted(house: House, north: TestClient) -> None:
    tenant = house.tenant("north")
    before = metrics(north)
    assert north.post("/v1/measurements?mode=rows", content=ROW + "{}\n" + ROW, headers=LINES).status_code == 202
    assert north.post("/v1/measurements", content="{}", headers=LINES).status_code == 422
    north.get("/v1/nowhere/else")
    after = metrics(north)
    mine = {"tenant": tenant, "protocol": "json_lines"}
    assert total(after, "upheld_measurements_taken_total", **mine) == 2
    assert total(after, "upheld_measurements_left_out_total", **mine, reason="refused") == 2
    assert total(after, "upheld_log_backlog_rows", tenant=tenant) == 2
    assert total(after, "upheld_log_position", tenant=tenant) > 0
    grown = {name: total(after, name) - total(before, name) for name in after}
    assert grown["upheld_log_appended_rows_total"] == 2
    assert grown["upheld_log_append_duration_seconds_count"] == 1
    assert grown["upheld_log_sync_duration_seconds_count"] == 1
    assert grown["upheld_log_synced_bytes_total"] > 100
    answered = {"method": "POST", "route": "/v1/measurements"}
    for status in ("2xx", "4xx"):
        requests = [total(found, "upheld_http_requests_total", **answered, status=status) for found in (before, after)]
        assert requests[1] - requests[0] == 1
    assert total(after, "upheld_http_requests_total", method="GET", route="none", status="4xx") >= 1

    house.pulse()
    assessed = metrics(north)
    assert total(assessed, "upheld_log_backlog_rows", tenant=tenant) == 0
    assert total(assessed, "upheld_assessed_until_timestamp_seconds", tenant=tenant) > 1.7e9
    assert total(assessed, "upheld_pulse_duration_seconds_count") > total(after, "upheld_pulse_duration_seconds_count")
    changed = total(assessed, "upheld_verdicts_changed_total") - total(after, "upheld_verdicts_changed_total")
    assert changed >= 1


def test_dead_letters_wait_and_are_counted_when_they_are_replayed(house: House, north: TestClient) -> None:
    tenant = house.tenant("north")
    rows = ROW + ROW.replace("vpn-1", "vpn-9")
    assert north.post("/v1/measurements?mode=rows", content=rows, headers=LINES).status_code == 202
    assert total(metrics(north), "upheld_dead_letters_waiting", tenant=tenant, reason="refused") == 1
    source = PORTFOLIO.replace("vpn-2]", "vpn-2, vpn-9]", 1)
    north.put("/v1/agreements", content=source, headers={"Content-Type": "application/yaml"})
    (letter,) = north.get("/v1/dead-letters").json()["dead_letters"]
    assert north.post(f"/v1/dead-letters/{letter['id']}/replay").json()["taken"] == 1
    found = metrics(north)
    assert total(found, "upheld_measurements_taken_total", tenant=tenant, protocol="replay") == 1
    assert total(found, "upheld_dead_letters_waiting", tenant=tenant) == 0


def test_an_operator_sees_nothing_of_another_tenant(house: House, north: TestClient, south: TestClient) -> None:
    north.post("/v1/measurements", content=ROW, headers=LINES)
    everyone = metrics(house.client(house.key("north", "metrics")))
    assert total(everyone, "upheld_measurements_taken_total", tenant=house.tenant("north")) == 1
    tenants = {labels.get("tenant") for samples in metrics(south).values() for labels, _ in samples}
    assert tenants == {None, house.tenant("south")}


def test_an_odd_method_makes_no_series_of_its_own(house: House, north: TestClient) -> None:
    house.client().request("BREW", "/v1/pot")
    found = metrics(north)
    methods = {labels["method"] for labels, _ in found["upheld_http_requests_total"]}
    assert "other" in methods
    assert "BREW" not in methods


def test_the_page_tells_when_the_store_is_away(
    house: House, north: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert total(metrics(north), "upheld_store_up") == 1
    monkeypatch.setattr(house.application.store, "census", lambda _: 1 / 0)
    found = metrics(north)
    assert found["upheld_store_up"] == [({}, 0)]
    assert "upheld_open_cases" not in found
    assert "upheld_http_requests_total" in found


def test_the_page_is_given_as_openmetrics_where_asked_for(north: TestClient) -> None:
    answer = north.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed: on Debian, apt-get install --no-install-recommends prometheus",
)
def test_promtool_has_nothing_to_say_of_the_page(house: House, north: TestClient) -> None:
    north.post("/v1/measurements", content=ROW, headers=LINES)
    house.pulse()
    page = north.get("/metrics").text
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
